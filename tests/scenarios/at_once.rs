//! Several swaps at once, in both directions, and everything dying in the middle of one.

use cambista_harness::swap::{OnChain, signed};
use cambista_harness::{Change, Market, Taken, Way};

use crate::taker_killed::{finish, make_room, purses};

at_two_fee_rates!(
    two_each_way_between_the_same_nodes,
    both_sides_of_an_out_are_killed,
    both_sides_of_an_in_are_killed,
);

fn two_each_way_between_the_same_nodes(fee_rate: u32) {
    let market = Market::direct(fee_rate);
    make_room(&market);
    let before = purses(&market);
    let taker = &market.taker;
    let all = [
        (Way::Out, 300_000),
        (Way::In, 200_000),
        (Way::Out, 150_000),
        (Way::In, 100_000),
    ]
    .map(|(way, amount)| Taken::take(taker, way, amount, &[]));
    let outpoints = all
        .each_ref()
        .map(|taken| taken.wait_funding(&market.bitcoind).0);

    let most = all.iter().map(|taken| taken.quote.confirmations).max();
    market.mine(most.unwrap());
    let mut wanted = [Change::default(); 2];
    for (taken, outpoint) in all.iter().zip(outpoints) {
        let seen: OnChain = market.mine_until_claimed(taken, outpoint);
        add(&mut wanted[0], taken.taker_change(&seen, 0, true));
        add(&mut wanted[1], taken.maker_change(&seen, 0));
    }
    let lightning: i64 = all.iter().map(paid).sum();
    assert_eq!(wanted[0].lightning, -lightning);
    before[0].assert_changed(taker, &market.bitcoind, wanted[0]);
    before[1].assert_changed(&market.makers[0], &market.bitcoind, wanted[1]);
    market.mine(5);
    for taken in &all {
        taken.assert_outcome(taker, "done");
        taken.assert_outcome(&market.makers[0], "done");
    }
}

/// What the taker pays over Lightning; less than nothing when it is paid.
fn paid(taken: &Taken) -> i64 {
    let (amount, fee) = (signed(taken.quote.amount_sat), taken.quote.maker_fee_sat);
    match taken.quote.direction {
        Way::Out => amount + fee,
        Way::In => fee - amount,
    }
}

/// Adds up what changed.
pub(crate) fn add(sum: &mut Change, more: Change) {
    sum.lightning += more.lightning;
    sum.chain += more.chain;
}

fn both_sides_of_an_out_are_killed(fee_rate: u32) {
    both_are_killed(&mut Market::direct(fee_rate), Way::Out);
}

fn both_sides_of_an_in_are_killed(fee_rate: u32) {
    let mut market = Market::direct(fee_rate);
    make_room(&market);
    both_are_killed(&mut market, Way::In);
}

fn both_are_killed(market: &mut Market, way: Way) {
    let before = purses(market);
    let taken = Taken::take(&market.taker, way, 200_000, &[]);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    market.taker.kill9();
    market.makers[0].kill9();
    market.bitcoind.mine(1);
    market.makers[0].restart();
    market.taker.restart();
    market.sync();
    market.mine(taken.quote.confirmations - 1);
    finish(market, &taken, outpoint, &before);
}
