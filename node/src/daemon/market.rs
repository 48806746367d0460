//! The book behind the API: what is listed, and whom to ask.

use bitcoin::Amount;
use bitcoin::secp256k1::PublicKey;
use cambista_engine::MakerContact;
use cambista_protocol::words::Direction;

use super::backend::NodeBackend;
use super::{convert, makers};
use crate::adapters::own_miner_fee;
use crate::api::types::{Offer, OffersQuery, Problem};
use crate::offers;

impl NodeBackend {
    /// No swap begins on an old view of the chain.
    pub(super) fn in_touch(&self) -> Result<(), Problem> {
        if offers::in_touch(&self.node) {
            return Ok(());
        }
        let reason = self.node.chain().status().last_error;
        let reason = reason.unwrap_or_else(|| "bitcoind is still catching up".into());
        Err(Problem::unavailable(format!(
            "no swap can begin while this node is out of touch with the chain ({reason}); open swaps go on by themselves"
        ))
        .next("cambista status"))
    }

    pub(super) fn listed(&self, query: OffersQuery) -> Vec<Offer> {
        let directions = match query.direction {
            Some(direction) => vec![Direction::from(direction)],
            None => vec![Direction::Out, Direction::In],
        };
        let book = self.market.offers();
        let mut all: Vec<Offer> = Vec::new();
        for direction in directions {
            let priced = book.iter().filter_map(|(offer, own)| {
                let listed = convert::offer(offer, *own, direction, query.amount_sat)?;
                Some(self.with_experience(listed, &offer.maker, query.amount_sat))
            });
            let mut side: Vec<Offer> = priced.collect();
            // Without an amount a middling one decides who is first.
            side.sort_by_key(|offer| {
                let fee = offer.est_total_sat.unwrap_or_else(|| middling(offer));
                let failing = offer.failure_cost_sat.unwrap_or(0);
                (fee.saturating_add_unsigned(failing), offer.maker.clone())
            });
            all.append(&mut side);
        }
        all
    }

    /// What a swap on this offer would cost this side in all, and what is known of the maker.
    fn with_experience(&self, offer: Offer, maker: &PublicKey, amount_sat: Option<u64>) -> Offer {
        let record = self.memory.record(maker);
        let seen = record.as_ref().map(makers::seen);
        let Some(amount) = amount_sat else {
            return Offer { seen, ..offer };
        };
        let direction = offer.direction.into();
        let miner = own_miner_fee(&self.node, direction);
        // On the way in the maker waits, and asks nobody's experience.
        let proved =
            direction == Direction::In || record.is_some_and(|record| record.totals.done > 0);
        Offer {
            est_miner_fee_sat: Some(miner),
            est_total_sat: offer
                .est_fee_sat
                .map(|fee| fee.saturating_add_unsigned(miner)),
            est_confirmations: Some(cambista_engine::usual_confirmations(amount, proved)),
            failure_cost_sat: Some(self.memory.usual_failure_cost(maker, amount)),
            seen,
            ..offer
        }
    }

    pub(super) fn candidates(
        &self,
        direction: Direction,
        amount_sat: u64,
        maker: Option<PublicKey>,
        limit: usize,
    ) -> Vec<MakerContact> {
        match maker {
            None => offers::best(
                &self.market,
                &self.memory,
                &self.node,
                direction,
                amount_sat,
                limit,
            )
            .into_iter()
            .map(convert::contact)
            .collect(),
            // The wish is explicit: an amount outside the offer's limits is for the maker itself to refuse.
            Some(maker) if maker != self.node.node_id() => self
                .market
                .offer_of(&maker)
                .map(convert::contact)
                .into_iter()
                .collect(),
            Some(_) => Vec::new(),
        }
    }
}

/// What an offer would cost for an amount in the middle of its limits.
fn middling(offer: &Offer) -> i64 {
    let amount = Amount::from_sat(offer.min_sat.midpoint(offer.max_sat));
    let price = cambista_protocol::money::Price {
        base_sat: offer.base_sat,
        ppm: offer.ppm,
    };
    price.fee(amount).unwrap_or(i64::MAX)
}
