//! Lists that may be long, filtered and cut before they leave the node.

use super::types::{DirectionName, Offer, OfferList, OffersQuery};

/// So many are listed when nobody says how many.
const USUAL: u32 = 1_000;
/// So many at most.
const MOST: u32 = 10_000;

/// Keeps the first of a list, and says how many more there were.
pub(super) fn cut<T>(list: &mut Vec<T>, limit: Option<u32>) -> u64 {
    let limit = limit.unwrap_or(USUAL).min(MOST);
    let all = list.len();
    list.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    u64::try_from(all.saturating_sub(list.len())).unwrap_or(u64::MAX)
}

/// The offers that are asked for, of each direction the first.
pub(super) fn offers(all: Vec<Offer>, query: &OffersQuery) -> OfferList {
    let wanted = all.into_iter().filter(|offer| is_wanted(offer, query));
    let (mut out, mut into): (Vec<Offer>, Vec<Offer>) =
        wanted.partition(|offer| offer.direction == DirectionName::Out);
    let more = cut(&mut out, query.limit).saturating_add(cut(&mut into, query.limit));
    out.append(&mut into);
    OfferList { offers: out, more }
}

fn is_wanted(offer: &Offer, query: &OffersQuery) -> bool {
    let total = offer.est_total_sat.or(offer.est_fee_sat);
    let cheap = query.max_total_sat.is_none_or(|most| {
        // What pays the taker is below any limit.
        total.is_some_and(|total| u64::try_from(total).unwrap_or(0) <= most)
    });
    let done = offer.seen.as_ref().map_or(0, |seen| seen.done);
    cheap && query.min_done.is_none_or(|least| done >= least)
}

#[cfg(test)]
mod tests {
    use super::super::types::Seen;
    use super::*;

    fn offer(direction: DirectionName, total: i64, done: u64) -> Offer {
        Offer {
            maker: format!("{total}"),
            peer_id: "p".into(),
            direction,
            base_sat: 1,
            ppm: 1,
            min_sat: 1,
            max_sat: 9,
            expires_at: 1,
            own: false,
            est_fee_sat: None,
            est_miner_fee_sat: None,
            est_total_sat: Some(total),
            est_confirmations: None,
            failure_cost_sat: None,
            seen: Some(Seen {
                done,
                ..Seen::default()
            }),
        }
    }

    #[test]
    fn what_is_cut_off_is_counted_and_hides_nothing_that_was_asked_for() {
        let all: Vec<Offer> = (0..30)
            .flat_map(|n| {
                [DirectionName::Out, DirectionName::In].map(|way| offer(way, n, u64::from(n > 25)))
            })
            .collect();
        let listed = |query| {
            let list = offers(all.clone(), &query);
            (list.offers.len(), list.more)
        };
        let query = OffersQuery {
            limit: Some(20),
            ..OffersQuery::default()
        };
        assert_eq!(listed(OffersQuery::default()), (60, 0));
        assert_eq!(listed(query), (40, 20));
        let proved = OffersQuery {
            min_done: Some(1),
            ..query
        };
        assert_eq!(listed(proved), (8, 0));
        let cheap = OffersQuery {
            max_total_sat: Some(2),
            ..query
        };
        assert_eq!(listed(cheap), (6, 0));
    }
}
