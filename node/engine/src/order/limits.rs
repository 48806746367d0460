//! Sharing an order's limits out over its swaps, so that the sum of what they may cost stays below them.

use crate::view::QuoteView;

/// What new swaps of an order may still cost. What is not said is not limited beyond each quote's own limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Budget {
    /// All of it, if it works (sat).
    pub(crate) cost_sat: Option<i64>,
    /// Miners (sat).
    pub(crate) miner_sat: Option<u64>,
    /// Routing (sat).
    pub(crate) routing_sat: Option<u64>,
    /// What may be lost if it fails (sat).
    pub(crate) loss_sat: Option<u64>,
    /// The longest lock (blocks).
    pub(crate) locked_blocks: Option<u32>,
}

/// The limits of one swap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allotted {
    /// On the miner fee (sat).
    pub(crate) miner_sat: u64,
    /// On routing (sat).
    pub(crate) routing_sat: u64,
}

impl Allotted {
    /// The most a swap on this quote may add to what an order costs if it works (sat).
    pub(crate) fn worst(self, quote: &QuoteView) -> i64 {
        owed(quote.maker_fee_sat)
            .saturating_add_unsigned(self.miner_sat.saturating_add(self.routing_sat))
    }

    /// What is set aside for it of the order's limit while nobody knows whether it works (sat).
    pub(crate) fn reserved(self, quote: &QuoteView) -> i64 {
        reserved(
            quote.direction == "in",
            self.worst(quote),
            self.worst_loss(quote),
        )
    }

    /// The most it may cost if it fails (sat).
    pub(crate) fn worst_loss(self, quote: &QuoteView) -> u64 {
        match quote.direction.as_str() {
            "out" if quote.prepay_sat == 0 => 0,
            "out" => quote.prepay_sat.saturating_add(self.routing_sat / 4),
            _ => self.miner_sat.saturating_mul(2),
        }
    }
}

/// What counts of a maker's fee before its swap is done (sat). What a maker pays the taker pays for nothing else until
/// then: the maker may walk away, and the others' fees remain.
pub(crate) fn owed(maker_fee_sat: i64) -> i64 {
    maker_fee_sat.max(0)
}

/// What an open swap may add to an order's cost, whether it works or not (sat). An `in` that fails pays miners twice; what
/// an `out` may lose has a limit of its own.
pub(crate) fn reserved(into: bool, worst: i64, loss: u64) -> i64 {
    let failing = if into { loss } else { 0 };
    worst.max(i64::try_from(failing).unwrap_or(i64::MAX))
}

/// The limits for swaps on these quotes, begun together; in the quotes' order.
///
/// # Errors
/// When the budget has no room for what they may come to, with the words for it.
pub(crate) fn allot(quotes: &[&QuoteView], budget: &Budget) -> Result<Vec<Allotted>, String> {
    let short = |what: &str, least: String, limit: String| {
        Err(format!(
            "{what} may come to {least} sat at the fee rate of now, your limit is {limit} sat; nothing began"
        ))
    };
    let sum = |part: fn(&QuoteView) -> u64| -> u64 {
        quotes
            .iter()
            .fold(0, |sum, quote| part(quote).saturating_add(sum))
    };
    let least_miner = sum(|quote| quote.least_miner_fee_sat);
    let miner = budget
        .miner_sat
        .unwrap_or_else(|| sum(|quote| quote.max_miner_fee_sat));
    if miner < least_miner {
        return short("the miner fee", least_miner.to_string(), miner.to_string());
    }
    let least_routing = sum(|quote| quote.routing_fee_sat);
    let routing = budget
        .routing_sat
        .unwrap_or_else(|| sum(|quote| quote.max_routing_fee_sat));
    if routing < least_routing {
        return short("routing", least_routing.to_string(), routing.to_string());
    }
    let (mut miner, mut routing) = (miner, routing);
    if let Some(limit) = budget.cost_sat {
        let fees = quotes.iter().fold(0_i64, |sum, quote| {
            sum.saturating_add(owed(quote.maker_fee_sat))
        });
        let least = least_miner.saturating_add(least_routing);
        let room = u64::try_from(limit.saturating_sub(fees)).unwrap_or(0);
        if limit < fees.saturating_add_unsigned(least) {
            let least = fees.saturating_add_unsigned(least);
            return short("all of it", least.to_string(), limit.to_string());
        }
        miner = miner.min(room - least_routing);
        routing = routing.min(room - miner);
    }
    let room = |own: u64, limit: Option<u64>| limit.map_or(own, |limit| limit.max(own));
    let miner = spread(
        miner,
        quotes.iter().map(|quote| {
            let most = room(quote.max_miner_fee_sat, budget.miner_sat);
            (quote.least_miner_fee_sat, most)
        }),
    );
    let routing = spread(
        routing,
        quotes.iter().map(|quote| {
            let most = room(quote.max_routing_fee_sat, budget.routing_sat);
            (quote.routing_fee_sat, most)
        }),
    );
    let allotted: Vec<Allotted> = miner
        .into_iter()
        .zip(routing)
        .map(|(miner_sat, routing_sat)| Allotted {
            miner_sat,
            routing_sat,
        })
        .collect();
    let loss = quotes
        .iter()
        .zip(&allotted)
        .fold(0_u64, |sum, (quote, own)| {
            sum.saturating_add(own.worst_loss(quote))
        });
    if let Some(limit) = budget.loss_sat.filter(|limit| loss > *limit) {
        return Err(format!(
            "if it fails it could cost {loss} sat, more than the {limit} sat that were agreed to; nothing began"
        ));
    }
    Ok(allotted)
}

