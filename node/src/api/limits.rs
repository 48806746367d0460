//! The owner's standing limits for swaps, from `[limits]` of `cambista.toml`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::{DirectionName, Order};

/// Limits that hold for every swap unless the order itself says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The most all of a swap may cost if it works, in millionths of its amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_fee_ppm: Option<u32>,
    /// The most this side's transaction may pay to miners (sat).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_miner_fee_sat: Option<u64>,
    /// The most routing may cost (sat).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_routing_fee_sat: Option<u64>,
    /// `out`: confirmations to wait for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmations: Option<u32>,
}

impl Limits {
    /// The order for so much (sat) with these limits where it says nothing itself.
    #[must_use]
    pub fn over(&self, order: &Order, direction: DirectionName, amount_sat: u64) -> Order {
        self.fill(order, direction == DirectionName::Out, amount_sat)
    }

    pub(super) fn fill(&self, order: &Order, out: bool, amount_sat: u64) -> Order {
        let share = |ppm: u32| {
            let fee = u128::from(amount_sat) * u128::from(ppm) / 1_000_000;
            u64::try_from(fee).unwrap_or(u64::MAX)
        };
        Order {
            max_fee_sat: order.max_fee_sat.or(self.max_fee_ppm.map(share)),
            max_miner_fee_sat: order.max_miner_fee_sat.or(self.max_miner_fee_sat),
            max_routing_fee_sat: order.max_routing_fee_sat.or(self.max_routing_fee_sat),
            confirmations: order.confirmations.or(self.confirmations.filter(|_| out)),
            ..order.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_order_says_itself_goes_before_the_standing_limits() {
        let limits = Limits {
            max_fee_ppm: Some(4_000),
            max_miner_fee_sat: Some(700),
            max_routing_fee_sat: Some(50),
            confirmations: Some(3),
        };
        let order = Order {
            max_miner_fee_sat: Some(1),
            ..Order::default()
        };
        let out = limits.fill(&order, true, 250_000);
        assert_eq!(out.max_fee_sat, Some(1_000));
        assert_eq!(
            (out.max_miner_fee_sat, out.max_routing_fee_sat),
            (Some(1), Some(50))
        );
        assert_eq!(out.confirmations, Some(3));
        // Only a payer waits for confirmations.
        assert_eq!(limits.fill(&order, false, 250_000).confirmations, None);
        assert_eq!(Limits::default().fill(&order, true, 250_000), order);
    }
}
