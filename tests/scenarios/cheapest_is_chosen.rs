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

    assert_eq!(quoting(taker, Way::Out, 50_000), [&*retail, &wholesale]);
    assert_eq!(quoting(taker, Way::Out, 2_000_000), [&*wholesale, &retail]);

    // The fee is the price for the amount and the maker's own chain costs, the same for both.
    let fees = |amount: u64| fees(taker, amount);
    let (small, large) = (fees(50_000), fees(2_000_000));
    assert_eq!(small[1] - small[0], (3_000 + 5) - (10 + 450));
    assert_eq!(large[1] - large[0], (10 + 18_000) - (3_000 + 200));

    let taken = Taken::take(taker, Way::Out, 2_000_000, &[]);
    assert_eq!(taken.quote.maker, wholesale);
    market.confirm_and_claim(&taken);
    assert_eq!(quoting(taker, Way::In, 100_000)[0], wholesale);

    make(&market.makers[0], CHEAPEST, 96);
    wait_for("the new price to be chosen", secs(20), || {
        let order = quoting(taker, Way::Out, 2_000_000);
        let first = order.first().cloned().unwrap_or_default();
        (first == retail).then_some(()).ok_or(first)
    });
    let taken = Taken::take(taker, Way::Out, 400_000, &[]);
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
fn quoting(taker: &Node, way: Way, amount: u64) -> Vec<String> {
    let text = |quote: &Value| quote["maker"].as_str().unwrap().to_owned();
    quotes(taker, way, amount).iter().map(text).collect()
}

/// Their fees (sat).
fn fees(taker: &Node, amount: u64) -> Vec<i64> {
    let fee = |quote: &Value| quote["maker_fee_sat"].as_i64().unwrap();
    quotes(taker, Way::Out, amount).iter().map(fee).collect()
}
