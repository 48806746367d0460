//! The maker's business as the API takes and gives it.

use bitcoin::Network;
use cambista_engine::{MakerPolicy, SidePolicy};
use cambista_market::caps::Caps;
use cambista_protocol::market::offer::min_refund_delta;
use cambista_protocol::money::{MAX_MONEY_SAT, Price};
use cambista_protocol::timelock::{MAX_REFUND_DELTA, MIN_REFUND_DELTA};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;

/// One direction of a maker's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SideSettings {
    /// Fixed part of the price (sat), before chain costs.
    pub base_sat: u64,
    /// Share of the amount in millionths; negative pays the taker.
    pub ppm: i32,
    /// The smallest swap (sat).
    pub min_sat: u64,
    /// The largest swap (sat).
    pub max_sat: u64,
    /// How far the price leans with what is left, at most (millionths): dearer where this direction runs out, cheaper
    /// where there is plenty. 0 keeps it where it is.
    #[serde(default)]
    pub lean_ppm: u32,
}

/// A fixed part and a share of the amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceSettings {
    /// Fixed part (sat).
    pub base_sat: u64,
    /// Share of the amount in millionths.
    pub ppm: i32,
}

/// What may be open at once; no cap where none is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CapSettings {
    /// With one taker (sat).
    pub per_taker_sat: Option<u64>,
    /// To one Lightning node that is to be paid (sat).
    pub per_payee_sat: Option<u64>,
    /// With all takers together that have never done a swap with this maker (sat).
    pub unproven_sat: Option<u64>,
    /// Altogether (sat).
    pub total_sat: Option<u64>,
    /// Swaps with one taker.
    pub per_taker_swaps: Option<u32>,
}

impl Default for CapSettings {
    fn default() -> Self {
        Caps::default().into()
    }
}

impl From<Caps> for CapSettings {
    fn from(caps: Caps) -> Self {
        Self {
            per_taker_sat: caps.per_taker_sat,
            per_payee_sat: caps.per_payee_sat,
            unproven_sat: caps.unproven_sat,
            total_sat: caps.total_sat,
            per_taker_swaps: caps.per_taker_swaps,
        }
    }
}

impl From<CapSettings> for Caps {
    fn from(caps: CapSettings) -> Self {
        Self {
            per_taker_sat: caps.per_taker_sat,
            per_payee_sat: caps.per_payee_sat,
            unproven_sat: caps.unproven_sat,
            total_sat: caps.total_sat,
            per_taker_swaps: caps.per_taker_swaps,
        }
    }
}

/// A maker's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MakerSettings {
    /// Whether new swaps are taken on.
    pub enabled: bool,
    /// Lightning -> on-chain, when offered.
    pub out: Option<SideSettings>,
    /// On-chain -> Lightning, when offered.
    #[serde(rename = "in")]
    pub into: Option<SideSettings>,
    /// The refund height counts so many blocks from the agreement.
    pub refund_delta: u32,
    /// Open swaps with takers at most.
    pub max_open: u32,
    /// Seconds a quote is good for.
    pub quote_secs: u32,
    /// On-chain -> Lightning with coins from outside the taker's node: for so many millionths of the amount more, when
    /// it is offered.
    pub external_ppm: Option<u32>,
    /// What must be left of every fee after chain costs at a pessimistic rate; no floor when not said.
    #[serde(default)]
    pub floor: Option<PriceSettings>,
    /// What may be open at once.
    #[serde(default)]
    pub caps: CapSettings,
}

impl Default for MakerSettings {
    fn default() -> Self {
        MakerPolicy::default().into()
    }
}

