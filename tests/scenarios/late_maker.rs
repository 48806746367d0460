//! A maker that joins a running market is found, and taken because it is the cheapest.

use cambista_harness::market::{CHEAPEST, DEAR, USUAL, lightning_address, make, p2p_addresses};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Change, Market, MarketOptions, Node, NodeOptions, Purse, Taken, Way};

at_two_fee_rates!(the_third_is_found_and_chosen);

fn the_third_is_found_and_chosen(fee_rate: u32) {
    let mut market = Market::start(&MarketOptions::new(fee_rate, &[USUAL, DEAR]));
    let first = market.makers[0].status()["node_id"].clone();
    let earlier = market.taker.cli(&["quote", "out", "400000"]);
    assert_eq!(earlier["quotes"].as_array().unwrap().len(), 2, "{earlier}");
    assert_eq!(earlier["quotes"][0]["maker"], first, "{earlier}");

    let third = join(&market, fee_rate);
    market.makers.push(third);
    market.wait_quotes();
    // All of them out; in only the first, which alone has anything to send over Lightning.
    wait_for("all four to be known", FOUND_AGAIN, || {
        let offers = market.taker.cli(&["offers"]);
        let all = offers["offers"].as_array().map(Vec::len) == Some(4);
        all.then_some(()).ok_or_else(|| offers.to_string())
    });

    let nodes = [&market.taker, &market.makers[0], &market.makers[2]];
    let before = nodes.map(|node| Purse::of(node, &market.bitcoind));
    let taken = Taken::take(&market.taker, Way::Out, 400_000, &[]);
    assert_eq!(taken.quote.maker, market.makers[2].status()["node_id"]);
    let seen = market.confirm_and_claim(&taken);
    let routing = taken.payments();
    let between = Change {
        lightning: routing,
        chain: 0,
    };
    let changes = [
        taken.taker_change(&seen, routing, true),
        between,
        taken.maker_change(&seen, 0),
    ];
    for ((node, purse), change) in nodes.into_iter().zip(&before).zip(changes) {
        purse.assert_changed(node, &market.bitcoind, change);
    }
    market.mine(5);
    taken.assert_outcome(&market.taker, "done");
    taken.assert_outcome(&market.makers[2], "done");
}

/// One that knows nobody but the first maker, which opens a channel to it.
fn join(market: &Market, fee_rate: u32) -> Node {
    let options = NodeOptions {
        fee_rate,
        bootstrap: p2p_addresses(&market.makers[0]),
        ..NodeOptions::default()
    };
    let mut third = Node::start("maker3", &market.bitcoind, &options);
    make(&third, CHEAPEST, 96);
    third.stop();
    third.restart();
    let answer = third.cli(&["wallet", "address"]);
    market
        .bitcoind
        .fund_address(answer["address"].as_str().unwrap(), 3_000_000);
    market.mine(1);
    let to = lightning_address(&third);
    market.makers[0].cli(&["channel", "open", &to, "2000000", "--announced"]);
    market.bitcoind.wait_for_mempool(1, FOUND_AGAIN);
    market.mine(6);
    third.wait_height(market.bitcoind.height());
    third
}
