//! Nobody honest loses, and everything ends.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::time::Instant;

use cambista_model::{Honest, Search, Setup, deep};

const MOST: usize = 4_000_000;
/// Strays come in the first blocks only: later ones meet the same states.
const EARLY: u32 = 11;

/// Searches to the end, says how much that was, and asserts that nothing was found.
fn run(searches: &[Search]) {
    for search in searches {
        let begun = Instant::now();
        let found = search.run(MOST).unwrap_or_else(|e| panic!("{search}: {e}"));
        let took = begun.elapsed().as_millis();
        println!("{search}: {found} ({took} ms)");
    }
}

fn holds(name: &'static str, setup: Setup) {
    run(&[Search { name, setup }]);
}

fn each(name: &'static str, honest: &[Honest], change: impl Fn(&mut Setup)) {
    run(&Search::each(name, honest, change));
}

fn all(name: &'static str, change: impl Fn(&mut Setup)) {
    each(name, &Honest::ALL, change);
}

#[test]
fn with_blocks_that_may_keep_a_spend_waiting() {
    for honest in Honest::ALL {
        holds("quiet", Setup::small(honest));
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
            holds("outside", setup);
        }
    }
}

/// A funder whose refund is out may be away longer than its margin: what happened is read before Lightning gives up.
#[test]
fn with_a_funder_away_while_its_refund_waits() {
    let mut setup = Setup::tiny(Honest::Funder);
    setup.crashes = (1, 6);
    setup.crash_from = setup.refund_height();
    // As in production, where it is 39, the payment expires long after its claim deadline.
    setup.locks.fail_back = 6;
    holds("away", setup);
}

#[test]
fn with_one_confirmation_and_no_reorganisation() {
    for honest in Honest::ALL {
        let mut setup = Setup::tiny(honest);
        setup.confirmations = 1;
        holds("N = 1", setup);
    }
}

#[test]
fn with_everything_at_once_against_any_payer() {
    let mut setup = Setup::tiny(Honest::Funder);
    setup.crashes = (1, 1);
    setup.reorg = (1, 1);
    setup.prepay = true;
    setup.bump = true;
    holds("everything", setup);
}

/// Nobody cheats and the chain turns one block over: the funder's late replacement is public by then, so the payer waits for
/// an output that came after it to be buried.
#[test]
fn with_one_confirmation_and_a_reorganisation_between_honest_sides() {
    let mut setup = Setup::tiny(Honest::Both);
    setup.confirmations = 1;
    setup.reorg = (1, 1);
    holds("one confirmation", setup);
}

/// A market above every cap: nothing confirms that was not bumped, and bumping past the cap needs it lifted.
#[test]
fn with_fees_that_rise_above_every_cap() {
    all("fees", |s| s.fee_moves = 1);
    let fees = |s: &mut Setup| s.fee_moves = 2;
    each("fees twice", &[Honest::Both, Honest::Funder], fees);
}

/// Spends are seen in the mempool that no block ever holds.
#[test]
fn with_spends_seen_in_the_mempool_only() {
    all("mempool", |s| s.mempool = true);
}

#[test]
fn with_keys_and_preimages_that_are_none() {
    let lies = |s: &mut Setup| s.lies = true;
    each("lies", &[Honest::Payer, Honest::Funder], lies);
}

#[test]
fn with_two_crashes() {
    let crashes = |s: &mut Setup| s.crashes = (2, 1);
    each("two crashes", &[Honest::Both, Honest::Funder], crashes);
}

#[test]
fn with_two_reorganisations() {
    let reorgs = |s: &mut Setup| s.reorg = (1, 2);
    each("two reorgs", &[Honest::Both, Honest::Funder], reorgs);
}

#[test]
fn with_a_deeper_reorganisation_still_shallower_than_n() {
    each("deeper", &[Honest::Both, Honest::Funder], Setup::deeper);
}

/// A funder is away for as long as its claim margin allows, at any time.
#[test]
fn with_a_funder_away_as_long_as_its_margin() {
    let away = |s: &mut Setup| {
        s.locks.claim_margin = 3;
        s.crashes = (1, 3);
    };
    each("margin", &[Honest::Both, Honest::Funder], away);
}

/// A payer is away for as long as its reveal margin leaves beside one claim.
#[test]
fn with_a_payer_away_as_long_as_its_margin() {
    let away = |s: &mut Setup| {
        s.crashes = (1, 2);
        s.crash_from = s.refund_height() - s.locks.reveal_margin - 2;
    };
    each("payer away", &[Honest::Payer], away);
}

#[test]
fn with_an_outside_funding_and_a_crash_or_a_reorganisation() {
    for honest in [Honest::Both, Honest::Funder] {
        for reorg in [false, true] {
            let mut setup = Setup::tiny(honest);
            setup.external = true;
            setup.others = [true, false];
            if reorg {
                setup.reorg = (1, 1);
            } else {
                setup.crashes = (1, 1);
            }
            holds("outside, and more", setup);
        }
    }
}

#[test]
fn with_most_of_it_between_honest_sides() {
    let most = |s: &mut Setup| {
        s.crashes = (1, 1);
        s.reorg = (1, 1);
        s.prepay = true;
        s.bump = true;
        s.mempool = true;
    };
    each("most of it", &[Honest::Both], most);
}

/// What only the program searches to the end begins, and each search has a name and an honest side of its own.
#[test]
fn the_deep_searches_are_sound() {
    let mut seen = Vec::new();
    for search in deep() {
        let locks = search.setup.locks;
        locks.check(search.setup.confirmations).unwrap();
        let key = (search.name, search.setup.honest);
        assert!(!seen.contains(&key), "{search} is there twice");
        seen.push(key);
        // A few worlds are not enough for any of them: the bound says so instead of passing.
        let error = search.run(1_000).unwrap_err();
        assert!(error.contains("more than"), "{search}: {error}");
    }
    assert!(!seen.is_empty());
}
