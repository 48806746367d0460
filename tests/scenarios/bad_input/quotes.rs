//! Quotes that are none, are old, are used, or are another's.

use std::thread::sleep;

use cambista_harness::wait::secs;
use cambista_harness::{Market, Node, Purse, Taken};
use serde_json::{Value, json};

use super::assert_says;

#[test]
fn a_quote_is_good_once_in_time_and_for_who_asked() {
    let market = Market::direct(3);
    let (taker, maker, chain) = (&market.taker, &market.makers[0], &market.bitcoind);
    maker.cli(&["maker", "set", "--quote-secs", "5"]);
    let before = [taker, maker].map(|node| Purse::of(node, chain));

    let wanted = json!({ "direction": "out", "amount_sat": 200_000 });
    let late = quote(taker, &wanted);
    let asked = std::time::Instant::now();
    // Of another node: the maker itself, which gave it.
    refused(maker, &late, 404);
    for strange in [
        "",
        "zz",
        "0",
        &"0".repeat(32),
        &"0".repeat(64),
        &"f".repeat(4_000),
    ] {
        refused(taker, strange, 404);
    }
    for body in [
        json!({}),
        json!({ "quote_id": 7 }),
        json!({ "quote_id": late, "colour": "red" }),
        json!({ "quote_id": late, "max_fee_sat": -1 }),
        json!({ "quote_id": late, "address": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4" }),
        json!(["quote_id"]),
    ] {
        let said = taker.api().post("/orders", &body).unwrap_err();
        assert_says(&said, &["HTTP 400", "\"funds\":\"safe\""]);
    }
    sleep(secs(6).saturating_sub(asked.elapsed()));
    refused(taker, &late, 409);
    for node in [taker, maker] {
        assert_eq!(node.status()["open_swaps"], 0);
    }

    // Used once, it is gone, while the swap it began goes on and costs what it said.
    maker.cli(&["maker", "set", "--quote-secs", "120"]);
    let quotes = taker.api_post("/quotes", &wanted);
    let good = &quotes["quotes"][0];
    let id = good["id"].as_str().unwrap();
    let started = taker.api_post("/orders", &json!({ "quote_id": id }));
    refused(taker, id, 404);
    let taken = Taken::from_json(&json!({ "quote": good, "swap": started["swap"] }));
    let seen = market.confirm_and_claim(&taken);
    before[0].assert_changed(taker, chain, taken.taker_change(&seen, 0, true));
    before[1].assert_changed(maker, chain, taken.maker_change(&seen, 0));
}

/// The id of a firm quote.
fn quote(node: &Node, wanted: &Value) -> String {
    let list = node.api_post("/quotes", wanted);
    list["quotes"][0]["id"].as_str().unwrap().to_owned()
}

/// Orders on a quote that must be refused with this HTTP status, a sentence and something to do.
#[track_caller]
fn refused(node: &Node, quote_id: &str, status: u16) {
    let order = json!({ "quote_id": quote_id });
    let said = node.api().post("/orders", &order).unwrap_err();
    assert_says(
        &said,
        &[
            &format!("HTTP {status}"),
            "\"funds\":\"safe\"",
            "\"next\":\"cambista",
        ],
    );
}
