//! A payer's server is cut off from the one its funder asks, or is told of blocks it is not given: R is not told from an old
//! place in the chain, by a taker of an `out` or by a maker of an `in`.
//!
//! The two servers are connected by the scenario alone, which hands on what it likes.

use std::ops::RangeInclusive;

use cambista_harness::market::{USUAL, lightning_address, make, p2p_addresses, wait_usable};
use cambista_harness::swap::{OnChain, signed, wait_offer};
use cambista_harness::transaction::{Path, Seen, spend_in_blocks, spend_in_mempool};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Bitcoind, Change, Node, NodeOptions, Purse, Taken, Way};
use serde_json::{Value, json};

const AMOUNT: u64 = 200_000;
/// Blocks until the maker may take its coins back.
const DELTA: u32 = 96;
const CHANNEL: u64 = 5_000_000;
/// So deep a transaction is final.
const BURIED: u32 = 6;
/// How many blocks two tips may differ by where a swap is agreed: the maker's behind, and ahead.
const BEHIND: u32 = 2;
const AHEAD: u32 = 6;

/// A maker and a taker with a channel, each with a server of its own.
struct Split {
    taker: Node,
    maker: Node,
    way: Way,
    /// The payer's server.
    near: Bitcoind,
    /// The funder's, where blocks are mined.
    far: Bitcoind,
}

/// The server claims to know of more blocks than it has: what a node sees of those who keep blocks from it.
#[test]
fn r_is_not_told_while_blocks_are_known_by_their_headers_only() {
    headers_only(Way::Out);
}

#[test]
fn a_maker_does_not_tell_r_while_blocks_are_known_by_their_headers_only() {
    headers_only(Way::In);
}

fn headers_only(way: Way) {
    const WITHHELD: u32 = 6;
    let split = Split::start(way);
    let before = split.purses();
    let taken = Taken::take(&split.taker, way, AMOUNT, &[]);
    let (outpoint, funding) = taken.wait_funding(&split.far);
    split.mine(taken.quote.confirmations - 1);

    split.far.mine(1 + WITHHELD);
    let first = split.near.height() + 1;
    split.tell_headers();
    split.give_blocks(first..=first);
    split.payer().wait_height(first);
    wait_for("the payer to say why it waits", FOUND_AGAIN, || {
        let next = taken.seen_by(split.payer())["next"].clone();
        let said = next.as_str().unwrap_or_default();
        let waits = said.contains("waiting for the chain to be read to its tip");
        waits.then_some(()).ok_or_else(|| next.to_string())
    });
    assert_eq!(spend_in_mempool(&split.near, outpoint), None);

    split.hand_on();
    taken.wait_spend(&split.near, outpoint);
    split.mine(1);
    let seen = OnChain {
        outpoint,
        funding: Seen::read(&split.far, funding.txid),
        spend: taken.confirmed_spend(&split.far, outpoint),
    };
    let [taker, maker] = split.nodes();
    let expected = taken.taker_change(&seen, 0, way == Way::Out);
    before[0].assert_changed(taker, &split.far, expected);
    before[1].assert_changed(maker, &split.far, taken.maker_change(&seen, 0));
}

/// Cut off a confirmation before the last one, the taker hears nothing until the maker has its coins back for good. What it
/// reads then, block by block, passes a moment at which it would have told R: it knows by then that there is more to read.
#[test]
fn a_taker_that_was_cut_off_past_t_catches_up_without_telling_r() {
    cut_off_past_t(Way::Out, BURIED);
}

/// The refund is not final yet, so the maker's payment is still held: nothing but the tip tells the maker that it is too late.
#[test]
fn a_maker_that_was_cut_off_past_t_catches_up_without_telling_r() {
    cut_off_past_t(Way::In, 1);
}

