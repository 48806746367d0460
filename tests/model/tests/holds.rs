//! Nobody honest loses, and everything ends.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::time::Instant;

use cambista_model::{Honest, Setup, search};

const MOST: usize = 4_000_000;
/// Strays come in the first blocks only: later ones meet the same states.
const EARLY: u32 = 11;
const ALL: [Honest; 3] = [Honest::Both, Honest::Payer, Honest::Funder];

fn holds(name: &str, setup: &Setup) {
    setup.locks.check(setup.confirmations).unwrap();
    let begun = Instant::now();
    let found = search(setup, MOST).unwrap();
    let took = begun.elapsed().as_millis();
    println!("{name}, honest {:?}: {found} ({took} ms)", setup.honest);
    assert!(found.violation.is_none(), "{name}: {found}");
    // A deposit of another value alone never becomes a swap.
    let hopeless = setup.external && !setup.others[0];
    assert_eq!(found.swapped == 0, hopeless, "{name}: {found}");
}

fn all(name: &str, change: impl Fn(&mut Setup)) {
    for honest in ALL {
        let mut setup = Setup::tiny(honest);
        change(&mut setup);
        holds(name, &setup);
    }
}

#[test]
fn with_blocks_that_may_keep_a_spend_waiting() {
    for honest in ALL {
        holds("quiet", &Setup::small(honest));
    }
}

#[test]
fn with_a_bump() {
    all("bump", |s| s.bump = true);
}

#[test]
fn with_a_crash() {
    all("crash", |s| s.crashes = (1, 1));
}

#[test]
fn with_a_reorganisation_shallower_than_n() {
    all("reorg", |s| s.reorg = (1, 1));
}

#[test]
fn with_a_second_output_of_the_value() {
    all("gift", |s| {
        s.others = [true, false];
        s.others_until = EARLY;
    });
}

#[test]
fn with_an_output_of_another_value() {
    all("stray", |s| {
        s.others = [false, true];
        s.others_until = EARLY;
    });
}

#[test]
fn with_a_prepay() {
    all("prepay", |s| s.prepay = true);
}

#[test]
fn with_users_who_cancel() {
    all("cancel", |s| s.cancel = true);
}

#[test]
fn with_an_outside_funding_right_wrong_late_and_twice() {
    for honest in [Honest::Both, Honest::Funder] {
        for others in [[true, false], [false, true], [true, true]] {
            let mut setup = Setup::tiny(honest);
            setup.external = true;
            setup.others = others;
            if others == [true, true] {
                setup.others_until = EARLY + 2;
            }
            holds(&format!("outside {others:?}"), &setup);
        }
    }
}

/// A funder whose refund is out may be away longer than its margin: what happened is read before Lightning gives up.
#[test]
fn with_a_funder_away_while_its_refund_waits() {
    let mut setup = Setup::tiny(Honest::Funder);
    setup.crashes = (1, 6);
    setup.crash_from = setup.refund_height();
    holds("away", &setup);
}

#[test]
fn with_one_confirmation_and_no_reorganisation() {
    for honest in ALL {
        let mut setup = Setup::tiny(honest);
        setup.confirmations = 1;
        holds("N = 1", &setup);
    }
}

#[test]
fn with_everything_at_once_against_any_payer() {
    let mut setup = Setup::tiny(Honest::Funder);
    setup.crashes = (1, 1);
    setup.reorg = (1, 1);
    setup.prepay = true;
    setup.bump = true;
    holds("everything", &setup);
}

/// Nobody cheats and the chain turns one block over: the funder's late replacement is public by then, so the payer waits for
/// an output that came after it to be buried.
#[test]
fn with_one_confirmation_and_a_reorganisation_between_honest_sides() {
    let mut setup = Setup::tiny(Honest::Both);
    setup.confirmations = 1;
    setup.reorg = (1, 1);
    holds("one confirmation", &setup);
}
