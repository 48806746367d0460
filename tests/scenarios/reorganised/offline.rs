//! The chain is reorganised while nodes are away: they start again on another branch than the one they left.

use cambista_harness::market::wait_usable;
use cambista_harness::transaction::spend_in_mempool;
use cambista_harness::{Market, Taken, Way};

use super::{FOR_TWO, market_for};
use crate::taker_killed::{finish, purses};

#[test]
fn during_an_out() {
    survived(Way::Out);
}

#[test]
fn during_an_in() {
    survived(Way::In);
}

fn survived(way: Way) {
    let (mut market, _) = market_for(way);
    for (taker, maker) in [(true, false), (false, true), (true, true)] {
        before_the_reveal(&mut market, way, (taker, maker));
        after_the_claim(&mut market, way, (taker, maker));
    }
}

/// The funding has one of two confirmations when they leave, and another one when they are back.
fn before_the_reveal(market: &mut Market, way: Way, who: (bool, bool)) {
    let before = purses(market);
    let taken = Taken::take(&market.taker, way, FOR_TWO, &[]);
    assert_eq!(taken.quote.confirmations, 2);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    market.mine(1);
    kill(market, who);
    market.reorganise(1);
    market.mine(1);
    restart(market, who);
    market.sync();
    let early = spend_in_mempool(&market.bitcoind, outpoint);
    assert_eq!(early, None, "claimed after one confirmation");
    finish(market, &taken, outpoint, &before);
}

/// Everything on the chain is unconfirmed when they are back.
fn after_the_claim(market: &mut Market, way: Way, who: (bool, bool)) {
    let before = purses(market);
    let taken = Taken::take(&market.taker, way, 60_000, &[]);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    market.mine(taken.quote.confirmations);
    taken.wait_spend(&market.bitcoind, outpoint);
    market.mine(2);
    taken.confirmed_spend(&market.bitcoind, outpoint);
    kill(market, who);
    market.reorganise(taken.quote.confirmations + 2);
    let funding = market.bitcoind.tx(outpoint.txid);
    assert!(funding["confirmations"].is_null(), "{funding}");
    restart(market, who);
    finish(market, &taken, outpoint, &before);
}

fn kill(market: &mut Market, (taker, maker): (bool, bool)) {
    if taker {
        market.taker.kill9();
    }
    if maker {
        market.makers[0].kill9();
    }
}

fn restart(market: &mut Market, (taker, maker): (bool, bool)) {
    if taker {
        market.taker.restart();
    }
    if maker {
        market.makers[0].restart();
    }
    // The next swap is taken right afterwards.
    wait_usable(&market.taker, 1);
    wait_usable(&market.makers[0], 1);
}