/// It hears of the chain again when the refund is so deep.
fn cut_off_past_t(way: Way, depth: u32) {
    let split = Split::start(way);
    let before = split.purses();
    let taken = Taken::take(&split.taker, way, AMOUNT, &[]);
    let (outpoint, funding) = taken.wait_funding(&split.far);
    split.mine(taken.quote.confirmations - 1);

    let left_at = split.far.height();
    split.far.mine(taken.refund_height - left_at);
    split.funder().wait_height(taken.refund_height);
    let refund = taken.wait_spend(&split.far, outpoint);
    assert_eq!(refund.path(outpoint), Path::Refund);
    split.mine_far(depth);
    let (outcome, prepay) = match way {
        Way::Out => ("prepay_kept", signed(taken.quote.prepay_sat)),
        Way::In => ("taken_back", 0),
    };
    if depth == BURIED {
        taken.assert_outcome(split.funder(), outcome);
    }

    split.tell_headers();
    for height in left_at + 1..=split.far.height() {
        split.give_blocks(height..=height);
        split.payer().wait_height(height);
    }
    // R is not in the claim, nor with the funder: told, it would be paid.
    assert_eq!(spend_in_mempool(&split.near, outpoint), None);
    split.mine_far(BURIED - depth);
    taken.assert_outcome(split.funder(), outcome);
    split.hand_on();
    taken.assert_outcome(split.payer(), outcome);
    let refund = spend_in_blocks(&split.far, outpoint, 2 * BURIED).expect("the refund");
    let lost = Change {
        lightning: -prepay,
        chain: 0,
    };
    let kept = Change {
        lightning: prepay,
        chain: -signed(funding.fee_sat + refund.fee_sat),
    };
    let changes = match way {
        Way::Out => [lost, kept],
        Way::In => [kept, lost],
    };
    for ((node, purse), change) in split.nodes().into_iter().zip(&before).zip(changes) {
        purse.assert_settled(node, &split.far, change);
    }
}

/// T is reckoned from each side's own tip: a taker whose tip is further off than blocks on their way explain agrees to
/// nothing, and pays nothing.
#[test]
fn no_swap_is_agreed_on_tips_too_far_apart() {
    let split = Split::start(Way::Out);
    let before = split.purses();
    let refused = || {
        let amount = AMOUNT.to_string();
        let tried = split.taker.try_cli(&["out", &amount, "--yes", "--detach"]);
        let said = tried.expect_err("agreed on tips too far apart").output;
        assert!(said.contains("refund height"), "{said}");
        assert_eq!(split.taker.status()["open_swaps"], 0);
    };
    // The taker's server is left behind.
    split.far.mine(AHEAD + 1);
    split.maker.wait_height(split.far.height());
    refused();
    // The maker's is.
    split.hand_on();
    split.near.mine(BEHIND + 1);
    split.taker.wait_height(split.near.height());
    refused();

    split.give_back();
    for (node, purse) in split.nodes().into_iter().zip(&before) {
        purse.assert_changed(node, &split.far, Change::default());
    }
    let taken = Taken::take(&split.taker, Way::Out, AMOUNT, &[]);
    let (outpoint, funding) = taken.wait_funding(&split.far);
    split.mine(taken.quote.confirmations);
    taken.wait_spend(&split.near, outpoint);
    split.mine(1);
    let spend = taken.confirmed_spend(&split.far, outpoint);
    let seen = OnChain {
        outpoint,
        funding: Seen::read(&split.far, funding.txid),
        spend,
    };
    let [taker, maker] = split.nodes();
    before[0].assert_changed(taker, &split.far, taken.taker_change(&seen, 0, true));
    before[1].assert_changed(maker, &split.far, taken.maker_change(&seen, 0));
}

