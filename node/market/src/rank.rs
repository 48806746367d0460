//! Which makers to ask: the standing offers for one amount, the cheapest first.

use cambista_protocol::market::offer::Offer;
use cambista_protocol::words::Direction;

use crate::book::Book;

/// An offer and what it would cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// The offer.
    pub offer: Offer,
    /// The maker's fee at this amount by its offer (sat); negative pays the taker. A quote may say otherwise.
    pub est_fee_sat: i64,
}

impl Book {
    /// The `k` cheapest offers of other makers that stand at `now` (Unix seconds) for `amount_sat` in `direction`.
    #[must_use]
    pub fn rank(&self, direction: Direction, amount_sat: u64, now: u64, k: usize) -> Vec<Ranked> {
        self.rank_among(direction, amount_sat, now, k, |_| true)
    }

    /// The same among the makers that are wanted, by their 33-byte keys.
    #[must_use]
    pub fn rank_among(
        &self,
        direction: Direction,
        amount_sat: u64,
        now: u64,
        k: usize,
        wanted: impl Fn(&[u8; 33]) -> bool,
    ) -> Vec<Ranked> {
        self.ranked(self.lowest(direction, amount_sat, now, k, wanted), now)
    }
}
