//! A maker that cannot serve takes its offer back by itself, and offers again when it can.

use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Market, Node, Taken, Way};

at_two_fee_rates!(without_coins_or_without_a_chain_nothing_is_offered);

fn without_coins_or_without_a_chain_nothing_is_offered(fee_rate: u32) {
    let mut market = Market::direct(fee_rate);
    wait_offers(&market.taker, 1);
    without_coins(&market);

    // bitcoind is gone for a while.
    market.bitcoind.away();
    wait_offers(&market.taker, 0);
    let reason = paused(&market.makers[0]);
    assert!(reason.contains("bitcoind"), "{reason}");
    market.bitcoind.back();
    wait_offers(&market.taker, 1);

    let taken = Taken::take(&market.taker, Way::Out, 200_000, &[]);
    market.confirm_and_claim(&taken);
    market.mine(5);
    taken.assert_outcome(&market.taker, "done");
}

fn without_coins(market: &Market) {
    let (taker, maker, chain) = (&market.taker, &market.makers[0], &market.bitcoind);
    let elsewhere = chain.new_address();
    maker.cli(&["wallet", "send", &elsewhere, "--all", "--yes"]);
    wait_offers(taker, 0);
    assert!(paused(maker).contains("smallest swap"), "{}", paused(maker));
    let address = maker.cli(&["wallet", "address"]);
    chain.fund_address(address["address"].as_str().unwrap(), 3_000_000);
    market.mine(1);
    wait_offers(taker, 1);
}

fn wait_offers(taker: &Node, wanted: usize) {
    wait_for(&format!("{wanted} offers"), FOUND_AGAIN, || {
        let list = taker.cli(&["offers", "out"]);
        let seen = list["offers"].as_array().unwrap().len();
        (seen == wanted)
            .then_some(())
            .ok_or_else(|| list.to_string())
    });
}

fn paused(maker: &Node) -> String {
    let business = maker.cli(&["maker"]);
    let reason = business["sides"][0]["paused"].as_str();
    reason.unwrap_or_default().to_owned()
}
