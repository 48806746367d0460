//! A maker's business as its owner sets it.

use cambista_market::caps::Caps;
use cambista_market::pricing::Pricing;
use cambista_protocol::money::Price;
use cambista_protocol::words::Direction;
use serde::{Deserialize, Serialize};

/// One direction of a maker's business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SidePolicy {
    /// The price, before this maker's own chain costs, which are added at the fee rate of the moment.
    pub price: Price,
    /// The smallest swap (sat).
    pub min_sat: u64,
    /// The largest swap (sat).
    pub max_sat: u64,
    /// How far the price leans with what is left, at most (millionths): dearer where this direction runs out, cheaper
    /// where there is plenty. 0 keeps it where it is.
    #[serde(default)]
    pub lean_ppm: u32,
}

/// A maker's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MakerPolicy {
    /// Whether new swaps are taken on.
    pub enabled: bool,
    /// Lightning -> on-chain, when offered.
    pub out: Option<SidePolicy>,
    /// On-chain -> Lightning, when offered.
    #[serde(rename = "in")]
    pub into: Option<SidePolicy>,
    /// T counts so many blocks.
    pub refund_delta: u32,
    /// Open swaps with takers at most.
    pub max_open: u32,
    /// Seconds a quote is good for.
    pub quote_secs: u32,
    /// `in` funded from outside: whether it is offered, and for how many millionths of the amount more.
    #[serde(default)]
    pub external_ppm: Option<u32>,
    /// The least that must be left of any fee after chain costs at a pessimistic rate; `None` for no floor.
    #[serde(default)]
    pub floor: Option<Price>,
    /// What may be open with whom.
    #[serde(default)]
    pub caps: Caps,
    /// When the owner last set it (Unix seconds): a fault before this has been looked at.
    #[serde(default)]
    pub set_at: u64,
}

impl Default for MakerPolicy {
    fn default() -> Self {
        Self {
            enabled: false,
            out: None,
            into: None,
            refund_delta: cambista_protocol::timelock::DEFAULT_REFUND_DELTA,
            max_open: 50,
            quote_secs: 60,
            external_ppm: None,
            floor: Some(Price::default()),
            caps: Caps::default(),
            set_at: 0,
        }
    }
}

impl MakerPolicy {
    /// The policy of one direction, if it is offered now.
    #[must_use]
    pub const fn side(&self, direction: Direction) -> Option<SidePolicy> {
        match direction {
            _ if !self.enabled => None,
            Direction::Out => self.out,
            Direction::In => self.into,
        }
    }

    pub(super) const fn pricing(&self, side: &SidePolicy) -> Pricing {
        Pricing {
            price: side.price,
            lean_ppm: side.lean_ppm,
            floor: self.floor,
        }
    }
}