/// Gives each its least, and shares what is left of `total` by how much more each may take.
fn spread(total: u64, each: impl Iterator<Item = (u64, u64)>) -> Vec<u64> {
    let each: Vec<(u64, u64)> = each.map(|(least, most)| (least, most.max(least))).collect();
    let add = |sum: u64, part: u64| sum.saturating_add(part);
    let least = each.iter().map(|(least, _)| *least).fold(0, add);
    let room = each.iter().map(|(least, most)| most - least).fold(0, add);
    let mut left = total.saturating_sub(least).min(room);
    let mut room_left = room;
    let mut shares = Vec::with_capacity(each.len());
    for (least, most) in each {
        let own = most - least;
        // The last one with room takes what rounding has left over, and it fits: its room is all that remains.
        let share = u128::from(left) * u128::from(own) / u128::from(room_left.max(1));
        let share = u64::try_from(share).unwrap_or(own).min(own);
        left -= share;
        room_left -= own;
        shares.push(least.saturating_add(share));
    }
    shares
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::quote;
    use super::*;

    fn three() -> [QuoteView; 3] {
        [(900, 333), (100, 445), (0, 0)].map(|(fee, miner)| QuoteView {
            maker_fee_sat: fee,
            miner_fee_sat: miner,
            least_miner_fee_sat: miner,
            max_miner_fee_sat: miner * 3,
            routing_fee_sat: 2,
            max_routing_fee_sat: 510,
            ..quote("aa", 100_000)
        })
    }

    fn all(quotes: &[QuoteView], budget: &Budget) -> Result<Vec<Allotted>, String> {
        allot(&quotes.iter().collect::<Vec<_>>(), budget)
    }

    fn worst(quotes: &[QuoteView], allotted: &[Allotted]) -> i64 {
        quotes.iter().zip(allotted).map(|(q, a)| a.worst(q)).sum()
    }

    #[test]
    fn without_limits_each_swap_has_its_quotes_own() {
        let quotes = three();
        let allotted = all(&quotes, &Budget::default()).unwrap();
        for (quote, own) in quotes.iter().zip(&allotted) {
            assert_eq!(own.miner_sat, quote.max_miner_fee_sat);
            assert_eq!(own.routing_sat, quote.max_routing_fee_sat);
        }
    }

    #[test]
    fn the_sum_of_all_swaps_stays_below_the_limit_and_uses_it() {
        let quotes = three();
        let least = 900 + 100 + 333 + 445 + 6;
        for limit in [
            least,
            least + 1,
            least + 7,
            3_000,
            4_863,
            4_864,
            4_865,
            90_000,
        ] {
            let budget = Budget {
                cost_sat: Some(limit),
                ..Budget::default()
            };
            let allotted = all(&quotes, &budget).unwrap();
            assert_eq!(worst(&quotes, &allotted), limit.min(4_864), "{limit}");
            for (quote, own) in quotes.iter().zip(&allotted) {
                assert!(own.miner_sat >= quote.least_miner_fee_sat, "{own:?}");
                assert!(own.routing_sat >= quote.routing_fee_sat, "{own:?}");
            }
        }
        let budget = Budget {
            cost_sat: Some(least - 1),
            ..Budget::default()
        };
        let said = all(&quotes, &budget).unwrap_err();
        assert!(said.contains(&format!("may come to {least} sat")), "{said}");
    }

    #[test]
    fn what_one_maker_promises_to_pay_does_not_pay_for_another() {
        let fees = |fees: [i64; 2]| {
            fees.map(|maker_fee_sat| QuoteView {
                maker_fee_sat,
                least_miner_fee_sat: 50,
                max_miner_fee_sat: 150,
                ..quote("aa", 500_000)
            })
        };
        let budget = |limit| Budget {
            cost_sat: Some(limit),
            ..Budget::default()
        };
        let said = all(&fees([-15_000, 15_400]), &budget(500)).unwrap_err();
        assert!(said.contains("may come to 15500 sat"), "{said}");
        assert!(all(&fees([-20_000, 1_000]), &budget(500)).is_err());
        // Nor for more of the miners' fees than the limit leaves.
        let quotes = fees([-20_000, 100]);
        let allotted = all(&quotes, &budget(300)).unwrap();
        assert_eq!(allotted.iter().map(|a| a.miner_sat).sum::<u64>(), 200);
        assert_eq!(worst(&quotes, &allotted), 300);
    }

    #[test]
    fn each_kind_of_limit_counts_for_all_swaps_together() {
        let quotes = three();
        let budget = Budget {
            miner_sat: Some(800),
            routing_sat: Some(10),
            ..Budget::default()
        };
        let allotted = all(&quotes, &budget).unwrap();
        assert_eq!(allotted.iter().map(|a| a.miner_sat).sum::<u64>(), 800);
        assert_eq!(allotted.iter().map(|a| a.routing_sat).sum::<u64>(), 10);
        let tight = |miner_sat, routing_sat| Budget {
            miner_sat,
            routing_sat,
            ..Budget::default()
        };
        assert!(
            all(&quotes, &tight(Some(777), None))
                .unwrap_err()
                .contains("miner fee")
        );
        assert!(
            all(&quotes, &tight(None, Some(5)))
                .unwrap_err()
                .contains("routing")
        );
    }

    #[test]
    fn what_could_be_lost_stays_below_what_was_shown() {
        let quotes = three().map(|quote| QuoteView {
            prepay_sat: 300,
            ..quote
        });
        let budget = |loss| Budget {
            loss_sat: Some(loss),
            routing_sat: Some(12),
            ..Budget::default()
        };
        // 4 sat of routing each: the prepay's share of it is 1.
        assert!(all(&quotes, &budget(903)).is_ok());
        assert!(all(&quotes, &budget(902)).is_err());
    }
}
