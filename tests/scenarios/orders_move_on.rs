//! A maker that refuses, stalls or vanishes before anything is locked: the order goes to others by itself, within the
//! price that was shown, and nobody loses anything by it.

use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Market, MarketOptions, Node, Purse, Taken};
use serde_json::{Value, json};

use crate::orders_split::{MOST, assert_changes, at, confirm_and_claim_all, ended, parts, start};

/// The maker of one part is killed after the plan was shown: its part goes to one that was not needed before.
#[test]
fn a_part_whose_maker_vanished_is_taken_on_by_another() {
    let mut market = start(3, &[at(1_000), at(1_200), at(3_000), at(1)]);
    let before: Vec<Purse> = purses(&market, 4);
    let plan = plan(&market.taker, 1_000_000);
    let [first, second, spare, cheap] = ids(&market);
    assert_eq!(
        makers(&plan),
        sorted(vec![first.clone(), second.clone(), cheap.clone()])
    );
    market.makers[3].kill9();

    let answer = begin(&market.taker, &plan);
    let parts = parts(&answer);
    let taken = parts.iter().map(|part| part.quote.maker.clone());
    assert_eq!(sorted(taken.collect()), sorted(vec![first, second, spare]));
    assert_eq!(answer["order"]["failed"][0]["maker"], cheap, "{answer}");
    let sum: u64 = parts.iter().map(|part| part.quote.amount_sat).sum();
    assert_eq!(sum, 1_000_000);

    let seen = confirm_and_claim_all(&market, &parts);
    assert_changes(&market, &before, &parts, &seen);
    market.mine(5);
    let order = ended(&market.taker, &answer["order"]);
    assert_eq!(order["state"], "done", "{order}");
    within(&order, &plan);
}

/// The cheap maker spends its coins after it has quoted, and refuses.
#[test]
fn a_maker_that_refuses_is_left_for_the_next() {
    let market = Market::start(&MarketOptions::new(3, &[at(5_000), at(1)]));
    let [dear, cheap] = ids(&market);
    let before: Vec<Purse> = purses(&market, 1);
    let plan = plan(&market.taker, MOST);
    assert_eq!(makers(&plan), std::slice::from_ref(&cheap));
    let elsewhere = market.bitcoind.new_address();
    market.makers[1].cli(&["wallet", "send", &elsewhere, "--all", "--yes"]);
    let answer = begin(&market.taker, &plan);
    let failed = &answer["order"]["failed"][0];
    assert_eq!(failed["maker"], cheap, "{answer}");
    assert!(
        failed["reason"]
            .as_str()
            .unwrap()
            .contains("not enough coins"),
        "{answer}"
    );
    assert_taken_by(&market, &dear, &before, &plan, &answer);
}

/// The cheap maker is frozen and says nothing at all.
#[test]
fn a_maker_that_stalls_is_left_for_the_next() {
    let mut market = Market::start(&MarketOptions::new(3, &[at(5_000), at(1)]));
    let [dear, cheap] = ids(&market);
    let before: Vec<Purse> = purses(&market, 1);
    let plan = plan(&market.taker, MOST);
    assert_eq!(makers(&plan), std::slice::from_ref(&cheap));
    market.makers[1].freeze();
    let answer = begin(&market.taker, &plan);
    market.makers[1].thaw();
    assert_eq!(answer["order"]["failed"][0]["maker"], cheap, "{answer}");
    assert_taken_by(&market, &dear, &before, &plan, &answer);
}

/// The payment is on its way when the cheap maker's coins are gone: it comes back, and the order goes on with it.
#[test]
fn money_that_came_back_goes_to_the_next_maker() {
    let mut market = Market::start(&MarketOptions::new(3, &[at(5_000), at(1)]));
    let [dear, cheap] = ids(&market);
    let before: Vec<Purse> = purses(&market, 1);
    let plan = plan(&market.taker, MOST);
    assert_eq!(makers(&plan), std::slice::from_ref(&cheap));
    // The payment cannot pass the node between while that sleeps.
    market.makers[0].freeze();
    let answer = begin(&market.taker, &plan);
    assert_eq!(answer["order"]["swaps"][0]["maker"], cheap, "{answer}");
    let elsewhere = market.bitcoind.new_address();
    market.makers[1].cli(&["wallet", "send", &elsewhere, "--all", "--yes"]);
    market.makers[0].thaw();

    let path = format!("/orders/{}", answer["order"]["id"].as_str().unwrap());
    let order = wait_for("a second swap to have begun", FOUND_AGAIN, || {
        let order = market.taker.api_get(&path);
        let swaps = order["swaps"].as_array().map_or(0, Vec::len);
        (swaps == 2)
            .then_some(order.clone())
            .ok_or_else(|| order.to_string())
    });
    assert_eq!(order["swaps"][0]["outcome"], "nothing_happened", "{order}");
    let second = as_taken(&order["swaps"][1], &plan);
    assert_eq!(second.quote.maker, dear);
    let seen = confirm_and_claim_all(&market, std::slice::from_ref(&second));
    assert_changes(&market, &before, &[second], &seen);
    market.mine(5);
    let order = ended(&market.taker, &order);
    assert_eq!(order["state"], "done", "{order}");
    within(&order, &plan);
}

