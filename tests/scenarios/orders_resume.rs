//! The taker is killed in the middle of an order: what has begun goes on, and what had not is begun with another maker.

use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Purse, Taken};
use serde_json::json;

use crate::orders_move_on::{as_taken, ids, makers, plan, purses};
use crate::orders_split::{assert_changes, at, confirm_and_claim_all, ended, start};

#[test]
fn an_order_with_a_stalled_part_is_finished_after_the_taker_was_killed() {
    let mut market = start(3, &[at(1_000), at(1_200), at(3_000), at(1)]);
    let [_, _, spare, cheap] = ids(&market);
    let before: Vec<Purse> = purses(&market, 3);
    let plan = plan(&market.taker, 1_000_000);
    assert!(makers(&plan).contains(&cheap), "{plan}");
    market.makers[3].freeze();
    // The answer comes only when the stalled part has been settled: it is killed before that.
    let api = market.taker.api();
    let body = json!({ "plan_id": plan["id"] });
    let begun = std::thread::spawn(move || api.post("/orders", &body));
    wait_for("two parts to have begun", FOUND_AGAIN, || {
        let list = market.taker.api_get("/swaps");
        let swaps = list["swaps"].as_array().map_or(0, Vec::len);
        (swaps == 2).then_some(()).ok_or_else(|| list.to_string())
    });
    market.taker.kill9();
    assert!(begun.join().unwrap().is_err());
    // A frozen maker takes no block in: nobody waits for it. The part that goes on is confirmed later, with the others.
    market.bitcoind.mine_only(&[]);
    market.taker.restart();
    market.taker.wait_height(market.bitcoind.height());

    let order = wait_for("all of it to be under way", FOUND_AGAIN, || {
        let list = market.taker.api_get("/orders");
        let order = list["orders"][0].clone();
        let swaps = order["swaps"].as_array().map_or(0, Vec::len);
        (swaps == 3)
            .then_some(order)
            .ok_or_else(|| list.to_string())
    });
    let parts: Vec<Taken> = order["swaps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|swap| as_taken(swap, &plan))
        .collect();
    assert_eq!(parts[2].quote.maker, spare, "{order}");
    let sum: u64 = parts.iter().map(|part| part.quote.amount_sat).sum();
    assert_eq!(sum, 1_000_000);
    market.makers[3].thaw();
    market.makers[3].kill9();
    let seen = confirm_and_claim_all(&market, &parts);
    assert_changes(&market, &before, &parts, &seen);
    market.mine(5);
    let order = ended(&market.taker, &order);
    assert_eq!(order["state"], "done", "{order}");
    let cost = order["cost"]["total_sat"].as_i64().unwrap();
    assert!(cost <= plan["worst_total_sat"].as_i64().unwrap(), "{order}");
}
