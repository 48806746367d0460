//! What a person sees of a split order: the price swap by swap before it begins, all swaps in one view while it goes on,
//! and one sum at its end.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use cambista_harness::wait::{FOUND_AGAIN, secs, wait_for};

use crate::orders_split::{at, start};

#[test]
fn all_swaps_of_an_order_are_followed_in_one_view() {
    let market = start(3, &[at(1_000), at(1_200), at(1_400)]);
    let args = ["out", "1000000", "--yes"];
    let mut child = market
        .taker
        .command(&args)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reader = spawn(move || output.lines().map_while(Result::ok).collect::<Vec<_>>());
    // Blocks that come before would use up the time the makers have to fund.
    wait_for("three makers to fund", FOUND_AGAIN, || {
        let funded = market.bitcoind.mempool().len();
        (funded == 3)
            .then_some(())
            .ok_or_else(|| format!("{funded} have"))
    });
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(begun.elapsed() < FOUND_AGAIN, "the order does not end");
        market.mine(1);
        // No faster than both sides do what is theirs to do.
        let until = Instant::now() + secs(3);
        while market.bitcoind.mempool().is_empty() && Instant::now() < until {
            sleep(Duration::from_millis(50));
        }
    };
    let said = reader.join().unwrap();
    let text = said.join("\n");
    assert!(status.success(), "{text}");
    for part in [
        "Lightning -> on-chain, 1 000 000 sat, as 3 swaps with as many makers",
        "What fails",
        "has begun: 3 swaps.",
        "Done. ",
        "1 000 000 sat are swapped",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let list = market.taker.api_get("/orders");
    let swaps = list["orders"][0]["swaps"].as_array().unwrap().clone();
    assert_eq!(swaps.len(), 3, "{list}");
    for swap in swaps {
        let name = swap["id"].as_str().unwrap()[..8].to_owned();
        let lines: Vec<&String> = said.iter().filter(|line| line.contains(&name)).collect();
        // Its whole story, line by line, each with its name in front.
        let story = swap["timeline"].as_array().unwrap();
        for entry in story {
            let told = entry["text"].as_str().unwrap();
            assert!(
                lines.iter().any(|line| line.contains(told)),
                "{name}: {told:?} is missing in\n{text}"
            );
        }
    }
}
