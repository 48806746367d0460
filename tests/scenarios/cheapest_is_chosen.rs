//! Of several makers the cheapest is taken, for the amount and direction asked for, and a new price counts at once.

use cambista_harness::market::{CHEAPEST, make};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
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
fn by_amount_direction_and_the_price_of_the_moment(fee_rate: u32) {
    let market = Market::start(&MarketOptions::new(fee_rate, &[RETAIL, WHOLESALE]));
    let taker = &market.taker;
    let [retail, wholesale] = [0, 1].map(|i| market.makers[i].id());
    // Both out; in only the first, which alone has anything to send over Lightning.
    wait_for("all three to be known", FOUND_AGAIN, || {
        let offers = taker.cli(&["offers"]);
        let all = offers["offers"].as_array().map(Vec::len) == Some(3);
        all.then_some(()).ok_or_else(|| offers.to_string())
    });

    // The fee is the price for the amount and the maker's own chain costs, the same for both; never less than what these
    // come to if fees rise by half.
    let chain = 154 * i64::from(fee_rate);
    let fee = |price: i64| (price + chain).max(chain * 3 / 2);
    let small = quotes(taker, Way::Out, 50_000);
    assert_eq!(makers(&small), [&*retail, &wholesale]);
    assert_eq!(extra(&small), fee(3_000 + 5) - fee(10 + 450));
    let large = quotes(taker, Way::Out, 1_000_000);
    assert_eq!(makers(&large), [&*wholesale, &retail]);
    assert_eq!(extra(&large), fee(10 + 9_000) - fee(3_000 + 100));

    let taken = Taken::take(taker, Way::Out, 1_000_000, &[]);
    assert_eq!(taken.quote.maker, wholesale);
    market.confirm_and_claim(&taken);
    wait_for("both to offer the way back", FOUND_AGAIN, || {
        let offers = taker.cli(&["offers", "in"]);
        let both = offers["offers"].as_array().unwrap().len() == 2;
        both.then_some(()).ok_or_else(|| offers.to_string())
    });
    let inwards = quotes(taker, Way::In, 100_000);
    assert_eq!(makers(&inwards), [&*wholesale, &retail]);

    make(&market.makers[0], CHEAPEST, 96);
    wait_for("the new price to be known", FOUND_AGAIN, || {
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
