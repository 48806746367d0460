//! A day after their end swaps have left the nodes' memory: both sides still show them, count them and know whom they were done
//! with, before and after a start.

use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Market, Node, Taken, Way};
use serde_json::Value;

/// More than the blocks after which a swap leaves memory, counted from the last thing that happened to it.
const DAY: u32 = 150;
/// The last line of both sides' stories.
const LAST: &str = "handed its key over";

#[test]
fn what_was_done_long_ago_is_shown_and_counted_as_before() {
    let mut market = Market::direct(3);
    let old = [(Way::Out, 2_400_000), (Way::In, 60_000)].map(|(way, amount)| {
        let taken = Taken::take(&market.taker, way, amount, &[]);
        market.confirm_and_claim(&taken);
        market.mine(5);
        taken
    });
    // The payer's key goes over last of all, a moment after the end.
    wait_for("both sides to have every key", FOUND_AGAIN, || {
        let views = old
            .iter()
            .flat_map(|taken| market.running().map(|node| taken.seen_by(node)));
        let without = views.filter(|view| !view["timeline"].to_string().contains(LAST));
        let without: Vec<Value> = without.collect();
        without
            .is_empty()
            .then_some(())
            .ok_or_else(|| format!("{without:#?}"))
    });
    let before = seen(&market, &old);
    for _ in 0..DAY {
        market.bitcoind.mine_only(&[]);
    }
    market.sync();
    wait_for("both nodes to let both swaps go", FOUND_AGAIN, || {
        let left = left_memory(&market);
        (left == [2, 2])
            .then_some(())
            .ok_or_else(|| format!("{left:?}"))
    });
    assert_eq!(seen(&market, &old), before);

    market.taker.stop();
    market.makers[0].stop();
    market.makers[0].restart();
    market.taker.restart();
    market.sync();
    assert_eq!(seen(&market, &old), before);
    let cancelled = market.taker.output(&["cancel", &old[0].id, "--yes"]);
    assert!(!cancelled.status.success(), "it is over");

    // And business goes on.
    market.wait_quotes();
    let new = Taken::take(&market.taker, Way::Out, 100_000, &[]);
    market.confirm_and_claim(&new);
    market.mine(5);
    for node in market.running() {
        new.assert_outcome(node, "done");
        let list = node.api_get("/swaps");
        let ids: Vec<&str> = list["swaps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|swap| swap["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, [&new.id, &old[1].id, &old[0].id], "newest first");
    }
}

/// All that both sides show of these swaps, of the orders they were, and of the maker's business.
fn seen(market: &Market, swaps: &[Taken]) -> Vec<Value> {
    let mut all = Vec::new();
    for node in market.running() {
        all.extend(swaps.iter().map(|taken| taken.assert_outcome(node, "done")));
        all.push(node.api_get("/swaps")["swaps"].clone());
        all.push(node.api_get("/orders"));
    }
    let business = market.makers[0].api_get("/maker/business");
    for side in business["sides"].as_array().unwrap() {
        assert_eq!(side["done"], 1, "{business}");
        let sums = [
            "failed",
            "volume_sat",
            "fees_sat",
            "miners_sat",
            "routing_sat",
            "profit_sat",
        ];
        all.extend(sums.map(|sum| side[sum].clone()));
    }
    all
}

/// How many swaps each node says have left its memory.
fn left_memory(market: &Market) -> Vec<u64> {
    let count = |line: &str| -> Option<u64> {
        let (_, after) = line.split_once("archived swaps=")?;
        after.trim().parse().ok()
    };
    let of = |log: String| log.lines().filter_map(count).sum();
    let log = |node: &Node| std::fs::read_to_string(node.dir().join("node.log")).unwrap();
    market.running().map(|node| of(log(node))).collect()
}
