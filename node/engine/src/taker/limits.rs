//! The limits a swap begins under.

use bitcoin::Amount;

use crate::handle::{EngineError, StartSwap};
use crate::record::Limits;
use crate::view::QuoteView;

/// Confirmations to wait for, with `by_amount` for what is open with the maker now: the user's word, or the most that anything
/// asks for.
pub(super) fn confirmations(request: &StartSwap, by_amount: u32) -> u32 {
    let least = request.least_confirmations;
    request
        .confirmations
        .unwrap_or_else(|| by_amount.max(least))
}

/// The limits this swap runs under; the miner fee's is `least_miner` (sat) or more. With `max_fee` the sum of all of them
/// stays below it.
pub(super) fn limits(
    request: &StartSwap,
    view: &QuoteView,
    least_miner: u64,
) -> Result<Limits, EngineError> {
    let mut miner = request
        .max_miner_fee
        .map_or(view.max_miner_fee_sat, Amount::to_sat);
    let mut routing = request
        .max_routing_fee
        .map_or(view.max_routing_fee_sat, |m| m.0 / 1000);
    let refuse = |what: &str, least: u64, limit: u64| {
        Err(EngineError::Refused(format!(
            "{what} may come to {least} sat at the fee rate of now, your limit is {limit} sat; nothing began"
        )))
    };
    if miner < least_miner {
        return refuse("the miner fee", least_miner, miner);
    }
    if routing < view.routing_fee_sat {
        return refuse("routing", view.routing_fee_sat, routing);
    }
    if let Some(max) = request.max_fee {
        let max = max.to_sat();
        let parts = least_miner.saturating_add(view.routing_fee_sat);
        let least = parts.checked_add_signed(view.maker_fee_sat).unwrap_or(0);
        let budget = max.checked_add_signed(view.maker_fee_sat.saturating_neg());
        let Some(budget) = budget.filter(|budget| *budget >= parts) else {
            return refuse("all of it", least, max);
        };
        miner = miner.min(budget - view.routing_fee_sat);
        routing = routing.min(budget - miner);
    }
    Ok(Limits {
        max_miner_fee_sat: miner,
        max_routing_fee_sat: routing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_for_the_most_anything_asks_for_unless_the_user_says_otherwise() {
        let mut request = StartSwap {
            least_confirmations: 2,
            ..StartSwap::default()
        };
        // Planned with less, and another order has begun with this maker since.
        assert_eq!(confirmations(&request, 3), 3);
        // The whole order is worth more than this swap.
        assert_eq!(confirmations(&request, 1), 2);
        request.confirmations = Some(1);
        assert_eq!(confirmations(&request, 3), 1);
    }
}
