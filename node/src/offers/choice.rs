//! Whose offers are taken: the cheapest, but for makers that have just failed. These are left alone for a while, whatever
//! they promise.

use cambista_ldk::Node;
use cambista_protocol::market::offer::Offer;
use cambista_protocol::words::Direction;

use super::{Known, Market, Memory, places};

/// The `limit` best offers for this amount (sat) of makers that are not left alone.
#[must_use]
pub fn best(
    market: &Market,
    memory: &Memory,
    node: &Node,
    direction: Direction,
    amount_sat: u64,
    limit: usize,
) -> Vec<Offer> {
    let known = Known::now(node, memory, memory.newcomers_turn());
    let asked = places(market, &known, direction, amount_sat, limit, true);
    asked.into_iter().map(|ranked| ranked.offer).collect()
}

/// When (Unix seconds) the first of the makers is asked again that offer this amount (sat) and are left alone; none when
/// there is no such maker.
#[must_use]
pub fn resting_until(
    market: &Market,
    memory: &Memory,
    direction: Direction,
    amount_sat: u64,
) -> Option<u64> {
    let resting = memory.resting();
    let is_resting = |maker: &[u8; 33]| resting.contains(maker);
    let offers = market.best_among(direction, amount_sat, resting.len(), is_resting);
    offers
        .into_iter()
        .filter_map(|ranked| memory.resting_until(&ranked.offer.maker))
        .min()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use cambista_market::Lesson;

    use super::super::announce::tests::{some_offer, stranger};
    use super::*;
    use crate::network::Verdict;
    use crate::store::Store;

    #[test]
    fn only_makers_that_take_the_amount_and_have_failed_are_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&folder.path().join("db")).unwrap());
        let (memory, market) = (Memory::load(store).unwrap(), stranger());
        assert_eq!(market.ingest(&some_offer()), Verdict::Accept);
        let maker = market.offers()[0].0.maker;
        let until = |direction, sat| resting_until(&market, &memory, direction, sat);
        assert_eq!(until(Direction::Out, 50_000), None);
        let (secs, cost_sat) = (9, 0);
        memory.learn(&maker, Lesson::Stalled { secs, cost_sat });
        let resting = memory.resting_until(&maker);
        assert!(resting.is_some());
        assert_eq!(until(Direction::Out, 50_000), resting);
        assert_eq!(until(Direction::Out, 5_000_000), None, "too much for it");
        assert_eq!(until(Direction::In, 50_000), None, "it offers out only");
    }
}
