//! The makers port over the book of offers.

use std::collections::HashSet;
use std::sync::Arc;

use bitcoin::secp256k1::PublicKey;
use cambista_engine::MakerContact;
use cambista_engine::ports::{MakerOffer, Makers, PeerAddress, PortError, Wanted};
use cambista_ldk::Node;
use cambista_market::Lesson;
use cambista_protocol::market::offer::Offer;
use cambista_protocol::money::Price;
use cambista_protocol::words::Direction;

use super::own_miner_fee;
use crate::offers::{Known, Market, Memory, in_touch, places, resting_until};

/// The smallest share of an amount makers are looked for: the smaller ones add up only with many.
const SMALLEST_SHARE: u64 = 16;

/// Makers, as the book and this node's experience know them.
pub struct MakersPort {
    node: Arc<Node>,
    market: Arc<Market>,
    memory: Arc<Memory>,
}

impl MakersPort {
    /// Over this book, by this experience.
    #[must_use]
    pub const fn new(node: Arc<Node>, market: Arc<Market>, memory: Arc<Memory>) -> Self {
        Self {
            node,
            market,
            memory,
        }
    }

    /// The offers worth looking at: for all of it, then for ever smaller shares of it.
    fn best(&self, wanted: &Wanted<'_>) -> Vec<Offer> {
        // Who has just failed is left alone for a while, whatever it promises.
        let mut known = Known::now(&self.node, &self.memory, wanted.newcomers_turn);
        for maker in wanted.except {
            known.leave_out(maker);
        }
        let mut found = Vec::new();
        let mut share = 1;
        while share == 1 || (wanted.max_parts > 1 && share <= SMALLEST_SHARE) {
            let part = wanted.amount_sat.div_ceil(share);
            let (direction, limit) = (wanted.direction, wanted.limit);
            // Who is in already takes no further place: the same few could fill those for every share.
            let routed = share == 1;
            for ranked in places(&self.market, &known, direction, part, limit, routed) {
                known.leave_out(&ranked.offer.maker);
                found.push(ranked.offer);
            }
            // Up to the number of parts every even share counts, then only every other size.
            share = if share < u64::try_from(wanted.max_parts).unwrap_or(1) {
                share + 1
            } else {
                share * 2
            };
        }
        found
    }

    fn named(&self, wanted: &Wanted<'_>) -> Vec<Offer> {
        let mut seen: HashSet<PublicKey> = wanted.except.iter().copied().collect();
        seen.insert(self.node.node_id());
        wanted
            .only
            .iter()
            .filter(|maker| seen.insert(**maker))
            .filter_map(|maker| self.market.offer_of(maker))
            .collect()
    }
}

impl Makers for MakersPort {
    fn candidates(&self, wanted: &Wanted<'_>) -> Result<Vec<MakerOffer>, PortError> {
        if !in_touch(&self.node) {
            let reason = self.node.chain().status().last_error;
            let reason = reason.unwrap_or_else(|| "bitcoind is still catching up".into());
            return Err(PortError(format!(
                "no swap can begin while this node is out of touch with the chain ({reason}); open swaps go on by themselves"
            )));
        }
        let offers = if wanted.only.is_empty() {
            self.best(wanted)
        } else {
            self.named(wanted)
        };
        let direction = wanted.direction;
        Ok(offers
            .into_iter()
            .filter_map(|offer| maker_offer(offer, direction))
            .collect())
    }

    fn resting_until(&self, wanted: &Wanted<'_>) -> Option<u64> {
        if !wanted.only.is_empty() {
            // By name everybody is asked.
            return None;
        }
        let parts = u64::try_from(wanted.max_parts.max(1)).unwrap_or(1);
        (1..=parts)
            .filter_map(|share| {
                let part = wanted.amount_sat.div_ceil(share);
                resting_until(&self.market, &self.memory, wanted.direction, part)
            })
            .min()
    }

    fn newcomers_turn(&self) -> bool {
        self.memory.newcomers_turn()
    }

    fn failure_cost(&self, maker: &PublicKey, amount_sat: u64, newcomers_turn: bool) -> u64 {
        self.memory.failure_cost(maker, amount_sat, newcomers_turn)
    }

    fn dearer_ppm(&self, maker: &PublicKey) -> u32 {
        self.memory.dearer_ppm(maker)
    }

    fn priced(&self, maker: &PublicKey, dearer_ppm: u32) {
        self.memory.learn(maker, Lesson::Priced { dearer_ppm });
    }

    fn chain_cost(&self, direction: Direction) -> u64 {
        own_miner_fee(&self.node, direction)
    }
}

fn maker_offer(offer: Offer, direction: Direction) -> Option<MakerOffer> {
    let rate = offer.rate(direction)?;
    Some(MakerOffer {
        price: Price {
            base_sat: rate.base_sat,
            ppm: rate.ppm,
        },
        min_sat: rate.min_sat,
        max_sat: rate.max_sat,
        contact: MakerContact {
            node_id: offer.maker,
            peer: PeerAddress {
                peer_id: offer.peer_id,
                addresses: offer.addresses,
            },
        },
    })
}
