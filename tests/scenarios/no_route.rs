//! A payment that cannot reach the maker costs nothing, and the taker is told why.

use cambista_harness::market::{DEAR, USUAL, lightning_address, wait_usable};
use cambista_harness::wait::{FOUND_AGAIN, secs, wait_for};
use cambista_harness::{Change, Market, MarketOptions, Node, NodeOptions, Purse, Taken, Way};
use serde_json::Value;

at_two_fee_rates!(the_channel_between_is_too_small_or_gone);

/// Price, limits or the maker stand against it; nothing began.
const REFUSED: i32 = 4;
/// Blocks after the agreement in which a maker may fund.
const FUND_WINDOW: u32 = 6;
/// The swap failed; the funds are safe.
const FAILED: i32 = 5;

/// A stranger's channel gives the maker room to receive, so it quotes; but no way leads over the stranger.
fn the_channel_between_is_too_small_or_gone(fee_rate: u32) {
    let market = Market::start(&MarketOptions::new(fee_rate, &[DEAR, USUAL]));
    let (between, maker) = (&market.makers[0], &market.makers[1]);
    let _stranger = open_from_a_stranger(&market, fee_rate);
    let far = maker.status()["node_id"].as_str().unwrap().to_owned();
    // What the taker cannot know: the channel between can only carry three fifths of its size now.
    let drain = Taken::take(between, Way::Out, 2_000_000, &["--maker", &far]);
    market.confirm_and_claim(&drain);
    market.mine(5);
    drain.assert_outcome(maker, "done");
    let said = fails(&market, "3500000", &far, FAILED);
    assert!(
        said.contains("RouteNotFound") && said.contains("nothing_happened"),
        "{said}"
    );

    let list = between.cli(&["channel", "list"]);
    let all = list["channels"].as_array().unwrap();
    let to_maker = |channel: &&Value| channel["peer"] == far.as_str();
    let id = all.iter().find(to_maker).unwrap()["id"].clone();
    between.cli(&["channel", "close", id.as_str().unwrap()]);
    market.bitcoind.wait_for_mempool(1, FOUND_AGAIN);
    market.mine(6);
    wait_for("the channel to be gone", FOUND_AGAIN, || {
        let list = between.cli(&["channel", "list"]);
        let gone = list["channels"]
            .as_array()
            .is_some_and(|all| all.len() == 1);
        gone.then_some(()).ok_or_else(|| list.to_string())
    });
    let said = fails(&market, "500000", &far, REFUSED);
    assert!(said.contains("no Lightning route to this maker"), "{said}");
}

/// An `out` that does not come about, and after which everybody has what it had.
fn fails(market: &Market, amount: &str, maker: &str, code: i32) -> String {
    let before: Vec<Purse> = market
        .running()
        .map(|node| Purse::of(node, &market.bitcoind))
        .collect();
    let args = ["out", amount, "--maker", maker, "--yes"];
    let error = market.taker.try_cli(&args).unwrap_err();
    assert_eq!(error.code, Some(code), "{}", error.output);
    // A maker whose terms were not taken up keeps coins ready for as long as it may fund.
    market.mine(FUND_WINDOW + 1);
    for (node, purse) in market.running().zip(&before) {
        purse.assert_changed(node, &market.bitcoind, Change::default());
        wait_for(
            &format!("no swap of {} to be open", node.name()),
            secs(40),
            || {
                let open = node.status()["open_swaps"].clone();
                (open == 0).then_some(()).ok_or_else(|| open.to_string())
            },
        );
    }
    assert!(market.bitcoind.mempool().is_empty());
    error.output
}

fn open_from_a_stranger(market: &Market, fee_rate: u32) -> Node {
    let options = NodeOptions {
        fee_rate,
        ..NodeOptions::default()
    };
    let stranger = Node::start("stranger", &market.bitcoind, &options);
    let answer = stranger.cli(&["wallet", "address"]);
    let address = answer["address"].as_str().unwrap();
    market.bitcoind.fund_address(address, 6_000_000);
    market.mine(1);
    stranger.wait_height(market.bitcoind.height());
    let to = lightning_address(&market.makers[1]);
    stranger.cli(&["channel", "open", &to, "5000000", "--announced"]);
    market.bitcoind.wait_for_mempool(1, FOUND_AGAIN);
    market.mine(6);
    wait_usable(&stranger, 1);
    stranger
}
