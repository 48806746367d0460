//! Six daemons in one network, of which each knows one: the cheapest is chosen, and when it dies while it is being
//! asked, the next cheapest.

use std::process::Stdio;

use cambista_harness::{Market, MarketOptions, Price, Taken, Way, hear};
use serde_json::Value;

const fn price(out_base: u64) -> Price {
    Price {
        out_base,
        out_ppm: 100,
        in_base: 100,
        in_ppm: 100,
    }
}

/// Routing to the farther ones costs more, but not as much as this.
const PRICES: [Price; 5] = [
    price(9_000),
    price(7_000),
    price(5_000),
    price(3_000),
    price(1_000),
];

#[test]
fn the_cheapest_of_five_is_chosen_and_when_it_dies_being_asked_the_next() {
    let mut market = Market::start(&MarketOptions::new(3, &PRICES));
    let offers = market.taker.cli(&["offers", "out"]);
    assert_eq!(offers["offers"].as_array().unwrap().len(), 5, "{offers}");
    let ids: Vec<Value> = market
        .makers
        .iter()
        .map(|maker| maker.status()["node_id"].clone())
        .collect();
    let asked = market.taker.cli(&["quote", "out", "400000"]);
    assert_eq!(asked["quotes"][0]["maker"], ids[4], "{asked}");

    // It is asked and does not answer any more; then it is gone for good.
    market.makers[4].freeze();
    let asking = market
        .taker
        .command(&["quote", "out", "400000", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    market.makers[4].kill9();
    let answer = asking.wait_with_output().unwrap();
    hear(&answer);
    assert!(answer.status.success(), "{answer:?}");
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(answer["quotes"][0]["maker"], ids[3], "{answer}");

    let taken = Taken::take(&market.taker, Way::Out, 400_000, &[]);
    assert_eq!(Value::from(taken.quote.maker.clone()), ids[3]);
    market.confirm_and_claim(&taken);
    market.mine(5);
    taken.assert_outcome(&market.taker, "done");
}
