//! A few hundred seeds, and that a seed is a run.
#![allow(clippy::unwrap_used)]

#[test]
fn every_seed_ends_with_the_money_where_it_belongs() {
    for seed in 0..300 {
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
