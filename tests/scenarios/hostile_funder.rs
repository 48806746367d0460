//! The taker of an `in` keeps no rule. Its maker pays it over Lightning before anything is on the chain: nothing is paid on terms
//! that are not the quoted ones, and R is told for exactly SAT, confirmed, and for nothing else.

mod funding;
mod terms;

use cambista_harness::Purse;
use cambista_harness::wait::{secs, wait_for};

use crate::adversary::payer::Victims;

const AMOUNT: u64 = 100_000;

/// The maker has what it had, changed by this, and nothing is under way any more.
#[track_caller]
fn assert_over(victims: &Victims, before: &Purse, lightning: i64, chain: i64) {
    let maker = &victims.makers[0];
    let change = cambista_harness::Change { lightning, chain };
    before.assert_settled(maker, &victims.bitcoind, change);
    wait_for("every swap to be over", secs(30), || {
        let open = maker.status()["open_swaps"].clone();
        (open == 0).then_some(()).ok_or_else(|| open.to_string())
    });
}
