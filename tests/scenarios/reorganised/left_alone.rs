//! The secret is out, funding and claim leave the chain and every mempool, and the other side is gone: the payer sends
//! both again by itself.

use cambista_harness::Way;

use super::{BURIED, market_for, reorganise_and_forget, until_claimed};
use crate::taker_killed::finish;

#[test]
fn a_taker_sends_the_makers_funding_again() {
    sends_both(Way::Out);
}

#[test]
fn a_maker_sends_the_takers_funding_again() {
    sends_both(Way::In);
}

fn sends_both(way: Way) {
    let (mut market, before) = market_for(way);
    let (taken, claim) = until_claimed(&market, way, 150_000);
    let outpoint = claim.tx.input[0].previous_output;
    // Everything is settled over Lightning: the funder has nothing to do any more.
    market.mine(BURIED - 1);
    taken.confirmed_spend(&market.bitcoind, outpoint);
    way.funder_mut(&mut market).kill9();
    reorganise_and_forget(&mut market, taken.quote.confirmations + BURIED - 1);
    let (funding, _) = taken.wait_funding(&market.bitcoind);
    assert_eq!(funding, outpoint);
    taken.wait_spend(&market.bitcoind, outpoint);
    market.mine(1);
    taken.confirmed_spend(&market.bitcoind, outpoint);
    way.funder_mut(&mut market).restart();
    finish(&market, &taken, outpoint, &before);
}
