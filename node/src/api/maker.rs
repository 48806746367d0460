//! The maker's business as the API takes and gives it.

use cambista_engine::{MakerPolicy, SidePolicy};
use cambista_protocol::money::{MAX_MONEY_SAT, Price};
use cambista_protocol::timelock::MAX_REFUND_DELTA;
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
}

impl Default for MakerSettings {
    fn default() -> Self {
        MakerPolicy::default().into()
    }
}

impl MakerSettings {
    /// The engine's policy, once everything makes sense together.
    ///
    /// # Errors
    /// The first thing that does not, for a person.
    pub fn policy(self) -> Result<MakerPolicy, Problem> {
        if self.enabled && self.out.is_none() && self.into.is_none() {
            return Err(Problem::invalid(
                "a maker must offer at least one direction; nothing was changed",
            )
            .next("cambista maker set --out-base 500 --out-ppm 1000"));
        }
        if self.refund_delta == 0 || self.refund_delta > MAX_REFUND_DELTA {
            return Err(Problem::invalid(format!(
                "the refund delta must be from 1 to {MAX_REFUND_DELTA} blocks; nothing was changed"
            )));
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
        Ok(MakerPolicy {
            enabled: self.enabled,
            out: self.out.map(|side| side.policy("out")).transpose()?,
            into: self.into.map(|side| side.policy("in")).transpose()?,
            refund_delta: self.refund_delta,
            max_open: self.max_open,
            quote_secs: self.quote_secs,
            external_ppm: self.external_ppm,
        })
    }
}

impl SideSettings {
    fn policy(self, direction: &str) -> Result<SidePolicy, Problem> {
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
        Ok(SidePolicy {
            price: Price {
                base_sat: self.base_sat,
                ppm: self.ppm,
            },
            min_sat: self.min_sat,
            max_sat: self.max_sat,
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
        }
    }
}
