//! What this node knows of makers that decides who has a place among those asked; see [`cambista_market::Pool`].

use bitcoin::Amount;
use bitcoin::secp256k1::PublicKey;
use cambista_engine::ports::{Clock as _, Entropy as _};
use cambista_engine::routing_limit;
use cambista_ldk::{Node, RouteTarget};
use cambista_market::{Makers, Opinion, Ranked, Sieve};
use cambista_protocol::timelock::{DEFAULT_REFUND_DELTA, Timelocks};
use cambista_protocol::words::Direction;

use super::{Market, Memory};
use crate::adapters::system::{SystemClock, SystemEntropy};

/// A maker's 33-byte key.
type Key = [u8; 33];

/// What is known of makers at the moment of one search.
pub struct Known<'a> {
    node: &'a Node,
    memory: &'a Memory,
    /// By a swap or a channel.
    met: Makers,
    /// These, and who is in Lightning's gossip.
    known: Sieve,
    quiet: Makers,
    tried: Makers,
    left_out: Makers,
    newcomers_turn: bool,
}

impl<'a> Known<'a> {
    /// What is known now. Makers that have just failed are left out.
    #[must_use]
    pub fn now(node: &'a Node, memory: &'a Memory, newcomers_turn: bool) -> Self {
        let now = SystemClock.now();
        let channels = node.channels().into_iter().map(|channel| channel.peer);
        // An answer costs nothing: only a swap that was done makes a maker known.
        let mut met = memory.those(|record| record.totals.done > 0);
        met.extend(channels.map(|maker| maker.serialize()));
        let mut known = met.sieve().clone();
        node.each_in_graph(|maker| known.insert(maker));
        Self {
            node,
            memory,
            met,
            known,
            quiet: memory.those(|record| record.quiet_until(now).is_some()),
            tried: memory.those(|record| record.totals.tried() > 0),
            left_out: memory.resting(),
            newcomers_turn,
        }
    }

    /// From now on this maker is left out as well.
    pub fn leave_out(&mut self, maker: &PublicKey) {
        self.left_out.insert(maker.serialize());
    }

    /// What this maker is expected to cost beside the fee it offers (sat): what failing costs, and by how much it asks more
    /// when it comes to it.
    fn beside(&self, maker: &PublicKey, amount_sat: u64) -> u64 {
        let failing = self
            .memory
            .failure_cost(maker, amount_sat, self.newcomers_turn);
        let dearer = u128::from(self.memory.dearer_ppm(maker)) * u128::from(amount_sat);
        failing.saturating_add(u64::try_from(dearer / 1_000_000).unwrap_or(u64::MAX))
    }

    /// What paying so much (sat) to this maker is expected to cost (sat): the limit where no route is known, as for quotes.
    fn route(&self, maker: &PublicKey, amount_sat: u64) -> u64 {
        let most = Timelocks::new(Direction::Out, DEFAULT_REFUND_DELTA).max_total_delta();
        let msat = amount_sat.saturating_mul(1_000);
        let fee = self
            .node
            .estimate_route_fee(&RouteTarget::Node(*maker), msat, most);
        match fee {
            Some(msat) => msat.div_ceil(1_000),
            None => routing_limit(Amount::from_sat(amount_sat), 0),
        }
    }
}

impl Opinion for Known<'_> {
    fn left_out(&self) -> &Makers {
        &self.left_out
    }

    fn quiet(&self) -> &Makers {
        &self.quiet
    }

    fn tried(&self) -> &Makers {
        &self.tried
    }

    fn known(&self, maker: &Key) -> bool {
        self.met.contains(maker) || self.node.is_in_graph(maker)
    }

    fn known_sieve(&self) -> &Sieve {
        &self.known
    }
}

/// The `limit` makers to ask for this amount (sat), the one expected to cost least first. `routed`: what routing would cost
/// counts too, where the taker pays it (`out`).
#[must_use]
pub fn places(
    market: &Market,
    known: &Known<'_>,
    direction: Direction,
    amount_sat: u64,
    limit: usize,
    routed: bool,
) -> Vec<Ranked> {
    let [a, b, c, d, e, f, g, h, ..] = SystemEntropy.bytes32();
    let draw = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    let pool = market.pool(direction, amount_sat, known, draw);
    let beside = |ranked: &Ranked| known.beside(&ranked.offer.maker, amount_sat);
    if direction == Direction::In || !routed {
        return pool.places(limit, beside);
    }
    // A route takes milliseconds to find: only for those that would have a place without.
    pool.shortened(limit, beside).places(limit, |ranked| {
        let route = known.route(&ranked.offer.maker, amount_sat);
        beside(ranked).saturating_add(route)
    })
}
