//! The secret is out, the funding leaves the chain, and no miner takes it again before the refund height: the funder,
//! which is paid, neither replaces it nor takes it back, and the payer claims it in the end.

use cambista_harness::Way;
use cambista_harness::transaction::Path;

use super::{market_for, until_claimed};
use crate::taker_killed::finish;

#[test]
fn in_an_out() {
    confirms_after_all(Way::Out);
}

#[test]
fn in_an_in() {
    confirms_after_all(Way::In);
}

fn confirms_after_all(way: Way) {
    let (market, before) = market_for(way);
    let (taken, claim) = until_claimed(&market, way, 150_000);
    let outpoint = claim.tx.input[0].previous_output;
    let funding = market.bitcoind.tx(outpoint.txid);
    assert!(funding["confirmations"].is_number(), "{funding}");
    market.reorganise(taken.quote.confirmations);
    let funding = market.bitcoind.tx(outpoint.txid);
    assert!(funding["confirmations"].is_null(), "{funding}");
    market.mine_empty_to_height(taken.refund_height + 2);
    assert!(market.bitcoind.mempool().contains(&outpoint.txid));
    // The claim pays more by now; a refund would have another path, and other balances.
    let spend = taken.wait_spend(&market.bitcoind, outpoint);
    assert_eq!(spend.path(outpoint), Path::Key);
    finish(&market, &taken, outpoint, &before);
}