impl Split {
    /// For swaps this way: the payer has a channel to the funder, all of which is its own.
    fn start(way: Way) -> Self {
        let far = Bitcoind::start(&[]);
        let near = Bitcoind::start(&[]);
        far.mine(110);
        copy_blocks(&far, &near, 1..=far.height());
        let (taker_asks, maker_asks) = match way {
            Way::Out => (&near, &far),
            Way::In => (&far, &near),
        };
        let mut maker = Node::start("maker", maker_asks, &NodeOptions::default());
        make(&maker, USUAL, DELTA);
        // A node has a peer id that lasts once it makes a market.
        maker.stop();
        maker.restart();
        let options = NodeOptions {
            bootstrap: p2p_addresses(&maker),
            ..NodeOptions::default()
        };
        let taker = Node::start("taker", taker_asks, &options);
        let split = Self {
            taker,
            maker,
            way,
            near,
            far,
        };
        for node in split.nodes() {
            for sats in [CHANNEL + 1_000_000, 1_000_000] {
                let answer = node.cli(&["wallet", "address"]);
                split
                    .far
                    .fund_address(answer["address"].as_str().unwrap(), sats);
            }
        }
        split.mine(1);
        let to = lightning_address(split.funder());
        split
            .payer()
            .cli(&["channel", "open", &to, &CHANNEL.to_string()]);
        split.near.wait_for_mempool(1, FOUND_AGAIN);
        split.mine(6);
        for node in split.nodes() {
            wait_usable(node, 1);
        }
        wait_offer(&split.taker, way, AMOUNT);
        split
    }

    /// Who pays over Lightning, and asks the server that is kept in the dark.
    const fn payer(&self) -> &Node {
        match self.way {
            Way::Out => &self.taker,
            Way::In => &self.maker,
        }
    }

    const fn funder(&self) -> &Node {
        match self.way {
            Way::Out => &self.maker,
            Way::In => &self.taker,
        }
    }

    /// Mines `n` blocks one by one that only the funder hears of.
    fn mine_far(&self, n: u32) {
        for _ in 0..n {
            self.far.mine(1);
            self.funder().wait_height(self.far.height());
        }
    }

    fn nodes(&self) -> [&Node; 2] {
        [&self.taker, &self.maker]
    }

    fn purses(&self) -> [Purse; 2] {
        self.nodes().map(|node| Purse::of(node, &self.far))
    }

    /// Mines `n` blocks one by one, each of which everybody hears of, as of what waits for one.
    fn mine(&self, n: u32) {
        for _ in 0..n {
            self.hand_on();
            self.far.mine(1);
            self.hand_on();
        }
    }

    /// Each server gets what only the other one has, blocks and what waits for one; then both nodes are at the tip.
    fn hand_on(&self) {
        self.give_blocks(self.near.height() + 1..=self.far.height());
        copy_waiting(&self.near, &self.far);
        copy_waiting(&self.far, &self.near);
        for node in self.nodes() {
            node.wait_height(self.far.height());
        }
    }

    /// The maker's server gets the blocks that were mined at the taker's.
    fn give_back(&self) {
        copy_blocks(
            &self.near,
            &self.far,
            self.far.height() + 1..=self.near.height(),
        );
        self.maker.wait_height(self.far.height());
    }

    fn give_blocks(&self, heights: RangeInclusive<u32>) {
        copy_blocks(&self.far, &self.near, heights);
    }

    /// The payer's server gets the headers of all blocks it does not have.
    fn tell_headers(&self) {
        for height in self.near.height() + 1..=self.far.height() {
            let hash = self.far.rpc("getblockhash", json!([height])).unwrap();
            let header = self.far.rpc("getblockheader", json!([hash, false]));
            self.near
                .rpc("submitheader", json!([header.unwrap()]))
                .unwrap();
        }
    }
}

fn copy_blocks(from: &Bitcoind, to: &Bitcoind, heights: RangeInclusive<u32>) {
    for height in heights {
        let hash = from.rpc("getblockhash", json!([height])).unwrap();
        let block = from.rpc("getblock", json!([hash, 0])).unwrap();
        let refused = to.rpc("submitblock", json!([block])).unwrap();
        assert!(refused.is_null(), "block {height}: {refused}");
    }
}

/// What the other one does not take (it has it, or it comes before its parent) it need not have.
fn copy_waiting(from: &Bitcoind, to: &Bitcoind) {
    for txid in from.mempool() {
        if let Ok(raw @ Value::String(_)) = from.rpc("getrawtransaction", json!([txid, 0])) {
            let _ = to.rpc("sendrawtransaction", json!([raw, 0]));
        }
    }
}
