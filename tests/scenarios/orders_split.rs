//! An amount that no maker covers is split over several, side by side, and everybody ends with what the price said.

use std::collections::BTreeMap;

use cambista_harness::swap::OnChain;
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Change, Market, MarketOptions, Node, Price, Purse, Taken, Way};
use serde_json::Value;

at_two_fee_rates!(
    three_makers_cover_what_none_covers_alone,
    one_coin_funds_two_swaps_in_turn
);

/// Price, limits or the maker stand against it; nothing began.
const REFUSED: i32 = 4;
/// The largest swap of every maker here.
pub(crate) const MOST: u64 = 400_000;

/// A price that orders the makers: the higher, the later it is asked.
pub(crate) const fn at(ppm: u32) -> Price {
    Price {
        out_base: 100,
        out_ppm: ppm,
        in_base: 100,
        in_ppm: ppm,
    }
}

fn three_makers_cover_what_none_covers_alone(fee_rate: u32) {
    let market = start(fee_rate, &[at(1_000), at(1_200), at(1_400)]);
    let (taker, chain) = (&market.taker, &market.bitcoind);
    let error = taker.try_cli(&["out", "1000000", "--single", "--yes"]);
    let error = error.unwrap_err();
    assert_eq!(error.code, Some(REFUSED), "{}", error.output);
    assert!(
        error.output.contains("no single maker covers 1000000 sat"),
        "{}",
        error.output
    );
    let two = ["out", "1000000", "--max-parts", "2", "--yes"];
    assert_eq!(taker.try_cli(&two).unwrap_err().code, Some(REFUSED));
    assert_eq!(taker.status()["open_swaps"], 0);

    let quoted = taker.cli(&["quote", "out", "1000000"]);
    assert_eq!(quoted["quotes"], serde_json::json!([]), "{quoted}");
    let plan = &quoted["plan"];
    let nodes: Vec<&Node> = market.running().collect();
    let before: Vec<Purse> = nodes.iter().map(|node| Purse::of(node, chain)).collect();
    let answer = taker.cli(&["out", "1000000", "--yes", "--detach"]);
    let parts = parts(&answer);
    let mut amounts: Vec<u64> = parts.iter().map(|part| part.quote.amount_sat).collect();
    amounts.sort_unstable();
    assert_eq!(amounts, [200_000, MOST, MOST], "{answer}");
    assert_eq!(plan["swaps"].as_array().unwrap().len(), 3, "{plan}");

    let seen = confirm_and_claim_all(&market, &parts);
    assert_changes(&market, &before, &parts, &seen);
    market.mine(5);
    let order = ended(taker, &answer["order"]);
    assert_eq!(order["state"], "done", "{order}");
    assert_eq!(order["done_sat"], 1_000_000, "{order}");
    let cost = order["cost"]["total_sat"].as_i64().unwrap();
    assert!(cost <= plan["worst_total_sat"].as_i64().unwrap(), "{order}");
    let fees: i64 = parts.iter().map(|part| part.quote.maker_fee_sat).sum();
    // One transaction may sweep for several of the swaps; its fee is paid once.
    let sweeps: BTreeMap<_, _> = seen
        .iter()
        .map(|seen| (seen.spend.txid, seen.spend.fee_sat))
        .collect();
    let miners: u64 = sweeps.into_values().sum();
    let routing: i64 = parts.iter().map(|part| routing(&market, part)).sum();
    let paid = fees + i64::try_from(miners).unwrap() + routing;
    assert_eq!(cost, paid, "{order}");
}

/// On-chain -> Lightning: the wallet's only coin is in the first funding, so the second waits for its change.
fn one_coin_funds_two_swaps_in_turn(fee_rate: u32) {
    let market = start(fee_rate, &[at(1_000), at(1_200), at(1_400)]);
    let (taker, chain) = (&market.taker, &market.bitcoind);
    let room = parts(&taker.cli(&["out", "1000000", "--yes", "--detach"]));
    confirm_and_claim_all(&market, &room);
    market.mine(5);
    let own = taker.cli(&["wallet", "address"])["address"].clone();
    let all = ["wallet", "send", own.as_str().unwrap(), "--all", "--yes"];
    taker.cli(&all);
    market.mine(1);
    wait_for("makers that can send", FOUND_AGAIN, || {
        let offers = taker.cli(&["offers", "in", "--amount", "200000"]);
        let many = offers["offers"].as_array().map_or(0, Vec::len);
        (many >= 2).then_some(()).ok_or_else(|| offers.to_string())
    });

    let before: Vec<Purse> = market.running().map(|n| Purse::of(n, chain)).collect();
    let answer = taker.cli(&["in", "600000", "--yes", "--detach", "--max-parts", "2"]);
    assert_eq!(
        answer["order"]["swaps"].as_array().unwrap().len(),
        1,
        "{answer}"
    );
    let first = parts(&answer).remove(0);
    let (outpoint, _) = first.wait_funding(chain);
    market.mine(1);
    let path = format!("/orders/{}", answer["order"]["id"].as_str().unwrap());
    let order = wait_for("the second swap to have begun", FOUND_AGAIN, || {
        let order = taker.api_get(&path);
        let swaps = order["swaps"].as_array().map_or(0, Vec::len);
        (swaps == 2)
            .then_some(order.clone())
            .ok_or_else(|| order.to_string())
    });
    let parts = vec![first, in_taken(&order["swaps"][1], &answer["quotes"][0])];
    let sum: u64 = parts.iter().map(|part| part.quote.amount_sat).sum();
    assert_eq!(sum, 600_000);
    let outpoints = [outpoint, parts[1].wait_funding(chain).0];
    let seen: Vec<OnChain> = parts
        .iter()
        .zip(outpoints)
        .map(|(part, outpoint)| market.mine_until_claimed(part, outpoint))
        .collect();
    assert_changes(&market, &before, &parts, &seen);
    market.mine(5);
    let order = ended(taker, &answer["order"]);
    assert_eq!(order["state"], "done", "{order}");
    assert_eq!(order["done_sat"], 600_000, "{order}");
    let most = order["max_cost_sat"].as_i64().unwrap();
    assert!(
        order["cost"]["total_sat"].as_i64().unwrap() <= most,
        "{order}"
    );
}

