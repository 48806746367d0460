//! The maker does not fund: the payment goes back, and nobody has lost anything.

use cambista_harness::market::{DEAR, USUAL};
use cambista_harness::{Change, Market, MarketOptions, Purse, Taken, Way};
use serde_json::json;

at_two_fee_rates!(
    its_coins_are_gone_before_the_order,
    its_coins_are_gone,
    it_slept_through_its_window,
);

/// Blocks after the agreement in which a maker may fund.
const FUND_WINDOW: u32 = 6;

/// Between quote and order: the maker refuses, and the taker has locked nothing.
fn its_coins_are_gone_before_the_order(fee_rate: u32) {
    let market = Market::direct(fee_rate);
    let (taker, maker) = (&market.taker, &market.makers[0]);
    let before = Purse::of(taker, &market.bitcoind);
    let ask = json!({ "direction": "out", "amount_sat": 500_000 });
    let quotes = taker.api_post("/quotes", &ask);
    let elsewhere = market.bitcoind.new_address();
    maker.cli(&["wallet", "send", &elsewhere, "--all", "--yes"]);
    let order = json!({ "quote_id": quotes["quotes"][0]["id"] });
    let refused = taker.api().post("/orders", &order).unwrap_err();
    assert!(refused.contains("not enough coins"), "{refused}");
    assert!(refused.contains("nothing began"), "{refused}");
    market.mine(1);
    for node in [taker, maker] {
        assert_eq!(node.status()["open_swaps"], 0);
    }
    before.assert_changed(taker, &market.bitcoind, Change::default());
}

/// The node between sleeps, so that the payment arrives when the maker has spent its coins.
fn its_coins_are_gone(fee_rate: u32) {
    let mut market = Market::start(&MarketOptions::new(fee_rate, &[DEAR, USUAL]));
    let elsewhere = market.bitcoind.new_address();
    let (taken, mut before) = agree(&mut market);
    market.makers[1].cli(&["wallet", "send", &elsewhere, "--all", "--yes"]);
    market.makers[0].thaw();
    let ended = taken.assert_outcome(&market.makers[1], "nothing_happened");
    let said = ended["money"].as_str().unwrap();
    assert!(said.contains("could not be funded"), "{ended}");
    taken.assert_outcome(&market.taker, "nothing_happened");
    market.mine(1);
    before[2].chain = Purse::of(&market.makers[1], &market.bitcoind).chain;
    nothing_changed(&market, &before);
}

/// It comes back when funding would be too late.
fn it_slept_through_its_window(fee_rate: u32) {
    let mut market = Market::start(&MarketOptions::new(fee_rate, &[DEAR, USUAL]));
    let (taken, before) = agree(&mut market);
    market.makers[1].freeze();
    market.mine(FUND_WINDOW + 1);
    market.makers[1].thaw();
    market.sync();
    market.makers[0].thaw();
    taken.assert_outcome(&market.makers[1], "nothing_happened");
    taken.assert_outcome(&market.taker, "nothing_happened");
    market.mine(1);
    nothing_changed(&market, &before);
}

/// A swap that is agreed with the maker behind, while the node between sleeps; and what everybody had before.
fn agree(market: &mut Market) -> (Taken, Vec<Purse>) {
    let before = everybody(market);
    let far = market.makers[1].status()["node_id"]
        .as_str()
        .unwrap()
        .to_owned();
    market.makers[0].freeze();
    let taken = Taken::take(&market.taker, Way::Out, 500_000, &["--maker", &far]);
    (taken, before)
}

fn everybody(market: &Market) -> Vec<Purse> {
    let purse = |node| Purse::of(node, &market.bitcoind);
    market.running().map(purse).collect()
}

fn nothing_changed(market: &Market, before: &[Purse]) {
    for (node, purse) in market.running().zip(before) {
        purse.assert_changed(node, &market.bitcoind, Change::default());
    }
    assert!(market.bitcoind.mempool().is_empty());
}
