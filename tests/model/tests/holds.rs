//! Nobody honest loses, and everything ends.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use cambista_model::{Honest, Setup, search};

const MOST: usize = 4_000_000;

fn holds(name: &str, change: impl Fn(&mut Setup)) {
    for honest in [Honest::Both, Honest::Payer, Honest::Funder] {
        let mut setup = Setup::small(honest);
        change(&mut setup);
        setup.locks.check(setup.confirmations).unwrap();
        let begun = std::time::Instant::now();
        let found = search(&setup, MOST).unwrap();
        println!(
            "{name}, honest {honest:?}: {found} ({} ms)",
            begun.elapsed().as_millis()
        );
        assert!(
            found.violation.is_none(),
            "{name}, honest {honest:?}: {found}"
        );
        assert!(found.swapped > 0, "{name}: no way leads to a swap");
    }
}

#[test]
fn on_a_quiet_chain() {
    holds("quiet", |_| {});
}

#[test]
fn with_a_bump() {
    holds("bump", |s| s.bump = true);
}

#[test]
fn with_a_crash() {
    holds("crash", |s| s.crashes = (1, 1));
}

#[test]
fn with_a_reorganisation_shallower_than_n() {
    holds("reorg", |s| s.reorg = (1, 1));
}

#[test]
fn with_strays() {
    holds("strays", |s| s.strays = true);
}

#[test]
fn with_a_prepay() {
    holds("prepay", |s| s.prepay = true);
}

#[test]
fn with_users_who_cancel() {
    holds("cancel", |s| s.cancel = true);
}

#[test]
fn with_an_outside_funding() {
    holds("external", |s| s.external = true);
}
