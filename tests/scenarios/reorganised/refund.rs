//! The refund was confirmed and is not any more, and the chain is below the refund height for a moment: the funder sends
//! it again, and holds the payment until it is buried.

use bitcoin::OutPoint;
use cambista_harness::swap::signed;
use cambista_harness::transaction::{Path, Seen};
use cambista_harness::{Change, Market, Purse, Taken, Way};

use super::{BURIED, assert_goes_on, market_for, reorganise_and_forget};

/// Replaced together with the refund, so that the fork is below the refund height.
const BELOW: u32 = 3;

#[test]
fn of_a_maker() {
    let (mut market, before) = market_for(Way::Out);
    let (taken, outpoint) = until_refunded(&mut market, Way::Out);
    reorganise_and_forget(&mut market, BURIED - 1 + BELOW);
    refunded_again(&mut market, &taken, outpoint, &before);
}

#[test]
fn of_a_taker() {
    let (mut market, before) = market_for(Way::In);
    let (taken, outpoint) = until_refunded(&mut market, Way::In);
    reorganise_and_forget(&mut market, BURIED - 1 + BELOW);
    refunded_again(&mut market, &taken, outpoint, &before);
}

/// The funder is away and finds another branch than the one it left.
#[test]
fn of_a_maker_that_was_away() {
    while_away(Way::Out);
}

#[test]
fn of_a_taker_that_was_away() {
    while_away(Way::In);
}

fn while_away(way: Way) {
    let (mut market, before) = market_for(way);
    let (taken, outpoint) = until_refunded(&mut market, way);
    way.funder_mut(&mut market).kill9();
    reorganise_and_forget(&mut market, BURIED - 1 + BELOW);
    assert!(market.bitcoind.mempool().is_empty());
    way.funder_mut(&mut market).restart();
    market.sync();
    refunded_again(&mut market, &taken, outpoint, &before);
}

/// The payer is killed after the funding; the refund is one block short of being buried.
fn until_refunded(market: &mut Market, way: Way) -> (Taken, OutPoint) {
    let taken = Taken::take(&market.taker, way, 150_000, &[]);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    way.payer_mut(market).kill9();
    let missing = taken.refund_height - market.bitcoind.height();
    market.bitcoind.mine(missing);
    market.sync();
    let refund = taken.wait_spend(&market.bitcoind, outpoint);
    assert_eq!(refund.path(outpoint), Path::Refund);
    market.mine(BURIED - 1);
    taken.confirmed_spend(&market.bitcoind, outpoint);
    assert_goes_on(&taken, way.funder(market));
    (taken, outpoint)
}

fn refunded_again(market: &mut Market, taken: &Taken, outpoint: OutPoint, before: &[Purse; 2]) {
    let way = taken.quote.direction;
    let refund = taken.wait_spend(&market.bitcoind, outpoint);
    assert_eq!(refund.path(outpoint), Path::Refund);
    market.mine(BURIED - 1);
    assert_goes_on(taken, way.funder(market));
    market.mine(1);
    way.payer_mut(market).restart();
    market.sync();

    let refund = taken.confirmed_spend(&market.bitcoind, outpoint);
    let funding = Seen::read(&market.bitcoind, outpoint.txid);
    let costs = signed(funding.fee_sat + refund.fee_sat);
    // The payer had its chance; only a taker has paid for it in advance.
    let prepay = match way {
        Way::Out => signed(taken.quote.prepay_sat),
        Way::In => 0,
    };
    let funded = Change {
        lightning: prepay,
        chain: -costs,
    };
    let paid = Change {
        lightning: -prepay,
        chain: 0,
    };
    let (taker, maker, outcome) = match way {
        Way::Out => (paid, funded, "prepay_kept"),
        Way::In => (funded, paid, "taken_back"),
    };
    before[0].assert_changed(&market.taker, &market.bitcoind, taker);
    before[1].assert_changed(&market.makers[0], &market.bitcoind, maker);
    taken.assert_outcome(&market.taker, outcome);
    taken.assert_outcome(&market.makers[0], outcome);
}
