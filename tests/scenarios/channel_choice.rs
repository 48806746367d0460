//! A taker with channels to two nodes says which of them a swap goes by, against what would be cheapest.

use cambista_harness::ledger::{Sides, channels};
use cambista_harness::market::{DEAR, USUAL, lightning_address, wait_usable};
use cambista_harness::swap::signed;
use cambista_harness::transaction::Path;
use cambista_harness::wait::FOUND_AGAIN;
use cambista_harness::{Change, Market, MarketOptions, Node, Purse, Taken, Way};

/// The maker is reached directly and through the node between.
#[test]
fn the_channel_named_is_the_one_that_is_used() {
    let market = Market::start(&MarketOptions::new(3, &[DEAR, USUAL]));
    let direct = open_directly(&market);
    let around = channel_with(&market.taker, &market.makers[0]);

    // Left alone, a payment takes the way that costs nothing.
    swap(&market, Way::Out, 300_000, &[], &direct, 0);
    swap(
        &market,
        Way::Out,
        500_000,
        &["--channel", &around.id],
        &around,
        1,
    );
    swap(
        &market,
        Way::Out,
        400_000,
        &["--channel", &direct.id[..12]],
        &direct,
        0,
    );
    swap(
        &market,
        Way::In,
        150_000,
        &["--channel", &around.id[..12]],
        &around,
        1,
    );
    swap(
        &market,
        Way::In,
        120_000,
        &["--channel", &direct.id],
        &direct,
        0,
    );
}

/// A channel of the taker.
struct Channel {
    id: String,
    funding_txid: String,
}

fn channel_with(taker: &Node, peer: &Node) -> Channel {
    let peer = peer.status()["node_id"].clone();
    let list = taker.cli(&["channel", "list"]);
    let all = list["channels"].as_array().unwrap();
    let found = all.iter().find(|channel| channel["peer"] == peer);
    let found = found.unwrap_or_else(|| panic!("no channel with {peer}: {list}"));
    let text = |name: &str| found[name].as_str().unwrap().to_owned();
    Channel {
        id: text("id"),
        funding_txid: text("funding_txid"),
    }
}

fn open_directly(market: &Market) -> Channel {
    let (taker, maker) = (&market.taker, &market.makers[1]);
    let to = lightning_address(maker);
    taker.cli(&["channel", "open", &to, "3000000", "--announced"]);
    market.bitcoind.wait_for_mempool(1, FOUND_AGAIN);
    market.mine(6);
    wait_usable(taker, 2);
    wait_usable(maker, 2);
    channel_with(taker, maker)
}

/// A swap with the maker at the end of the row: everything it moves over Lightning moves in the channel expected, and
/// between are so many nodes.
fn swap(market: &Market, way: Way, amount: u64, named: &[&str], expected: &Channel, hops: i64) {
    let nodes = [&market.taker, &market.makers[0], &market.makers[1]];
    let before = nodes.map(|node| Purse::of(node, &market.bitcoind));
    let sides = channels(&market.taker);
    let taken = Taken::take(&market.taker, way, amount, named);
    assert_eq!(taken.quote.maker, market.makers[1].status()["node_id"]);
    let seen = market.confirm_and_claim(&taken);
    assert_eq!(seen.spend.path(seen.outpoint), Path::Key);

    let routing = hops * taken.payments();
    let (by_taker, by_maker) = match way {
        Way::Out => (routing, 0),
        Way::In => (0, routing),
    };
    let by_taker = taken.taker_change(&seen, by_taker, true);
    let between = Change {
        lightning: routing,
        chain: 0,
    };
    let changes = [by_taker, between, taken.maker_change(&seen, by_maker)];
    for ((node, purse), change) in nodes.into_iter().zip(&before).zip(changes) {
        purse.assert_changed(node, &market.bitcoind, change);
    }
    for (funding_txid, later) in channels(&market.taker) {
        let moved = gained(&sides[&funding_txid], &later);
        let wanted = match funding_txid == expected.funding_txid {
            true => by_taker.lightning,
            false => 0,
        };
        assert_eq!(moved, wanted, "in the channel {funding_txid}");
    }
    market.mine(5);
    for node in [&market.taker, &market.makers[1]] {
        taken.assert_outcome(node, "done");
    }
}

fn gained(before: &Sides, later: &Sides) -> i64 {
    signed(later.outbound) - signed(before.outbound)
}