impl MakerSettings {
    /// The engine's policy, once everything makes sense together and on this network.
    ///
    /// # Errors
    /// The first thing that does not, for a person.
    pub fn policy(self, network: Network) -> Result<MakerPolicy, Problem> {
        if self.enabled && self.out.is_none() && self.into.is_none() {
            return Err(Problem::invalid(
                "a maker must offer at least one direction; nothing was changed",
            )
            .next("cambista maker set --out-base 500 --out-ppm 1000"));
        }
        let shortest = min_refund_delta(network);
        if !(shortest..=MAX_REFUND_DELTA).contains(&self.refund_delta) {
            return Err(Problem::invalid(format!(
                "the refund delta must be from {shortest} to {MAX_REFUND_DELTA} blocks; nothing was changed"
            ))
            .next(format!("cambista maker set --refund-delta {MIN_REFUND_DELTA}")));
        }
        if !(5..=3600).contains(&self.quote_secs) {
            return Err(Problem::invalid(
                "a quote must be good for 5 to 3600 seconds; nothing was changed",
            ));
        }
        if self.external_ppm.is_some_and(|ppm| ppm > 1_000_000) {
            return Err(Problem::invalid(
                "the price of coins from outside is beyond the amount itself; nothing was changed",
            ));
        }
        let floor = self.floor.map(PriceSettings::price);
        Ok(MakerPolicy {
            enabled: self.enabled,
            out: self.out.map(|side| side.policy("out", floor)).transpose()?,
            into: self.into.map(|side| side.policy("in", floor)).transpose()?,
            refund_delta: self.refund_delta,
            max_open: self.max_open,
            quote_secs: self.quote_secs,
            external_ppm: self.external_ppm,
            floor,
            caps: self.caps.into(),
            set_at: 0,
        })
    }
}

impl PriceSettings {
    const fn price(self) -> Price {
        Price {
            base_sat: self.base_sat,
            ppm: self.ppm,
        }
    }
}

impl SideSettings {
    fn policy(self, direction: &str, floor: Option<Price>) -> Result<SidePolicy, Problem> {
        if self.min_sat == 0 || self.min_sat > self.max_sat || self.max_sat > MAX_MONEY_SAT {
            return Err(Problem::invalid(format!(
                "`{direction}` must take from a smallest amount above 0 up to a largest amount not below it; \
                 nothing was changed"
            )));
        }
        if self.base_sat > MAX_MONEY_SAT || self.ppm.unsigned_abs() > 1_000_000 {
            return Err(Problem::invalid(format!(
                "the price of `{direction}` is beyond the amount itself; nothing was changed"
            )));
        }
        if self.lean_ppm > 1_000_000 {
            return Err(Problem::invalid(format!(
                "the price of `{direction}` cannot lean further than the whole amount (1000000); nothing was changed"
            )));
        }
        let price = Price {
            base_sat: self.base_sat,
            ppm: self.ppm,
        };
        // A price that pays takers and a floor that does not let it contradict each other: which one is meant?
        if let Some(floor) = floor.filter(|floor| price.ppm < 0 && price.ppm < floor.ppm) {
            return Err(Problem::invalid(format!(
                "the price of `{direction}` pays takers {} ppm, but the floor of {} ppm does not let it; nothing was changed",
                price.ppm.unsigned_abs(),
                floor.ppm
            ))
            .next(format!("the same with --floor-ppm={} or --no-floor", price.ppm)));
        }
        Ok(SidePolicy {
            price,
            min_sat: self.min_sat,
            max_sat: self.max_sat,
            lean_ppm: self.lean_ppm,
        })
    }
}

impl From<SidePolicy> for SideSettings {
    fn from(side: SidePolicy) -> Self {
        Self {
            base_sat: side.price.base_sat,
            ppm: side.price.ppm,
            min_sat: side.min_sat,
            max_sat: side.max_sat,
            lean_ppm: side.lean_ppm,
        }
    }
}

impl From<MakerPolicy> for MakerSettings {
    fn from(policy: MakerPolicy) -> Self {
        Self {
            enabled: policy.enabled,
            out: policy.out.map(Into::into),
            into: policy.into.map(Into::into),
            refund_delta: policy.refund_delta,
            max_open: policy.max_open,
            quote_secs: policy.quote_secs,
            external_ppm: policy.external_ppm,
            floor: policy.floor.map(|floor| PriceSettings {
                base_sat: floor.base_sat,
                ppm: floor.ppm,
            }),
            caps: policy.caps.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_refund_delta_that_others_would_not_take_is_refused_where_coins_have_worth() {
        let set = |refund_delta, network| {
            let settings = MakerSettings {
                refund_delta,
                ..MakerSettings::default()
            };
            settings.policy(network)
        };
        assert_eq!(set(50, Network::Regtest).unwrap().refund_delta, 50);
        for network in [Network::Bitcoin, Network::Signet] {
            let problem = set(50, network).unwrap_err();
            assert!(problem.detail.contains("from 96 to 432"), "{problem:?}");
            assert_eq!(set(96, network).unwrap().refund_delta, 96);
        }
    }
}
