//! Who has a place among the makers that are asked.
//!
//! An offer costs its maker a second of work, and a few of them at prices nobody keeps, with nobody at their addresses, would
//! take all places. So half of them are for makers that have shown themselves in a way that costs more.

use std::collections::HashSet;

use bitcoin::secp256k1::PublicKey;
use cambista_ldk::Node;
use cambista_market::Ranked;
use cambista_protocol::words::Direction;

use super::{Market, Memory};

/// A maker's 33-byte key.
type Key = [u8; 33];

/// The makers this node has a reason to believe in.
pub struct Known<'a> {
    node: &'a Node,
    /// By an answer, a swap or a channel.
    met: HashSet<Key>,
}

impl<'a> Known<'a> {
    /// What is known now.
    #[must_use]
    pub fn now(node: &'a Node, memory: &Memory) -> Self {
        let channels = node.channels().into_iter().map(|channel| channel.peer);
        let met = memory.answering().into_iter().chain(channels);
        Self {
            node,
            met: met.map(|maker| maker.serialize()).collect(),
        }
    }

    /// Whether the maker has answered before, has a channel with this node, or channels that all of Lightning was told of.
    fn holds(&self, maker: &Key) -> bool {
        self.met.contains(maker) || self.node.is_in_graph(maker)
    }
}

/// The `limit` makers to ask for this amount (sat), none of those left out: half of them the cheapest that are known, where
/// there are so many, the rest the cheapest of all. The cheapest first.
#[must_use]
pub fn places(
    market: &Market,
    known: &Known<'_>,
    direction: Direction,
    amount_sat: u64,
    limit: usize,
    left_out: &HashSet<PublicKey>,
) -> Vec<Ranked> {
    let left_out: HashSet<Key> = left_out.iter().map(PublicKey::serialize).collect();
    let open = |maker: &Key| !left_out.contains(maker);
    let kept = limit.div_ceil(2);
    let mut asked = market.best_among(direction, amount_sat, kept, |maker| {
        open(maker) && known.holds(maker)
    });
    let in_already: HashSet<Key> = asked.iter().map(|r| r.offer.maker.serialize()).collect();
    let more = limit.saturating_sub(asked.len());
    asked.extend(market.best_among(direction, amount_sat, more, |maker| {
        open(maker) && !in_already.contains(maker)
    }));
    asked.sort_by_key(|ranked| ranked.est_fee_sat);
    asked
}
