//! The maker is two Lightning hops away, and no peer of the taker.

use cambista_harness::market::{DEAR, USUAL};
use cambista_harness::swap::signed;
use cambista_harness::{Change, Market, MarketOptions, Node, Purse, Taken, Way};
use serde_json::Value;

at_two_fee_rates!(both_ways_through_a_node_between);

fn both_ways_through_a_node_between(fee_rate: u32) {
    let market = Market::start(&MarketOptions::new(fee_rate, &[DEAR, USUAL]));
    assert_no_lightning_peers(&market.taker, &market.makers[1]);
    round(&market, Way::Out, 600_000);
    round(&market, Way::In, 200_000);
}

fn round(market: &Market, way: Way, amount: u64) {
    let (taker, between, maker) = (&market.taker, &market.makers[0], &market.makers[1]);
    let chain = &market.bitcoind;
    let before = [taker, between, maker].map(|node| Purse::of(node, chain));
    let taken = Taken::take(taker, way, amount, &[]);
    assert_eq!(taken.quote.maker, maker.status()["node_id"]);

    let seen = market.confirm_and_claim(&taken);
    // Every node forwards at 1000 msat a payment unless told otherwise.
    let routing = taken.payments();
    let (by_taker, by_maker) = match way {
        Way::Out => (routing, 0),
        Way::In => (0, routing),
    };
    assert!(by_taker <= signed(taken.quote.max_routing_fee_sat));
    before[0].assert_changed(taker, chain, taken.taker_change(&seen, by_taker, true));
    let earned = Change {
        lightning: routing,
        chain: 0,
    };
    before[1].assert_changed(between, chain, earned);
    before[2].assert_changed(maker, chain, taken.maker_change(&seen, by_maker));

    market.mine(5);
    for node in [taker, maker] {
        taken.assert_outcome(node, "done");
    }
}

fn assert_no_lightning_peers(one: &Node, other: &Node) {
    let peers = one.cli(&["peer", "list"]);
    let id = other.status()["node_id"].clone();
    let listed = peers["peers"].as_array().unwrap();
    let found = listed.iter().find(|peer| peer["id"] == id);
    let connected = found.is_some_and(|peer| peer["connected"] == Value::Bool(true));
    assert!(!connected, "{peers}");
}
