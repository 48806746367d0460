//! Several swaps at once, both ways and with every maker of a market: begun, brought to their end, reckoned up.

use std::thread::sleep;
use std::time::{Duration, Instant};

use bitcoin::{OutPoint, Txid};
use cambista_harness::swap::OnChain;
use cambista_harness::transaction::{Seen, spend_in_blocks};
use cambista_harness::wait::{FOUND_AGAIN, secs, wait_for};
use cambista_harness::{Change, Market, Node, Purse, Taken, Way};
use serde_json::Value;

use crate::at_once::add;

/// A swap that has not ended after so many blocks hangs.
const MOST_BLOCKS: u32 = 60;
/// A spend of a contract is looked for in so many blocks.
const DEPTH: u32 = 120;
/// So long nodes may take to react to a block before the next one comes.
const PAUSE: Duration = Duration::from_millis(400);
/// So long no block comes while a swap is neither funded nor over: nodes that were killed find each other again within a minute.
const FUNDED_WITHIN: Duration = secs(90);

/// Swaps under way, and what every node had before.
pub(crate) struct Load {
    before: Vec<Purse>,
    /// With the place of the maker in the row.
    swaps: Vec<(Taken, usize)>,
}

impl Load {
    /// Nothing is under way.
    pub(crate) fn new(market: &Market) -> Self {
        let purse = |node| Purse::of(node, &market.bitcoind);
        Self {
            before: market.running().map(purse).collect(),
            swaps: Vec::new(),
        }
    }

    /// Takes a swap with one maker, or with another one if this cannot be, and does not follow it.
    pub(crate) fn take(&mut self, market: &Market, way: Way, amount: u64, maker: usize) {
        let all = market.makers.len();
        let mut makers = (maker..all).chain(0..maker);
        if !makers.any(|maker| self.take_with(market, way, amount, maker)) {
            println!("no maker swaps {} {amount} sat now", way.word());
        }
    }

    fn take_with(&mut self, market: &Market, way: Way, amount: u64, maker: usize) -> bool {
        let id = market.makers[maker].try_cli(&["status"]);
        let Ok(id) = id.map(|status| status["node_id"].clone()) else {
            return false;
        };
        let (amount, id) = (amount.to_string(), id.as_str().unwrap_or_default());
        let args = [way.word(), &amount, "--maker", id, "--yes", "--detach"];
        let Ok(answer) = market.taker.try_cli(&args) else {
            return false;
        };
        self.swaps.push((Taken::from_json(&answer), maker));
        true
    }

    /// The swaps that were taken.
    pub(crate) fn swaps(&self) -> impl Iterator<Item = &Taken> {
        self.swaps.iter().map(|(taken, _)| taken)
    }

    /// Mines until every swap has ended at both sides and checks what every node has, channel by channel. Says how many
    /// went through; the others must have left everything where it was.
    pub(crate) fn settle(&self, market: &Market) -> usize {
        market.sync();
        self.end(market);
        let mut wanted = vec![Change::default(); self.before.len()];
        let mut done = 0;
        for (taken, maker) in &self.swaps {
            let Some(seen) = outcome(market, taken, &market.makers[*maker]) else {
                continue;
            };
            done += 1;
            reckon(&mut wanted, taken, *maker, &seen);
        }
        let nodes: Vec<&Node> = market.running().collect();
        for ((node, before), change) in nodes.iter().zip(&self.before).zip(wanted) {
            before.assert_changed(node, &market.bitcoind, change);
        }
        done
    }

    fn end(&self, market: &Market) {
        self.wait_begun(market);
        for _ in 0..MOST_BLOCKS {
            if self.all_ended(market) {
                return;
            }
            let deadline = Instant::now() + PAUSE;
            while market.bitcoind.mempool().is_empty() && Instant::now() < deadline {
                sleep(Duration::from_millis(50));
            }
            market.mine(1);
        }
        // What is left over is to be settled over Lightning alone.
        wait_for("every swap to end", FOUND_AGAIN, || {
            let open = || -> Vec<Value> {
                let swaps = self.swaps.iter();
                swaps.map(|(s, _)| s.seen_by(&market.taker)).collect()
            };
            match self.all_ended(market) {
                true => Ok(()),
                false => Err(format!("after {MOST_BLOCKS} blocks: {:#?}", open())),
            }
        });
    }

    /// Gives every swap the time to be funded, which a block may cut short. One that never will be needs blocks to end.
    fn wait_begun(&self, market: &Market) {
        let until = Instant::now() + FUNDED_WITHIN;
        let begun = |(taken, maker): &(Taken, usize)| {
            let views = [&market.taker, &market.makers[*maker]].map(|node| taken.seen_by(node));
            views.iter().any(|view| view["funding_txid"].is_string())
                || views.iter().all(|view| view["ended"] == true)
        };
        while !self.swaps.iter().all(begun) && Instant::now() < until {
            sleep(Duration::from_millis(100));
        }
    }

    fn all_ended(&self, market: &Market) -> bool {
        self.swaps.iter().all(|(taken, maker)| {
            [&market.taker, &market.makers[*maker]]
                .into_iter()
                .all(|node| taken.seen_by(node)["ended"] == true)
        })
    }
}

/// What the chain shows of a swap that went through; nothing when nothing happened.
fn outcome(market: &Market, taken: &Taken, maker: &Node) -> Option<OnChain> {
    let views = [&market.taker, maker].map(|node| taken.seen_by(node));
    let outcomes = views.each_ref().map(|view| view["outcome"].as_str());
    match outcomes {
        [Some("nothing_happened"), Some("nothing_happened")] => return None,
        [Some("done"), Some("done")] => {}
        _ => panic!("neither done nor as if it had not been: {views:#?}"),
    }
    let txid: Txid = views[0]["funding_txid"].as_str().unwrap().parse().unwrap();
    let funding = Seen::read(&market.bitcoind, txid);
    let paid = funding.tx.output.iter().position(|output| {
        output.script_pubkey == taken.script && output.value.to_sat() == taken.quote.amount_sat
    });
    let outpoint = OutPoint::new(txid, u32::try_from(paid.unwrap()).unwrap());
    let spend = spend_in_blocks(&market.bitcoind, outpoint, DEPTH);
    Some(OnChain {
        outpoint,
        funding,
        spend: spend.expect("the spend of the contract in a block"),
    })
}

/// Adds what a swap changes: at the taker, its maker, and those between, who forward at 1 sat a payment.
fn reckon(wanted: &mut [Change], taken: &Taken, maker: usize, seen: &OnChain) {
    let hops = i64::try_from(maker).unwrap();
    let routing = hops * taken.payments();
    let (by_taker, by_maker) = match taken.quote.direction {
        Way::Out => (routing, 0),
        Way::In => (0, routing),
    };
    add(&mut wanted[0], taken.taker_change(seen, by_taker, true));
    add(&mut wanted[maker + 1], taken.maker_change(seen, by_maker));
    for between in &mut wanted[1..=maker] {
        between.lightning += taken.payments();
    }
}
