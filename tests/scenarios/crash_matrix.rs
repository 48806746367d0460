//! Both sides of a swap are killed before and after everything they store and between every effect and its mark, each
//! once, in whatever becomes of the swap. They are started again at once, and the swap comes to its right end with
//! balances exact to the satoshi.
//!
//! The program says itself which points it has; one that was never passed fails the whole matrix. `CAMBISTA_CRASHES=all`
//! tells the stories of hundreds of blocks as well. What Lightning stores beside the engine has its own
//! test: `hold_invoices::crash` loads every state it ever wrote.

mod stories;
mod world;

use std::collections::BTreeSet;
use std::time::Instant;

use cambista_harness::failpoints::{FOLDER, is};
use cambista_harness::{Taken, Way, program};

use stories::Story;
use world::World;

/// Points no story here comes by, with the reason.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "node change batch-left",
        "wants three swaps, one of which is robbed: `hostile_sweep` has the taker die at it",
    ),
    (
        "node change batch-split",
        "wants a bitcoind that has lost an input, or holds an older batch still: told with ports that remember, in the engine's `sweeps`",
    ),
];

/// What only the stories that take hundreds of blocks come by.
const RARE: &[&str] = &["event dropped", "event prepay-dropped"];

#[test]
fn an_out_survives_a_kill_at_every_step() {
    tell_all(Way::Out);
}

#[test]
fn an_in_survives_a_kill_at_every_step() {
    tell_all(Way::In);
}

/// Much of it is the same as with own coins; what is not is that nothing is built and published here.
#[test]
fn an_in_paid_from_outside_survives_a_kill_at_every_step() {
    let mut world = World::start_from_outside();
    make_room(&world);
    tell(&mut world, stories::FROM_OUTSIDE);
    let (fired, kills) = world.fired();
    println!("from outside: {kills} kills, {} transitions", fired.len());
    let passed = |point: &str| fired.iter().any(|line| is(line, point));
    for step in [
        "funder event opened",
        "funder event held",
        "funder event hold-durable",
        "funder event output-confirmed",
        "funder event reorg",
        "funder event peer-preimage",
        "funder event claimed",
        "payer event opened",
        "payer event output-confirmed",
        "payer event claim-ready",
        "payer event payment-settled",
        "payer change sweep-by-key",
        "payer change sweep-by-claim",
    ] {
        for when in ["before", "after"] {
            let point = format!("in {step} {when}");
            assert!(passed(&point), "never passed: {point} of {fired:#?}");
        }
    }
    assert!(!fired.iter().any(|line| line.contains("funding-built")));
}

fn tell_all(way: Way) {
    let all = std::env::var("CAMBISTA_CRASHES").is_ok_and(|value| value == "all");
    let rare: &[Story] = if all { stories::RARE } else { &[] };
    let mut world = World::start(way);
    if way == Way::In {
        make_room(&world);
    }
    tell(&mut world, stories::USUAL);
    tell(&mut world, rare);
    let (fired, kills) = world.fired();
    println!("{}: {kills} kills, {} transitions", way.word(), fired.len());
    assert_complete(&world, &fired, all);
}

fn tell(world: &mut World, stories: &[Story]) {
    for (name, tell) in stories {
        let (before, kills) = world.fired();
        let started = Instant::now();
        println!("{}: {name}", world.way.word());
        tell(world);
        let (after, now) = world.fired();
        for point in after.difference(&before) {
            println!("  {point}");
        }
        let took = started.elapsed().as_secs();
        println!("  {} kills, {took} s", now - kills);
    }
}

/// Every point the program has was passed, but for those that say why not.
fn assert_complete(world: &World, fired: &BTreeSet<String>, all: bool) {
    let prefix = format!("{} ", world.way.word());
    let points = world.nodes()[0].failpoints().all();
    assert!(points.len() > 100, "{} points", points.len());
    let missing: Vec<&String> = points
        .iter()
        .filter(|point| point.starts_with(&prefix) || point.starts_with("node "))
        .filter(|point| !fired.iter().any(|line| is(line, point)))
        .filter(|point| !ELSEWHERE.iter().any(|(name, _)| point.starts_with(name)))
        .filter(|point| all || !RARE.iter().any(|rare| point.contains(&format!(" {rare} "))))
        .collect();
    assert!(missing.is_empty(), "never passed: {missing:#?}");
    for (name, _) in ELSEWHERE {
        let passed = fired.iter().any(|line| line.starts_with(name));
        assert!(!passed, "told here: {name}");
    }
}

/// So that the taker of an `in` can be paid over Lightning.
fn make_room(world: &World) {
    let market = &world.market;
    let room = Taken::take(&market.taker, Way::Out, 800_000, &[]);
    market.confirm_and_claim(&room);
    market.mine(5);
    room.assert_outcome(&market.taker, "done");
    room.assert_outcome(&market.makers[0], "done");
}

/// The variable that names the folder is nowhere in the program people run.
#[test]
fn the_program_itself_has_no_failpoints() {
    let has = |path: std::path::PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        let name = FOLDER.as_bytes();
        bytes.windows(name.len()).any(|window| window == name)
    };
    assert!(has(program::with_failpoints()));
    assert!(!has(program::cambista()));
}
