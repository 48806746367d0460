//! What each side must own once a channel that was closed by force is all in its wallet, by the chain alone.

use std::collections::HashSet;
use std::time::Duration;

use bitcoin::{OutPoint, Txid};
use cambista_harness::swap::signed;
use cambista_harness::transaction::spend_in_mempool;
use cambista_harness::wait::{FOUND_AGAIN, secs, wait_for};
use cambista_harness::{Bitcoind, Market, Node, Purse};
use serde_json::Value;

use super::fees::{self, ANCHOR, Paid, list};

/// No closing transaction here pays its miner more (sat): it is made to be paid for by its child.
const MAX_CLOSING_FEE: i64 = 2_000;
/// So many blocks come at once while nothing but time locks run.
const AT_ONCE: u32 = 12;
/// Lightning looks every half minute for coins that are free.
pub(super) const SWEEP: Duration = secs(90);
/// The longest time lock of a payment and that of a closing's own coins, with room.
const LONGEST: u32 = 1_000;

/// The only channel of a market, and what its two nodes had before it was closed: the taker, who opened it, and the maker.
pub(super) struct Closing {
    id: String,
    funding: Txid,
    capacity: i64,
    /// What of the channel was the maker's (sat).
    makers: i64,
    coins: [u64; 2],
    since: u32,
}

impl Closing {
    /// Of the market's channel, of which `makers` sat are the maker's.
    pub(super) fn of(market: &Market, makers: i64) -> Self {
        let list = market.taker.cli(&["channel", "list"]);
        let channel = &list["channels"][0];
        let text = |name: &str| channel[name].as_str().unwrap().to_owned();
        let capacity = channel["capacity_sat"].as_u64().unwrap();
        Self {
            id: text("id"),
            funding: text("funding_txid").parse().unwrap(),
            capacity: signed(capacity),
            makers,
            coins: both(market).map(|node| Purse::of(node, &market.bitcoind).chain),
            since: market.bitcoind.height(),
        }
    }

    /// `node` closes the channel alone. Its closing transaction waits for a block afterwards.
    pub(super) fn force(&self, node: &Node, bitcoind: &Bitcoind) {
        node.cli(&["channel", "close", &self.id, "--force", "--yes"]);
        wait_for(
            "the closing transaction in the mempool",
            FOUND_AGAIN,
            || {
                let outputs = (0..4).map(|vout| OutPoint::new(self.funding, vout));
                let mut spends = outputs.filter_map(|output| spend_in_mempool(bitcoind, output));
                spends.next().map(drop).ok_or_else(|| "none".to_owned())
            },
        );
    }

    /// Mines until all swaps are over and nothing of the channel is outside the two wallets.
    pub(super) fn mine_until_returned(&self, market: &Market) {
        let last = market.bitcoind.height() + LONGEST;
        loop {
            let outside: Vec<Value> = both(market).into_iter().flat_map(outside).collect();
            // A payment of one's own that waits for its time lock is shown with its swap only.
            let over = both(market).map(|node| node.status()["open_swaps"] == 0);
            if outside.is_empty() && over == [true; 2] {
                return;
            }
            let height = market.bitcoind.height();
            assert!(height < last, "not back at height {height}: {outside:?}");
            if over == [true; 2] && outside.iter().all(|part| part["wait"] == "sweep") {
                // What is free is sent home by a clock, not by a block.
                market.bitcoind.wait_for_mempool(1, SWEEP);
            }
            market.bitcoind.mine(AT_ONCE);
            market.sync();
        }
    }

    /// Checks that the taker and the maker have what they had, the channel taken apart, changed by this and by what miners
    /// got of each (sat).
    #[track_caller]
    pub(super) fn assert_returned(&self, market: &Market, gained: [i64; 2]) {
        let names = both(market).map(fees::addresses);
        let (paid, closing_fee) = self.read(&market.bitcoind, &names);
        assert!((1..MAX_CLOSING_FEE).contains(&closing_fee), "{closing_fee}");
        // Who opened a channel pays for its closing, anchors included.
        let parts = [
            self.capacity - self.makers - closing_fee - 2 * ANCHOR,
            self.makers,
        ];
        for (at, node) in both(market).into_iter().enumerate() {
            let expected = signed(self.coins[at]) + parts[at] + gained[at] - paid[at].cost();
            let what = format!("{} to have {expected} sat", node.name());
            wait_for(&what, FOUND_AGAIN, || {
                let coins = signed(Purse::of(node, &market.bitcoind).chain);
                (coins == expected)
                    .then_some(())
                    .ok_or_else(|| format!("{coins} sat, {} more or less", coins - expected))
            });
        }
    }

    /// What both sides paid to miners since, and what the closing transaction did.
    fn read(&self, bitcoind: &Bitcoind, names: &[HashSet<String>; 2]) -> ([Paid; 2], i64) {
        let mut paid = [Paid::default(), Paid::default()];
        let mut closing = None;
        for tx in fees::transactions(bitcoind, self.since) {
            match names.each_ref().map(|names| fees::touches(&tx, names)) {
                [false, false] => {
                    assert_eq!(tx["vin"][0]["txid"], self.funding.to_string(), "{tx}");
                    assert!(closing.replace(fees::fee(&tx)).is_none(), "closed twice");
                }
                [true, true] => panic!("a transaction of both sides: {tx}"),
                [taker, _] => paid[usize::from(!taker)].add(&tx),
            }
        }
        (paid, closing.expect("a closing transaction"))
    }
}

/// The taker and the maker.
fn both(market: &Market) -> [&Node; 2] {
    [&market.taker, &market.makers[0]]
}

/// What of a node's channels is not in its wallet, part by part.
pub(super) fn outside(node: &Node) -> Vec<Value> {
    let answer = node.cli(&["channel", "list"]);
    [list(&answer["channels"]), list(&answer["returning"])].concat()
}
