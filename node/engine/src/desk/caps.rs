//! What is open with whom, for the caps.

use std::collections::HashMap;

use bitcoin::secp256k1::PublicKey;
use cambista_market::caps::Exposure;
use cambista_protocol::message::{Refusal, RefusalCode};
use cambista_protocol::words::{Direction, Side};

use super::Desk;
use super::partners::Proven;
use crate::engine::Core;
use crate::ports::Ports;

impl Desk {
    /// What is promised beside the swaps: of each taker its largest quote, and every `in` that waits for its terms.
    /// With whether it is no more than words.
    fn promises(&self) -> impl Iterator<Item = (&str, u64, bool)> {
        let mut largest: HashMap<&str, u64> = HashMap::new();
        for quoted in self.quotes.values() {
            let most = largest.entry(&quoted.from).or_default();
            *most = quoted.quote.amount_sat.max(*most);
        }
        let half = self.half_open.values();
        // Until its taker has brought terms, nothing is locked by it either.
        let half = half.map(|half| (half.from.as_str(), half.quote.amount_sat, true));
        half.chain(largest.into_iter().map(|(from, most)| (from, most, true)))
    }
}

impl<P: Ports> Core<P> {
    /// What is open with takers (sat): altogether, and with those that have never done a swap with this maker.
    pub(super) fn exposed(&self) -> (u64, u64) {
        let proven = self.proven();
        let open = self.open_with_takers(&proven);
        open.fold((0, 0), |(all, unproven), one| {
            let more = if one.proven { 0 } else { one.amount_sat };
            (
                all.saturating_add(one.amount_sat),
                unproven.saturating_add(more),
            )
        })
    }

    fn open_with_takers<'a>(
        &'a self,
        proven: &'a Proven<'_, P::Store>,
    ) -> impl Iterator<Item = Exposure<'a>> {
        let open = self
            .swaps
            .values()
            .filter(|live| !live.ended() && live.record.side == Side::Maker);
        open.map(|live| {
            let deal = &live.record.deal;
            let taker = live.opened_by();
            let payee = (deal.direction == Direction::In).then_some(deal.payee);
            Exposure {
                taker,
                payee,
                amount_sat: deal.amount.to_sat(),
                proven: proven.holds(taker, payee),
                quoted: false,
            }
        })
    }

    /// Whether the caps allow one more swap with this taker. Its own quotes do not stand against it: who asks for many
    /// prices wants one swap.
    pub(super) fn check_caps(
        &self,
        from: &str,
        payee: Option<PublicKey>,
        amount_sat: u64,
    ) -> Result<(), Refusal> {
        let proven = self.proven();
        let swaps = self.open_with_takers(&proven);
        let promises = self.desk.promises().filter(|(taker, ..)| *taker != from);
        let promises = promises.map(|(taker, amount_sat, quoted)| Exposure {
            taker,
            payee: None,
            amount_sat,
            proven: proven.holds(taker, None),
            quoted,
        });
        let new = Exposure {
            taker: from,
            payee,
            amount_sat,
            proven: proven.holds(from, payee),
            quoted: false,
        };
        self.desk
            .policy
            .caps
            .check(swaps.chain(promises), &new)
            .map_err(|capped| Refusal::new(RefusalCode::Busy, capped.to_string()))
    }
}
