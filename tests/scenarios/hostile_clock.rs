//! The clock of one machine is two hours off: it begins no swap, and what was begun goes on by heights. At worst R waits until
//! the clock is right again.

mod clocks;

use cambista_harness::market::wait_usable;
use cambista_harness::swap::wait_offer;
use cambista_harness::transaction::spend_in_mempool;
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Change, Market, Taken, Way};

use clocks::Clocks;

use crate::taker_killed::{finish, market_for, purses};

const AMOUNT: u64 = 200_000;
/// Seconds.
const OFF: i64 = 2 * 3600;

/// A taker takes quotes for expired ones or offers for those of the future, and a maker whose clock is behind gives quotes that
/// have expired: nothing is paid. Where only the funder's clock is ahead the swap goes through, by heights alone.
#[test]
fn with_a_clock_two_hours_off_no_swap_is_begun_that_would_not_end() {
    let clocks = Clocks::build();
    let mut market = Market::direct(3);
    let before = purses(&market);
    for (of_taker, off, why) in [
        (true, OFF, "expired"),
        (true, -OFF, "no maker on the market offers"),
        (false, -OFF, "expired"),
    ] {
        set_clock(&mut market, of_taker, &clocks, off);
        if why == "expired" {
            // The taker takes the offer for a good one, as soon as it has it again.
            wait_offer(&market.taker, Way::Out, AMOUNT);
        }
        let tried = market
            .taker
            .try_cli(&["out", "200000", "--yes", "--detach"]);
        let said = tried.expect_err("a swap was begun").output;
        assert!(said.contains(why), "{said}");
        set_clock(&mut market, of_taker, &clocks, 0);
    }
    for (node, purse) in [&market.taker, &market.makers[0]].into_iter().zip(&before) {
        assert_eq!(node.status()["open_swaps"], 0);
        purse.assert_changed(node, &market.bitcoind, Change::default());
    }
    // Killed: one that is stopped takes its offer back, and what it offers then is from the future for the taker.
    wait_offer(&market.taker, Way::Out, AMOUNT);
    market.makers[0].kill9();
    start_at(&mut market, false, &clocks, OFF);
    let taken = Taken::take(&market.taker, Way::Out, AMOUNT, &[]);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    finish(&market, &taken, outpoint, &before);
}

#[test]
fn a_takers_clock_jumps_during_an_out() {
    jumps(Way::Out);
}

#[test]
fn a_makers_clock_jumps_during_an_in() {
    jumps(Way::In);
}

/// First the funder's clock and then the payer's is wrong, each way, while a swap is under way. A payer whose clock is ahead
/// takes every block for an old one: it says so, and tells R as soon as its clock is right.
fn jumps(way: Way) {
    let clocks = Clocks::build();
    let mut market = market_for(way, 3);
    for (of_payer, off) in [(false, OFF), (false, -OFF), (true, -OFF), (true, OFF)] {
        let before = purses(&market);
        let of_taker = of_payer == (way == Way::Out);
        let taken = Taken::take(&market.taker, way, 60_000, &[]);
        let (outpoint, _) = taken.wait_funding(&market.bitcoind);
        set_clock(&mut market, of_taker, &clocks, off);
        market.sync();
        if of_payer && off > 0 {
            market.mine(taken.quote.confirmations);
            let payer = if of_taker {
                &market.taker
            } else {
                &market.makers[0]
            };
            wait_for("the payer to say why it waits", FOUND_AGAIN, || {
                let next = taken.seen_by(payer)["next"].clone();
                let said = next.as_str().unwrap_or_default();
                let waits = said.contains("over an hour old");
                waits.then_some(()).ok_or_else(|| next.to_string())
            });
            assert_eq!(spend_in_mempool(&market.bitcoind, outpoint), None);
            set_clock(&mut market, of_taker, &clocks, 0);
        }
        finish(&market, &taken, outpoint, &before);
        set_clock(&mut market, of_taker, &clocks, 0);
    }
}

/// A machine is put right, or wrong, between two runs.
fn set_clock(market: &mut Market, of_taker: bool, clocks: &Clocks, ahead: i64) {
    let node = match of_taker {
        true => &mut market.taker,
        false => &mut market.makers[0],
    };
    node.stop();
    start_at(market, of_taker, clocks, ahead);
}

/// Starts the machine again at another time.
fn start_at(market: &mut Market, of_taker: bool, clocks: &Clocks, ahead: i64) {
    let node = match of_taker {
        true => &mut market.taker,
        false => &mut market.makers[0],
    };
    node.set_program(clocks.ahead(ahead));
    node.restart();
    for node in [&market.taker, &market.makers[0]] {
        wait_usable(node, 1);
        // The market's network is another one, and finds its peers by itself.
        wait_for("the other in the market", FOUND_AGAIN, || {
            let peers = node.status()["p2p_peers"].clone();
            (peers == 1).then_some(()).ok_or_else(|| peers.to_string())
        });
    }
}
