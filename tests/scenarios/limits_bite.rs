//! Every limit a taker can name has a moment at which it decides.

use bitcoin::OutPoint;
use cambista_harness::market::{DEAR, USUAL};
use cambista_harness::transaction::{Path, Seen, spend_in_mempool};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Change, Market, MarketOptions, Node, Purse, Taken, Way};

use crate::taker_killed::{finish, market_for, purses};

at_two_fee_rates!(
    a_swap_above_a_limit_does_not_begin,
    a_limit_with_room_for_the_claim_leaf_is_kept,
    a_claim_above_the_limit_waits,
    a_makers_claim_above_its_limit_waits,
    confirmations_are_waited_for,
);

/// Price, limits or the maker stand against it, as the command line's help has it.
const REFUSED: i32 = 4;

/// Miner fee, routing and maker; a limit one satoshi higher lets the same swap begin.
fn a_swap_above_a_limit_does_not_begin(fee_rate: u32) {
    let market = Market::start(&MarketOptions::new(fee_rate, &[DEAR, USUAL]));
    let taker = &market.taker;
    let before = Purse::of(taker, &market.bitcoind);
    let ids = [0, 1].map(|i| {
        market.makers[i].status()["node_id"]
            .as_str()
            .unwrap()
            .to_owned()
    });
    let [near, far] = &ids;
    let quotes = taker.cli(&["quote", "out", "300000", "--maker", far]);
    let number = |name: &str| quotes["quotes"][0][name].as_u64().unwrap();
    assert_eq!(number("routing_fee_sat"), 2, "{quotes}");

    let miner = number("miner_fee_sat") - 1;
    let said = refused(
        taker,
        &["--maker", far, "--max-miner-fee", &miner.to_string()],
    );
    assert!(said.contains("miner fee"), "{said}");
    let said = refused(taker, &["--maker", far, "--max-routing-fee", "1"]);
    assert!(said.contains("routing"), "{said}");
    let total = number("total_sat") - 1;
    refused(taker, &["--maker", far, "--max-fee", &total.to_string()]);
    // Nobody the market knows.
    let nobody = taker.status()["node_id"].as_str().unwrap().to_owned();
    refused(taker, &["--maker", &nobody]);
    assert_eq!(taker.status()["open_swaps"], 0);
    before.assert_changed(taker, &market.bitcoind, Change::default());
    assert!(market.bitcoind.mempool().is_empty());

    // The dearer maker, because it was named; nothing for others, because nobody is between.
    let more = ["--maker", near, "--max-routing-fee", "0"];
    let taken = Taken::take(taker, Way::Out, 300_000, &more);
    assert_eq!(&taken.quote.maker, near);
    let seen = market.confirm_and_claim(&taken);
    before.assert_changed(taker, &market.bitcoind, taken.taker_change(&seen, 0, true));
}

/// What the swap is expected to cost is not enough: were the maker silent, the claim would cost more. What the refusal
/// names is.
fn a_limit_with_room_for_the_claim_leaf_is_kept(fee_rate: u32) {
    let mut market = Market::direct(fee_rate);
    let before = purses(&market);
    let quotes = market.taker.cli(&["quote", "out", "300000"]);
    let total = quotes["quotes"][0]["total_sat"].to_string();
    let said = refused(&market.taker, &["--max-fee", &total]);
    let (_, named) = said.split_once("may come to ").expect("a number");
    let enough = named.split_once(' ').unwrap().0;
    let least: i64 = enough.parse().unwrap();
    refused(&market.taker, &["--max-fee", &(least - 1).to_string()]);

    let taken = Taken::take(&market.taker, Way::Out, 300_000, &["--max-fee", enough]);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    market.makers[0].freeze();
    let claimed = claim_alone(&market, &taken, outpoint);
    market.makers[0].thaw();
    finish(&market, &taken, outpoint, &before);
    let ended = taken.assert_outcome(&market.taker, "done");
    assert_eq!(ended["cost"]["total_sat"], least, "{ended}");
    assert_eq!(claimed.path(outpoint), Path::Claim);
}

/// Mines until the taker has claimed although the maker sleeps.
fn claim_alone(market: &Market, taken: &Taken, outpoint: OutPoint) -> Seen {
    market.mine(taken.quote.confirmations);
    taken.wait_revealed(&market.taker);
    market.mine(1);
    let claim = taken.wait_spend(&market.bitcoind, outpoint);
    market.mine(1);
    claim
}

/// The fee rate rises after the funding: nothing is revealed until it has fallen again.
fn a_claim_above_the_limit_waits(fee_rate: u32) {
    let mut market = Market::direct(fee_rate);
    let before = purses(&market);
    let limit = (u64::from(fee_rate) * 160).to_string();
    let more = ["--max-miner-fee", &limit];
    let taken = Taken::take(&market.taker, Way::Out, 300_000, &more);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    at_rate(&mut market.taker, fee_rate * 2);
    market.mine(taken.quote.confirmations + 3);
    wait_for("the taker to say what it waits for", FOUND_AGAIN, || {
        let swap = taken.seen_by(&market.taker);
        let next = swap["next"].as_str().unwrap_or_default();
        let says = next.contains(&format!("your limit is {limit} sat"));
        says.then_some(()).ok_or_else(|| next.to_owned())
    });
    assert_eq!(spend_in_mempool(&market.bitcoind, outpoint), None);

    at_rate(&mut market.taker, fee_rate);
    finish(&market, &taken, outpoint, &before);
}

/// A maker has charged for a sweep, and pays five times that at most.
fn a_makers_claim_above_its_limit_waits(fee_rate: u32) {
    let mut market = market_for(Way::In, fee_rate);
    let before = purses(&market);
    let taken = Taken::take(&market.taker, Way::In, 200_000, &[]);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    at_rate(&mut market.makers[0], fee_rate * 5);
    market.mine(taken.quote.confirmations + 3);
    let limit = 5 * 111 * u64::from(fee_rate);
    wait_for("the maker to say what it waits for", FOUND_AGAIN, || {
        let swap = taken.seen_by(&market.makers[0]);
        let next = swap["next"].as_str().unwrap_or_default();
        let says = next.contains(&format!("your limit is {limit} sat"));
        says.then_some(()).ok_or_else(|| next.to_owned())
    });
    assert_eq!(spend_in_mempool(&market.bitcoind, outpoint), None);

    at_rate(&mut market.makers[0], fee_rate);
    finish(&market, &taken, outpoint, &before);
}

fn confirmations_are_waited_for(fee_rate: u32) {
    let market = Market::direct(fee_rate);
    let before = purses(&market);
    let taken = Taken::take(&market.taker, Way::Out, 300_000, &["--confs", "4"]);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    market.mine(3);
    assert_eq!(spend_in_mempool(&market.bitcoind, outpoint), None);
    market.mine(1);
    taken.wait_spend(&market.bitcoind, outpoint);
    finish(&market, &taken, outpoint, &before);
}

/// Restarts the node at another fee rate.
fn at_rate(node: &mut Node, sat_per_vb: u32) {
    node.stop();
    node.set_fee_rate(sat_per_vb);
    node.restart();
}

/// What an `out` says that is refused.
fn refused(taker: &Node, more: &[&str]) -> String {
    let mut args = vec!["out", "300000", "--yes", "--detach"];
    args.extend(more);
    let error = taker.try_cli(&args).unwrap_err();
    assert_eq!(error.code, Some(REFUSED), "{}", error.output);
    error.output
}
