//! What a swap takes on the real stack: one maker, one taker, a direct channel, regtest, everything on this machine.
//! Times are of the machine and the program together; the mempool is looked at every few milliseconds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bounds;
mod figures;
mod multiply;
mod process;
mod syncs;
mod timing;

use std::time::Duration;

use cambista_harness::{Market, Way};

use figures::Figures;

const HELP: &str = "cambista-bench [RUNS]\n\nMeasures RUNS swaps each way (30 when not said).\n\n\
    cambista-bench bounds [BLOCKS]\n\nMeasures what thousands of swaps cost a node over BLOCKS blocks (a week when not said).\n";
const FEE_RATE: u32 = 5;
const AMOUNT: u64 = 150_000;
/// Swaps each way before anything is measured.
const WARM_UP: u32 = 2;
const STARTS: u32 = 10;
const IDLE: Duration = Duration::from_secs(30);

fn main() {
    if std::env::args().nth(1).as_deref() == Some("bounds") {
        bounds::print(std::env::args().nth(2).and_then(|text| text.parse().ok()));
        return;
    }
    let runs = match std::env::args().nth(1) {
        None => 30,
        Some(text) => match text.parse() {
            Ok(runs @ 1..=10_000) => runs,
            _ => {
                eprint!("{HELP}");
                std::process::exit(2);
            }
        },
    };
    println!("{}", process::machine());
    let mut market = Market::direct(FEE_RATE);
    for _ in 0..WARM_UP {
        // Twice as much out as in: the channel begins with everything on the taker's side.
        timing::swap(&market, Way::Out, 2 * AMOUNT);
        timing::swap(&market, Way::In, AMOUNT);
    }
    let mut measured = [Way::Out, Way::In].map(|way| (way, Figures::default()));
    for _ in 0..runs {
        for (way, figures) in &mut measured {
            figures.add(&timing::swap(&market, *way, AMOUNT));
        }
    }
    figures::heading();
    for (way, figures) in &measured {
        figures.print(way.word());
    }
    let syncs = syncs::per_swap(&market, AMOUNT);
    let idle = process::idle(&market.taker, IDLE);
    let starts = (0..STARTS).map(|_| process::start(&mut market.taker));
    figures::row("start to API answers", "ms", &starts.collect::<Vec<_>>());
    println!("idle taker: {idle}");
    println!("{syncs}");
}
