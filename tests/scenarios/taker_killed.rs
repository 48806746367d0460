//! The taker is killed in the middle of a swap, misses a block and is started again: the swap goes through.

use bitcoin::OutPoint;
use cambista_harness::{Change, Market, Node, Purse, Taken, Way};

at_two_fee_rates!(
    out_goes_on_after_the_funding,
    out_goes_on_after_the_reveal,
    in_goes_on_after_the_funding,
);

fn out_goes_on_after_the_funding(fee_rate: u32) {
    goes_on_after_the_funding(fee_rate, Way::Out, |market| &mut market.taker);
}

fn in_goes_on_after_the_funding(fee_rate: u32) {
    goes_on_after_the_funding(fee_rate, Way::In, |market| &mut market.taker);
}

/// Somebody is killed when the funding is there and is started again a block later.
pub(crate) fn goes_on_after_the_funding(
    fee_rate: u32,
    way: Way,
    killed: impl Fn(&mut Market) -> &mut Node,
) {
    let mut market = market_for(way, fee_rate);
    let amount = match way {
        Way::Out => 500_000,
        Way::In => 200_000,
    };
    let before = purses(&market);
    let taken = Taken::take(&market.taker, way, amount, &[]);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    killed(&mut market).kill9();
    market.mine(1);
    killed(&mut market).restart();
    finish(&market, &taken, outpoint, &before);
}

/// Killed when its claim is in the mempool and everything over Lightning is settled.
fn out_goes_on_after_the_reveal(fee_rate: u32) {
    let mut market = Market::direct(fee_rate);
    let before = purses(&market);
    let taken = Taken::take(&market.taker, Way::Out, 500_000, &[]);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    market.mine(taken.quote.confirmations);
    taken.wait_spend(&market.bitcoind, outpoint);
    let paid = Change {
        lightning: -(500_000 + taken.quote.maker_fee_sat),
        chain: 0,
    };
    before[0].assert_changed(&market.taker, &market.bitcoind, paid);
    market.taker.kill9();
    market.mine(1);
    market.taker.restart();
    finish(&market, &taken, outpoint, &before);
}

/// One maker with a direct channel, and room for swaps this way.
pub(crate) fn market_for(way: Way, fee_rate: u32) -> Market {
    let market = Market::direct(fee_rate);
    if way == Way::In {
        make_room(&market);
    }
    market
}

/// So that the taker can be paid over Lightning.
pub(crate) fn make_room(market: &Market) {
    let room = Taken::take(&market.taker, Way::Out, 500_000, &[]);
    market.confirm_and_claim(&room);
    market.mine(5);
    room.assert_outcome(&market.taker, "done");
    room.assert_outcome(&market.makers[0], "done");
}

/// What the taker and the only maker have.
pub(crate) fn purses(market: &Market) -> [Purse; 2] {
    [&market.taker, &market.makers[0]].map(|node| Purse::of(node, &market.bitcoind))
}

/// Mines until the swap is over and checks what both sides have.
pub(crate) fn finish(market: &Market, taken: &Taken, outpoint: OutPoint, before: &[Purse; 2]) {
    market.sync();
    let seen = market.mine_until_claimed(taken, outpoint);
    let chain = &market.bitcoind;
    let change = taken.taker_change(&seen, 0, true);
    before[0].assert_changed(&market.taker, chain, change);
    let change = taken.maker_change(&seen, 0);
    before[1].assert_changed(&market.makers[0], chain, change);
    market.mine(5);
    taken.assert_outcome(&market.taker, "done");
    taken.assert_outcome(&market.makers[0], "done");
}