/// An `in` with what its quote must have said, by its invoice.
fn in_taken(swap: &Value, other: &Value) -> Taken {
    let number = |name: &str| swap[name].as_i64().unwrap();
    let mut quote = other.clone();
    for name in ["maker", "amount_sat", "prepay_sat", "confirmations"] {
        quote[name] = swap[name].clone();
    }
    quote["maker_fee_sat"] = (number("amount_sat") - number("swap_invoice_sat")).into();
    Taken::from_json(&serde_json::json!({ "quote": quote, "swap": swap }))
}

/// A market whose makers take no more than [`MOST`] each, which its taker knows.
pub(crate) fn start(fee_rate: u32, prices: &[Price]) -> Market {
    let market = Market::start(&MarketOptions::new(fee_rate, prices));
    let most = MOST.to_string();
    for maker in &market.makers {
        maker.cli(&["maker", "set", "--out-max", &most, "--in-max", &most]);
    }
    wait_for("the makers' limits to be known", FOUND_AGAIN, || {
        let offers = market.taker.cli(&["offers", "out"]);
        let all = offers["offers"].as_array().cloned().unwrap_or_default();
        let known = all.iter().filter(|offer| offer["max_sat"] == MOST);
        (known.count() == prices.len())
            .then_some(())
            .ok_or_else(|| offers.to_string())
    });
    market
}

/// The swaps an order began with.
pub(crate) fn parts(answer: &Value) -> Vec<Taken> {
    let swaps = answer["order"]["swaps"].as_array().unwrap();
    let quotes = answer["quotes"].as_array().unwrap();
    assert_eq!(swaps.len(), quotes.len(), "{answer}");
    swaps
        .iter()
        .zip(quotes)
        .map(|(swap, quote)| Taken::from_json(&serde_json::json!({ "quote": quote, "swap": swap })))
        .collect()
}

/// Mines until every swap is claimed and that is in a block.
pub(crate) fn confirm_and_claim_all(market: &Market, parts: &[Taken]) -> Vec<OnChain> {
    let outpoints: Vec<_> = parts
        .iter()
        .map(|part| part.wait_funding(&market.bitcoind).0)
        .collect();
    parts
        .iter()
        .zip(outpoints)
        .map(|(part, outpoint)| market.mine_until_claimed(part, outpoint))
        .collect()
}

/// What a swap pays the makers between for forwarding its payments (sat).
pub(crate) fn routing(market: &Market, part: &Taken) -> i64 {
    let place = market
        .makers
        .iter()
        .position(|maker| maker.is_running() && maker.status()["node_id"] == part.quote.maker);
    let between = i64::try_from(place.expect("one of the makers")).unwrap();
    between * part.payments()
}

/// Everybody has what follows from the quotes and the chain: makers earn for what they forward as well.
pub(crate) fn assert_changes(market: &Market, before: &[Purse], parts: &[Taken], seen: &[OnChain]) {
    let mut taker = Change::default();
    let mut makers = vec![Change::default(); market.makers.len()];
    for (part, seen) in parts.iter().zip(seen) {
        add(
            &mut taker,
            part.taker_change(
                seen,
                routing(market, part),
                part.quote.direction == Way::Out,
            ),
        );
        let maker = market
            .makers
            .iter()
            .position(|m| m.is_running() && m.status()["node_id"] == part.quote.maker)
            .unwrap();
        let by_maker = match part.quote.direction {
            Way::Out => 0,
            Way::In => routing(market, part),
        };
        add(&mut makers[maker], part.maker_change(seen, by_maker));
        for between in &mut makers[..maker] {
            between.lightning += part.payments();
        }
    }
    let changes = std::iter::once(taker).chain(makers);
    let nodes = std::iter::once(&market.taker).chain(&market.makers);
    let running = nodes.zip(changes).filter(|(node, _)| node.is_running());
    for ((node, change), purse) in running.zip(before) {
        purse.assert_changed(node, &market.bitcoind, change);
    }
}

fn add(sum: &mut Change, more: Change) {
    sum.lightning += more.lightning;
    sum.chain += more.chain;
}

/// Waits until an order is over.
pub(crate) fn ended(taker: &Node, order: &Value) -> Value {
    let path = format!("/orders/{}", order["id"].as_str().expect("an id"));
    wait_for("the order to be over", FOUND_AGAIN, || {
        let order = taker.api_get(&path);
        (order["ended"] == true)
            .then_some(order.clone())
            .ok_or_else(|| order.to_string())
    })
}
