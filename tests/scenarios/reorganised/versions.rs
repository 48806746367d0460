//! The funding was replaced by its sender at a higher fee, and the chain changes its mind about which version confirms.

use bitcoin::OutPoint;
use bitcoin::consensus::encode::serialize_hex;
use cambista_harness::transaction::{Path, Seen, spend_in_mempool};
use cambista_harness::{Market, Taken, Way};

use super::{FOR_TWO, market_for};
use crate::taker_killed::finish;

/// What the funder pays when it replaces its funding (sat/vB).
const LATER: u32 = 6;

#[test]
fn another_one_before_the_reveal_of_an_out() {
    before_the_reveal(Way::Out);
}

#[test]
fn another_one_before_the_reveal_of_an_in() {
    before_the_reveal(Way::In);
}

#[test]
fn another_one_after_the_reveal_of_an_out() {
    after_the_reveal(Way::Out);
}

#[test]
fn another_one_after_the_reveal_of_an_in() {
    after_the_reveal(Way::In);
}

/// The confirmations of the first are no confirmations of the second.
fn before_the_reveal(way: Way) {
    let (mut market, before) = market_for(way);
    let (taken, first, second) = two_versions(&mut market, way);
    assert_eq!(taken.quote.confirmations, 2);
    confirm(&market, &first.1);
    exchange(&market, 1, &second.1);
    let early = spend_in_mempool(&market.bitcoind, second.0);
    assert_eq!(early, None, "claimed after one confirmation");
    finish(&market, &taken, second.0, &before);
}

/// Deeper than promised: the payer has revealed for the first, and takes the second instead.
fn after_the_reveal(way: Way) {
    let (mut market, before) = market_for(way);
    let (taken, first, second) = two_versions(&mut market, way);
    confirm(&market, &first.1);
    market.mine(taken.quote.confirmations - 1);
    let claim = taken.wait_spend(&market.bitcoind, first.0);
    assert_eq!(claim.path(first.0), Path::Key);
    market.mine(1);
    taken.confirmed_spend(&market.bitcoind, first.0);
    exchange(&market, taken.quote.confirmations + 1, &second.1);
    let claim = taken.wait_spend(&market.bitcoind, second.0);
    assert_eq!(claim.path(second.0), Path::Key);
    finish(&market, &taken, second.0, &before);
}

type Version = (OutPoint, Seen);

/// A swap whose funding was replaced before it was confirmed.
fn two_versions(market: &mut Market, way: Way) -> (Taken, Version, Version) {
    let taken = Taken::take(&market.taker, way, FOR_TWO, &[]);
    let first = taken.wait_funding(&market.bitcoind);
    let funder = way.funder_mut(market);
    funder.stop();
    funder.set_fee_rate(LATER);
    funder.restart();
    market.mine_empty(1);
    let second = taken.wait_other_funding(&market.bitcoind, first.0);
    assert_eq!(
        first.1.tx.input[0].previous_output,
        second.1.tx.input[0].previous_output
    );
    (taken, first, second)
}

fn confirm(market: &Market, version: &Seen) {
    market.bitcoind.mine_only(&[serialize_hex(&version.tx)]);
    market.sync();
}

/// Replaces the last `depth` blocks by a branch that is one longer, with `version` in its last block.
fn exchange(market: &Market, depth: u32, version: &Seen) {
    market
        .bitcoind
        .invalidate(market.bitcoind.height() + 1 - depth);
    for _ in 0..depth {
        market.bitcoind.mine_only(&[]);
    }
    confirm(market, version);
}
