//! `cambista-sim COUNT [FIRST]` runs seeds; `cambista-sim --trace SEED` shows one.

use std::collections::BTreeMap;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().ok();
    match words.as_slice() {
        ["--trace", seed] => number(seed).map_or_else(usage, trace),
        [count] => number(count).map_or_else(usage, |count| many(count, 0)),
        [count, first] => match (number(count), number(first)) {
            (Some(count), Some(first)) => many(count, first),
            _ => usage(),
        },
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("cambista-sim COUNT [FIRST] | cambista-sim --trace SEED");
    ExitCode::FAILURE
}

fn trace(seed: u64) -> ExitCode {
    match cambista_sim::run(seed) {
        Ok(report) => {
            for line in &report.trace {
                println!("{line}");
            }
            println!("seed {seed}: {} {:?}", report.end, report.violations);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("seed {seed}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A word about how far it is, after so many swaps.
const PROGRESS: u64 = 1_000;

fn many(count: u64, first: u64) -> ExitCode {
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    let mut failed = 0;
    for (done, seed) in (0_u64..).zip(first..first.saturating_add(count)) {
        if done > 0 && done % PROGRESS == 0 {
            eprintln!("{done} swaps, {failed} wrong");
        }
        match cambista_sim::run(seed) {
            Ok(report) => {
                if !report.violations.is_empty() {
                    failed += 1;
                    println!("seed {seed}: {} {:?}", report.end, report.violations);
                }
                *ends.entry(report.end).or_default() += 1;
            }
            Err(error) => {
                failed += 1;
                println!("seed {seed}: {error}");
            }
        }
    }
    for (end, times) in ends {
        println!("{times:8} {end}");
    }
    println!("{count} swaps, {failed} wrong");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