/// The one swap of this order is `maker`'s, goes through, and costs no more than the plan said.
fn assert_taken_by(market: &Market, maker: &str, before: &[Purse], plan: &Value, answer: &Value) {
    let parts = parts(answer);
    let [part] = parts.as_slice() else {
        panic!("one swap: {answer}")
    };
    assert_eq!(part.quote.maker, maker, "{answer}");
    let seen = confirm_and_claim_all(market, &parts);
    assert_changes(market, before, &parts, &seen);
    market.mine(5);
    let order = ended(&market.taker, &answer["order"]);
    assert_eq!(order["state"], "done", "{order}");
    within(&order, plan);
}

/// When nobody takes a part on any more, what has begun goes on and the order says plainly what it left undone.
#[test]
fn what_nobody_takes_on_is_left_undone_and_said_so() {
    let mut market = start(3, &[at(1_000), at(1_200), at(1)]);
    let before: Vec<Purse> = purses(&market, 3);
    let plan = plan(&market.taker, 1_000_000);
    market.makers[2].kill9();
    let answer = begin(&market.taker, &plan);
    let parts = parts(&answer);
    let sum: u64 = parts.iter().map(|part| part.quote.amount_sat).sum();
    assert!((1..1_000_000).contains(&sum), "{answer}");
    let seen = confirm_and_claim_all(&market, &parts);
    assert_changes(&market, &before, &parts, &seen);
    market.mine(5);
    let order = ended(&market.taker, &answer["order"]);
    assert_eq!(order["state"], "partly_done", "{order}");
    assert_eq!(order["done_sat"], sum, "{order}");
    assert!(order["stuck"].is_string(), "{order}");
    within(&order, &plan);
}

/// The purses of the taker and of so many makers.
pub(crate) fn purses(market: &Market, makers: usize) -> Vec<Purse> {
    std::iter::once(&market.taker)
        .chain(&market.makers[..makers])
        .map(|node| Purse::of(node, &market.bitcoind))
        .collect()
}

/// A plan for an `out` that was shown and waits for a word.
pub(crate) fn plan(taker: &Node, amount: u64) -> Value {
    let ask = json!({ "direction": "out", "amount_sat": amount });
    let list = taker.api_post("/plans", &ask);
    assert!(list["plan"].is_object(), "{list}");
    list["plan"].clone()
}

/// Begins it; the answer is like the command line's.
pub(crate) fn begin(taker: &Node, plan: &Value) -> Value {
    let started = taker.api_post("/orders", &json!({ "plan_id": plan["id"] }));
    json!({ "order": started["view"], "quotes": started["quotes"] })
}

/// Whose quotes a plan is made of, sorted.
pub(crate) fn makers(plan: &Value) -> Vec<String> {
    let swaps = plan["swaps"].as_array().unwrap();
    let maker = |swap: &Value| swap["quote"]["maker"].as_str().unwrap().to_owned();
    sorted(swaps.iter().map(maker).collect())
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

/// The makers' ids, nearest to the taker first.
pub(crate) fn ids<const N: usize>(market: &Market) -> [String; N] {
    std::array::from_fn(|i| {
        let id = market.makers[i].status()["node_id"].clone();
        id.as_str().unwrap().to_owned()
    })
}

/// An order never costs more than what was shown.
fn within(order: &Value, plan: &Value) {
    let cost = order["cost"]["total_sat"].as_i64().unwrap();
    assert!(cost <= plan["worst_total_sat"].as_i64().unwrap(), "{order}");
}

/// A swap with what its quote must have said: the maker's fee is what the invoices ask beyond the amount.
pub(crate) fn as_taken(swap: &Value, plan: &Value) -> Taken {
    let number = |name: &str| swap[name].as_i64().unwrap();
    let mut quote = plan["swaps"][0]["quote"].clone();
    let fee = number("swap_invoice_sat") + number("prepay_sat") - number("amount_sat");
    for (name, value) in [
        ("maker", swap["maker"].clone()),
        ("amount_sat", swap["amount_sat"].clone()),
        ("prepay_sat", swap["prepay_sat"].clone()),
        ("confirmations", swap["confirmations"].clone()),
        ("maker_fee_sat", json!(fee)),
    ] {
        quote[name] = value;
    }
    Taken::from_json(&json!({ "quote": quote, "swap": swap }))
}
