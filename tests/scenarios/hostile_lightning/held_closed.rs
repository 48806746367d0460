//! The payment of an `in` is held and its funding is signed, and nobody has heard of it: the taker is killed in that very moment, and
//! its maker closes the channel.

use cambista_harness::Purse;
use cambista_harness::swap::signed;
use cambista_harness::wait::{FOUND_AGAIN, wait_for};

use super::closing::{SWEEP, outside};
use super::fees::Paid;
use crate::adversary::chain;
use crate::adversary::in_maker::InMaker;
use crate::adversary::maker::DELTA;
use crate::adversary::payer::Bought;
use crate::adversary::prey::{PUSHED, Prey};
use crate::hostile_in::{pay, take};

/// Nothing says yet that the funding is to leave, and it never does.
#[test]
fn nothing_is_funded_when_the_channel_is_closed_before_that_is_decided() {
    let (prey, swap, before) = closed_at("in funder event hold-durable before");
    prey.maker.payer.tell_preimage(&swap, swap.preimage32());
    home(&prey, &swap, "nothing_happened", before);
}

/// The intent is stored, and no byte has left: the funding goes out, and pays the taker by the R its claim shows.
#[test]
fn r_pays_the_taker_when_the_channel_is_closed_before_the_funding_leaves() {
    let (prey, swap, before) = closed_at("in funder effect publish-funding begun");
    let (payer, chain) = (&prey.maker.payer, &prey.bitcoind);
    let funding = payer.wait_funded(chain, &swap);
    prey.mine(1);
    chain::mine_alone(chain, &swap.claim(chain, &funding, 2)).unwrap();
    prey.sync();
    payer.wait_key(&swap);
    home(&prey, &swap, "done", before + swap.paid() - swap.amount());
}

/// The same with a maker that is silent from there on.
#[test]
fn fees_are_all_it_costs_when_the_channel_is_closed_before_the_funding_leaves() {
    let (prey, swap, before) = closed_at("in funder effect publish-funding begun");
    prey.maker.payer.wait_funded(&prey.bitcoind, &swap);
    prey.mine_to_height(swap.contract.refund_height());
    home(&prey, &swap, "taken_back", before);
}

/// The taker is killed at this point, its maker closes the channel, and both go on when that is in a block. Says what the taker had,
/// its part of the channel included (sat).
fn closed_at(point: &str) -> (Prey<InMaker>, Bought, i64) {
    let mut prey = Prey::start_in_with(true);
    let coins = Purse::of(&prey.taker, &prey.bitcoind).chain;
    prey.taker.failpoints().arm(&[point]);
    let swap = take(&prey);
    pay(&prey, &swap);
    wait_for("the taker to be killed", FOUND_AGAIN, || {
        prey.taker
            .fell()
            .then_some(())
            .ok_or_else(|| "it runs".to_owned())
    });
    prey.maker.payer.own.close_by_force();
    prey.bitcoind.wait_for_mempool(1, FOUND_AGAIN);
    prey.mine(1);
    prey.taker.failpoints().arm(&[]);
    prey.taker.restart();
    prey.sync();
    (prey, swap, signed(coins) + signed(PUSHED))
}

/// Mines until the swap is over and nothing of the channel is outside the taker's wallet: it ends like this, with so much less what
/// its transactions paid to miners (sat).
fn home(prey: &Prey<InMaker>, swap: &Bought, outcome: &str, expected: i64) {
    let (taker, chain) = (&prey.taker, &prey.bitcoind);
    wait_for("all of it in the taker's wallet", 4 * SWEEP, || {
        let left = outside(taker);
        let open = taker.status()["open_swaps"].clone();
        if left.is_empty() && open == 0 {
            return Ok(());
        }
        let waits = left.iter().any(|part| part["wait"] != "sweep");
        if waits || open != 0 || !chain.mempool().is_empty() {
            prey.mine(1);
        }
        Err(format!("{open} swaps open, outside: {left:?}"))
    });
    swap.outcome(taker, outcome);
    let since = swap.contract.refund_height() - DELTA;
    let cost = Paid::by(taker, chain, since).cost();
    assert_eq!(signed(Purse::of(taker, chain).chain), expected - cost);
}
