//! The claim was confirmed and is not any more: it is not final before it is buried, and its owner sends it again.

use cambista_harness::transaction::Path;
use cambista_harness::{Taken, Way};

use super::{BURIED, assert_goes_on, market_for, reorganise_and_forget};
use crate::taker_killed::{finish, purses};

#[test]
fn of_a_taker() {
    comes_back(Way::Out);
}

#[test]
fn of_a_maker() {
    comes_back(Way::In);
}

/// The funding stays where it is.
fn comes_back(way: Way) {
    let (mut market, _) = market_for(way);
    for depth in [1, BURIED - 1] {
        let before = purses(&market);
        let taken = Taken::take(&market.taker, way, 150_000, &[]);
        let (outpoint, _) = taken.wait_funding(&market.bitcoind);
        market.mine(taken.quote.confirmations);
        taken.wait_spend(&market.bitcoind, outpoint);
        market.mine(depth);
        let claim = taken.confirmed_spend(&market.bitcoind, outpoint);
        assert_goes_on(&taken, &market.taker);
        assert_goes_on(&taken, &market.makers[0]);
        reorganise_and_forget(&mut market, depth);
        let again = taken.wait_spend(&market.bitcoind, outpoint);
        assert_eq!(again.path(outpoint), Path::Key);
        assert_eq!(again.txid, claim.txid, "nothing calls for another one");
        finish(&market, &taken, outpoint, &before);
    }
}
