//! How news travels in a market of many nodes: offers gossiped over a mesh with churn, late joiners and spammers.
//!
//! `cambista-sim-market [NODES] [MINUTES]` prints a table. The limits are the production ones ([`cambista_market::Gate`]);
//! the network around them is simulated event by event, from one seed.
#![allow(clippy::print_stdout)]

mod event;
mod graph;
mod message;
mod node;
mod params;
mod report;
mod world;

use params::{Params, Spam};

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u32>());
    let (Ok(nodes), Ok(minutes)) = (
        arguments.next().unwrap_or(Ok(10_000)),
        arguments.next().unwrap_or(Ok(10)),
    ) else {
        println!("usage: cambista-sim-market [NODES] [MINUTES]");
        std::process::exit(2);
    };
    if !(100..=50_000).contains(&nodes) || !(2..=240).contains(&minutes) {
        println!("from 100 to 50000 nodes and from 2 to 240 minutes");
        std::process::exit(2);
    }
    let quiet = Params::new(nodes, minutes);
    println!("{}", report::heading());
    for (name, params) in [
        ("no spam", quiet),
        ("1 % spam garbage", quiet.with(10, Spam::Garbage)),
        ("10 % spam garbage", quiet.with(100, Spam::Garbage)),
        ("1 % spam, work 0", quiet.with(10, Spam::Work(0))),
        ("1 % spam, work 1", quiet.with(10, Spam::Work(1))),
        ("1 % spam, work 2", quiet.with(10, Spam::Work(2))),
        ("10 % spam, work 2", quiet.with(100, Spam::Work(2))),
        ("10 % spam, work 3", quiet.with(100, Spam::Work(3))),
        ("10 % spam, work 0", quiet.with(100, Spam::Work(0))),
    ] {
        let begun = std::time::Instant::now();
        let outcome = world::World::new(params).run();
        println!("{}", report::line(name, &outcome, begun.elapsed()));
    }
}
