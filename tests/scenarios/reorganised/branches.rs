//! Two branches take turns: the one that was left comes back and is the longer one in the end.

use cambista_harness::transaction::spend_in_mempool;
use cambista_harness::{Market, Taken, Way};
use serde_json::json;

use super::{FOR_TWO, market_for, until_claimed};
use crate::taker_killed::{finish, purses};

#[test]
fn under_an_out() {
    back_and_forth(Way::Out);
}

#[test]
fn under_an_in() {
    back_and_forth(Way::In);
}

fn back_and_forth(way: Way) {
    let (market, before) = market_for(way);
    let taken = Taken::take(&market.taker, way, FOR_TWO, &[]);
    assert_eq!(taken.quote.confirmations, 2);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    market.mine(1);
    there_and_back(&market, 1);
    // Its first confirmation is back, and the next one is the last.
    let early = spend_in_mempool(&market.bitcoind, outpoint);
    assert_eq!(early, None, "claimed too early");
    market.mine(1);
    taken.wait_spend(&market.bitcoind, outpoint);
    finish(&market, &taken, outpoint, &before);

    let before = purses(&market);
    let (taken, claim) = until_claimed(&market, way, 60_000);
    let outpoint = claim.tx.input[0].previous_output;
    market.mine(3);
    there_and_back(&market, taken.quote.confirmations + 3);
    let confirmed = taken.confirmed_spend(&market.bitcoind, outpoint);
    assert_eq!(confirmed.txid, claim.txid);
    finish(&market, &taken, outpoint, &before);
}

/// The last `depth` blocks give way to a longer branch of empty ones, and are the chain again after that.
fn there_and_back(market: &Market, depth: u32) {
    let chain = &market.bitcoind;
    let hash_at = |height: u32| chain.rpc("getblockhash", json!([height])).unwrap();
    let (tip, fork) = (chain.height(), chain.height() + 1 - depth);
    let first = hash_at(fork);
    let left = hash_at(tip);
    market.reorganise(depth);
    assert_ne!(hash_at(fork), first);
    chain.invalidate(fork);
    chain.rpc("reconsiderblock", json!([first])).unwrap();
    assert_eq!(hash_at(tip), left);
    market.sync();
}
