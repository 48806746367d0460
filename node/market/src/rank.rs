//! Which makers to ask: the standing offers for one amount, the cheapest first.

use cambista_protocol::market::offer::Offer;
use cambista_protocol::words::Direction;

use crate::book::{Book, Listed};

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
        let mut found: Vec<((i64, u64), &Offer)> = self
            .live(now)
            .filter(|listed| !listed.own)
            .filter_map(|listed| priced(listed, direction, amount_sat))
            .collect();
        if (1..found.len()).contains(&k) {
            found.select_nth_unstable_by_key(k, |(order, _)| *order);
        }
        found.truncate(k);
        found.sort_unstable_by_key(|(order, _)| *order);
        found
            .into_iter()
            .map(|((est_fee_sat, _), offer)| Ranked {
                offer: offer.clone(),
                est_fee_sat,
            })
            .collect()
    }
}

fn priced(
    listed: Listed<'_>,
    direction: Direction,
    amount_sat: u64,
) -> Option<((i64, u64), &Offer)> {
    let fee = listed.offer.rate(direction)?.fee(amount_sat)?;
    // A fee that eats the whole amount, or pays it out again, leaves nothing to pay over Lightning.
    (fee.unsigned_abs() < amount_sat).then_some(((fee, listed.tie), listed.offer))
}
