//! Two hundred seeds, and that a seed is a run.
#![allow(clippy::unwrap_used)]

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

#[test]
fn a_lightning_that_fails_back_what_it_should_claim_is_noticed() {
    let wrong = |seed: &u64| {
        let report = cambista_sim::run_with_treason(*seed).unwrap();
        report.violations.iter().any(|v| v.contains("are due"))
    };
    assert!((0..5).any(|seed| wrong(&seed)));
}
