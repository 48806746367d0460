//! Two hundred seeds, and that a seed is a run.
#![allow(clippy::unwrap_used, clippy::panic)]

use cambista_sim::Treason;

/// Swaps in which a fault must show.
const MOST: u64 = 60;

#[test]
fn every_seed_ends_with_the_money_where_it_belongs() {
    for seed in 0..200 {
        let report = cambista_sim::run(seed).unwrap();
        assert!(
            report.violations.is_empty(),
            "seed {seed}: {} {:?}\n{}",
            report.end,
            report.violations,
            report.trace.join("\n")
        );
    }
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in [3, 17, 40] {
        let (one, two) = (
            cambista_sim::run(seed).unwrap(),
            cambista_sim::run(seed).unwrap(),
        );
        assert_eq!(one.trace, two.trace);
    }
}

/// In a world with this fault each of these is noticed, within a few swaps.
fn noticed(treason: Treason, expected: &[&str]) {
    let mut missing = expected.to_vec();
    for seed in 0..MOST {
        let report = cambista_sim::run_with_treason(seed, treason).unwrap();
        let said = |text: &&str| report.violations.iter().any(|v| v.contains(*text));
        missing.retain(|text| !said(text));
        if missing.is_empty() {
            return;
        }
    }
    panic!("{treason:?}: {missing:?} in none of {MOST} swaps");
}

#[test]
fn a_lightning_that_fails_back_what_it_should_claim_is_noticed() {
    let expected = ["are due", "went elsewhere for good", "for a while"];
    noticed(Treason::ClaimsFailBack, &expected);
}

#[test]
fn what_leaves_before_it_is_stored_is_noticed() {
    let expected = [
        "sends R before the decision is stored",
        "sends its key before the decision is stored",
        "broadcasts a funding it has not stored",
    ];
    noticed(Treason::EffectsFirst, &expected);
}

#[test]
fn a_payment_too_small_to_be_claimed_on_the_chain_that_is_funded_for_is_noticed() {
    noticed(Treason::DustHidden, &["funds an unsound payment"]);
}

#[test]
fn a_fee_above_the_limit_is_noticed_whatever_the_wallet_says() {
    noticed(Treason::FeesHidden, &["to miners too early"]);
}

#[test]
fn coins_at_nobodys_address_are_noticed() {
    noticed(Treason::NobodysAddress, &["are with somebody"]);
}

#[test]
fn a_payment_after_its_window_is_noticed() {
    noticed(Treason::PaysLate, &["pays after its window"]);
}
