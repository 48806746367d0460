//! Blocks are replaced under a swap: counting begins anew, a decision that was made stays made, and whoever needs a
//! transaction on the chain sees to it that it comes there again.

mod branches;
mod confirmations;
mod conflict;
mod deposit;
mod late_again;
mod left_alone;
mod offline;
mod refund;
mod sweep;
mod taken_back;
mod versions;

use cambista_harness::market::USUAL;
use cambista_harness::transaction::{Path, Seen};
use cambista_harness::{Market, MarketOptions, Node, Purse, Taken, Way};

use crate::taker_killed::purses;

/// So deep a transaction is final.
const BURIED: u32 = 6;

/// Above a million a payer waits for two confirmations, however well it knows the other side (sat). Below a power of two, as
/// a maker with little more left announces that.
const FOR_TWO: u64 = 1_040_000;

/// A market whose channels lie deeper than any reorganisation, with room for payments to the taker where one is due, and
/// what its two nodes have.
fn market_for(way: Way) -> (Market, [Purse; 2]) {
    let mut options = MarketOptions::new(3, &[USUAL]);
    // As short as it can be: some of this happens at the refund height.
    options.refund_delta = 76;
    let market = Market::start(&options);
    match way {
        Way::Out => market.mine(BURIED),
        Way::In => {
            let room = Taken::take(&market.taker, Way::Out, 3_600_000, &[]);
            market.confirm_and_claim(&room);
            market.mine(BURIED - 1);
            room.assert_outcome(&market.taker, "done");
            room.assert_outcome(&market.makers[0], "done");
        }
    }
    let before = purses(&market);
    (market, before)
}

/// Replaces the last `depth` blocks by empty ones, and one more. What was in them is in no mempool either: it is on the
/// chain again only if somebody sends it again.
fn reorganise_and_forget(market: &mut Market, depth: u32) {
    let fork = market.bitcoind.height() + 1 - depth;
    market.bitcoind.invalidate(fork);
    market.bitcoind.restart_forgetful();
    for _ in 0..=depth {
        market.bitcoind.mine_only(&[]);
    }
    market.sync();
}

/// Takes a swap and mines until its claim, by key path, waits in the mempool.
fn until_claimed(market: &Market, way: Way, amount: u64) -> (Taken, Seen) {
    let taken = Taken::take(&market.taker, way, amount, &[]);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    market.mine(taken.quote.confirmations);
    let claim = taken.wait_spend(&market.bitcoind, outpoint);
    assert_eq!(claim.path(outpoint), Path::Key);
    (taken, claim)
}

/// Checks that a node does not take a swap for ended.
fn assert_goes_on(taken: &Taken, node: &Node) {
    let view = taken.seen_by(node);
    assert_eq!(view["ended"], false, "{}: {view}", node.name());
}
