//! Who pays over Lightning is killed after the other side funded, and stays away: the coins are taken back at the refund
//! height and the payment goes back. If it was a taker, its prepay pays the maker for the trouble.

use bitcoin::absolute::LockTime;
use cambista_harness::market::{DEAR, USUAL};
use cambista_harness::swap::signed;
use cambista_harness::transaction::{Path, spend_in_mempool};
use cambista_harness::{Change, Market, MarketOptions, Purse, Taken, Way};

use crate::taker_killed::{make_room, purses};

at_two_fee_rates!(
    the_maker_is_refunded_and_keeps_the_prepay,
    the_taker_is_refunded,
);

/// With a node between, that is there all the time: so the maker's own channel settles although the taker is away.
fn the_maker_is_refunded_and_keeps_the_prepay(fee_rate: u32) {
    let mut market = Market::start(&MarketOptions::new(fee_rate, &[DEAR, USUAL]));
    let before = {
        let nodes = [&market.taker, &market.makers[0], &market.makers[1]];
        nodes.map(|node| Purse::of(node, &market.bitcoind))
    };
    let taken = Taken::take(&market.taker, Way::Out, 500_000, &[]);
    assert!(taken.quote.prepay_sat > 0, "{:?}", taken.quote);
    let (outpoint, funding) = taken.wait_funding(&market.bitcoind);
    market.taker.kill9();

    market.mine_to_height(taken.refund_height - 1);
    let early = spend_in_mempool(&market.bitcoind, outpoint);
    assert_eq!(early, None, "taken back before its time");
    market.mine(1);
    let refund = taken.wait_spend(&market.bitcoind, outpoint);
    assert_eq!(refund.path(outpoint), Path::Refund);
    let locked_until = LockTime::from_consensus(taken.refund_height);
    assert_eq!(refund.tx.lock_time, locked_until);
    refund.assert_rate(market.fee_rate());

    // Six deep the refund is final; only then may the payment go back.
    market.mine(6);
    let refund = taken.confirmed_spend(&market.bitcoind, outpoint);
    let costs = funding.fee_sat + refund.fee_sat;
    let kept = Change {
        lightning: signed(taken.quote.prepay_sat),
        chain: -signed(costs),
    };
    before[2].assert_changed(&market.makers[1], &market.bitcoind, kept);
    let ended = taken.assert_outcome(&market.makers[1], "prepay_kept");
    let cost = signed(costs) - signed(taken.quote.prepay_sat);
    assert_eq!(ended["cost"]["total_sat"], cost, "{ended}");

    // Had it come back at last, it would have lost the prepay and its routing, and nothing else.
    market.taker.restart();
    market.sync();
    let lost = signed(taken.quote.prepay_sat) + 1;
    assert!(lost <= signed(taken.quote.worst_if_failed_sat));
    let change = |lightning| Change {
        lightning,
        chain: 0,
    };
    before[0].assert_changed(&market.taker, &market.bitcoind, change(-lost));
    before[1].assert_changed(&market.makers[0], &market.bitcoind, change(1));
    taken.assert_outcome(&market.taker, "prepay_kept");
}

/// The payer of an `in` is the maker.
fn the_taker_is_refunded(fee_rate: u32) {
    let mut market = Market::direct(fee_rate);
    make_room(&market);
    let before = purses(&market);
    let taken = Taken::take(&market.taker, Way::In, 200_000, &[]);
    let (outpoint, funding) = taken.wait_funding(&market.bitcoind);
    market.makers[0].kill9();

    market.mine_to_height(taken.refund_height);
    let refund = taken.wait_spend(&market.bitcoind, outpoint);
    assert_eq!(refund.path(outpoint), Path::Refund);
    market.mine(6);
    let refund = taken.confirmed_spend(&market.bitcoind, outpoint);
    let costs = funding.fee_sat + refund.fee_sat;
    assert!(costs <= taken.quote.worst_if_failed_sat);
    let only_fees = Change {
        lightning: 0,
        chain: -signed(costs),
    };
    before[0].assert_changed(&market.taker, &market.bitcoind, only_fees);
    let ended = taken.assert_outcome(&market.taker, "taken_back");
    assert_eq!(ended["cost"]["total_sat"], signed(costs), "{ended}");

    // The maker finds its payment given back when it returns.
    market.makers[0].restart();
    market.sync();
    let nothing = Change::default();
    before[1].assert_changed(&market.makers[0], &market.bitcoind, nothing);
    before[0].assert_changed(&market.taker, &market.bitcoind, only_fees);
    taken.assert_outcome(&market.makers[0], "taken_back");
}
