//! A maker that lets its node set the price: the price leans with what is left, announced anew after a swap. It earns what
//! it says it earns, and its caps hold.

use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Market, Node, Taken, Way};
use serde_json::Value;

at_two_fee_rates!(the_price_follows_the_stock_and_the_caps_hold);

/// Set by the node: in the middle, and how far from it at most (ppm).
const MIDDLE: i64 = 2_000;
const LEAN: i64 = 1_500;

fn the_price_follows_the_stock_and_the_caps_hold(fee_rate: u32) {
    let market = Market::direct(fee_rate);
    let (taker, maker) = (&market.taker, &market.makers[0]);
    let before = offered(taker, "out").unwrap();
    maker.cli(&["maker", "set", "--out-auto", "--in-auto"]);
    // All it has is on the chain: cheap to take, as cheap as it gets.
    wait_for("the price the node sets", FOUND_AGAIN, || {
        let now = offered(taker, "out").ok_or("no offer")?;
        let cheapest = now["ppm"] == MIDDLE - LEAN;
        cheapest.then_some(()).ok_or_else(|| now.to_string())
    });
    assert_ne!(before["ppm"], MIDDLE - LEAN);
    assert!(
        offered(taker, "in").is_none(),
        "it has nothing to send over Lightning"
    );

    let taken = Taken::take(taker, Way::Out, 3_000_000, &[]);
    let fee = taken.quote.maker_fee_sat;
    assert!(fee < 3_000_000 * MIDDLE / 1_000_000, "{fee}");
    let seen = market.confirm_and_claim(&taken);
    market.mine(5);
    taken.assert_outcome(maker, "done");
    // Fewer coins, more in channels: dearer one way, and the other way there is something to offer at all.
    wait_for("prices that lean the other way", FOUND_AGAIN, || {
        let (out, into) = (offered(taker, "out"), offered(taker, "in"));
        let ppm = |offer: &Option<Value>| offer.as_ref().and_then(|o| o["ppm"].as_i64());
        let dearer = ppm(&out).is_some_and(|ppm| ppm > MIDDLE - LEAN && ppm < MIDDLE);
        let dear = ppm(&into).is_some_and(|ppm| ppm > MIDDLE && ppm < MIDDLE + LEAN);
        (dearer && dear)
            .then_some(())
            .ok_or_else(|| format!("{out:?} {into:?}"))
    });

    let business = maker.cli(&["maker"]);
    let side = &business["sides"][0];
    assert_eq!(side["done"], 1, "{business}");
    assert_eq!(side["fees_sat"], fee, "{business}");
    let miners = i64::try_from(seen.funding.fee_sat).unwrap();
    assert_eq!(side["profit_sat"], fee - miners, "{business}");
    assert!(fee > miners, "{business}");
    assert_eq!(business["profit_sat"], side["profit_sat"], "{business}");

    maker.cli(&["maker", "set", "--cap-taker", "300000"]);
    let refused = taker.try_cli(&["out", "400000", "--yes"]).unwrap_err();
    assert!(
        refused.output.contains("with one taker"),
        "{}",
        refused.output
    );
    assert_eq!(taker.status()["open_swaps"], 0);
    let small = Taken::take(taker, Way::Out, 200_000, &[]);
    let refused = taker.try_cli(&["out", "200000", "--yes"]).unwrap_err();
    assert!(
        refused.output.contains("with one taker"),
        "{}",
        refused.output
    );
    market.confirm_and_claim(&small);
    market.mine(5);
    small.assert_outcome(taker, "done");
}

/// The only maker's offer of one way, as the taker knows it.
fn offered(taker: &Node, way: &str) -> Option<Value> {
    let list = taker.cli(&["offers", way]);
    list["offers"].as_array().unwrap().first().cloned()
}
