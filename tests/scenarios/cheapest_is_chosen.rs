//! Of several makers the cheapest is taken, for the amount and direction asked for, and a new price counts at once.

use cambista_harness::market::make;
use cambista_harness::wait::{secs, wait_for};
use cambista_harness::{Market, MarketOptions, Node, Price, Taken, Way};
use serde_json::Value;

at_two_fee_rates!(by_amount_direction_and_the_price_of_the_moment);

/// Cheap for large amounts, and for `in`.
const WHOLESALE: Price = Price {
    out_base: 3_000,
    out_ppm: 100,
    in_base: 100,
    in_ppm: 100,
};
/// Cheap for small amounts.
const RETAIL: Price = Price {
    out_base: 10,
    out_ppm: 9_000,
    in_base: 2_000,
    in_ppm: 9_000,
};
const CHEAPEST: Price = Price {
    out_base: 1,
    out_ppm: 1,
    in_base: 1,
    in_ppm: 1,
};

fn by_amount_direction_and_the_price_of_the_moment(fee_rate: u32) {
    let market = Market::start(&MarketOptions::new(fee_rate, &[RETAIL, WHOLESALE]));
    let taker = &market.taker;
    let [retail, wholesale] = [0, 1].map(|i| id(&market.makers[i]));
    let offers = taker.cli(&["offers"]);
    assert_eq!(offers["offers"].as_array().unwrap().len(), 4, "{offers}");

    // The fee is the price for the amount and the maker's own chain costs, the same for both.
    let small = quotes(taker, Way::Out, 50_000);
    assert_eq!(makers(&small), [&*retail, &wholesale]);
    assert_eq!(extra(&small), (3_000 + 5) - (10 + 450));
    let large = quotes(taker, Way::Out, 1_000_000);
    assert_eq!(makers(&large), [&*wholesale, &retail]);
    assert_eq!(extra(&large), (10 + 9_000) - (3_000 + 100));

    let taken = Taken::take(taker, Way::Out, 1_000_000, &[]);
    assert_eq!(taken.quote.maker, wholesale);
    market.confirm_and_claim(&taken);
    let inwards = quotes(taker, Way::In, 100_000);
    assert_eq!(makers(&inwards), [&*wholesale, &retail]);

    make(&market.makers[0], CHEAPEST, 96);
    wait_for("the new price to be known", secs(20), || {
        let offers = taker.cli(&["offers", "out", "--amount", "1000000"]);
        let first = offers["offers"][0]["maker"].clone();
        let known = first == *retail;
        known.then_some(()).ok_or_else(|| offers.to_string())
    });
    let taken = Taken::take(taker, Way::Out, 1_000_000, &[]);
    assert_eq!(taken.quote.maker, retail);
    market.confirm_and_claim(&taken);
    market.mine(5);
    taken.assert_outcome(taker, "done");
}

fn id(node: &Node) -> String {
    node.status()["node_id"].as_str().unwrap().to_owned()
}

fn quotes(taker: &Node, way: Way, amount: u64) -> Vec<Value> {
    let answer = taker.cli(&["quote", way.word(), &amount.to_string()]);
    answer["quotes"].as_array().unwrap().clone()
}

/// Who quotes, in the order the taker lists them.
fn makers(quotes: &[Value]) -> Vec<String> {
    let text = |quote: &Value| quote["maker"].as_str().unwrap().to_owned();
    quotes.iter().map(text).collect()
}

/// By how much the second of two asks more than the first (sat).
fn extra(quotes: &[Value]) -> i64 {
    let fee = |quote: &Value| quote["maker_fee_sat"].as_i64().unwrap();
    fee(&quotes[1]) - fee(&quotes[0])
}
