//! The maker of an `in` keeps no rule: it pays over Lightning, or does not, and knows R from the beginning. Its taker funds nothing
//! that is not paid for, and ends with its payment or with its coins, less the fees it was shown.

mod not_r;
mod raced;
mod shown;
mod silent;
mod terms;
mod unpaid;

use bitcoin::OutPoint;
use cambista_harness::transaction::{self, Path, Seen, spend_in_blocks};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Change, Purse};
use serde_json::Value;

use crate::adversary::blocks;
use crate::adversary::in_maker::InMaker;
use crate::adversary::payer::{Bought, Funded};
use crate::adversary::prey::Prey;

const AMOUNT: &str = "100000";
/// Blocks after the agreement in which a taker may fund.
const FUND_WINDOW: u32 = 6;
/// What is so deep is final.
const BURIED: u32 = 6;

type InPrey = Prey<InMaker>;

/// The taker takes a swap, or says why not.
fn try_take(prey: &InPrey) -> Result<Value, String> {
    let own = prey.maker.payer.own.lightning();
    let maker = own.node_id().to_string();
    let args = ["in", AMOUNT, "--maker", &maker, "--yes", "--detach"];
    let taken = prey.taker.try_cli(&args);
    taken.map_err(|error| error.output)
}

/// A swap agreed and nothing more.
#[track_caller]
pub(crate) fn take(prey: &InPrey) -> Bought {
    let before = prey.maker.agreed();
    try_take(prey).unwrap_or_else(|why| panic!("not taken: {why}"));
    assert_eq!(prey.maker.agreed(), before + 1);
    prey.maker.last()
}

/// The maker pays. Says what it knows the payment by.
pub(crate) fn pay(prey: &InPrey, swap: &Bought) -> [u8; 32] {
    prey.maker
        .payer
        .pay_invoice(swap, &swap.funder.swap_invoice)
}

/// A swap paid and funded, nothing of it confirmed.
#[track_caller]
fn funded(prey: &InPrey) -> (Bought, Funded) {
    let swap = take(prey);
    pay(prey, &swap);
    let funded = prey.maker.payer.wait_funded(&prey.bitcoind, &swap);
    (swap, funded)
}

/// Waits until something in the mempool spends the output.
#[track_caller]
fn wait_spend(prey: &InPrey, funded: &Funded) -> Seen {
    transaction::wait_spend(&prey.bitcoind, funded.outpoint)
}

/// Mines until the refund of every one of these is in a block; says what they cost the taker, their fundings included (sat).
#[track_caller]
fn refunded<'a>(prey: &InPrey, swaps: impl Iterator<Item = &'a Funded> + Clone) -> i64 {
    let outpoints: Vec<OutPoint> = swaps.clone().map(|funded| funded.outpoint).collect();
    blocks::with_spends(&prey.bitcoind, &outpoints, || prey.mine(1));
    let cost = |funded: &Funded| {
        let refund = spend_in_blocks(&prey.bitcoind, funded.outpoint, 30).unwrap();
        assert_eq!(refund.path(funded.outpoint), Path::Refund);
        funded.fee + i64::try_from(refund.fee_sat).unwrap()
    };
    swaps.map(cost).sum()
}

/// The taker has what it had, changed by this, and nothing is under way or set aside any more.
#[track_caller]
fn assert_over(prey: &InPrey, before: &Purse, lightning: i64, chain: i64) {
    let change = Change { lightning, chain };
    before.assert_settled(&prey.taker, &prey.bitcoind, change);
    wait_for("every swap to be over", FOUND_AGAIN, || {
        let open = prey.taker.status()["open_swaps"].clone();
        (open == 0).then_some(()).ok_or_else(|| open.to_string())
    });
}
