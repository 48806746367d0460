//! What a maker offers at the moment, and what its business has brought.

use bitcoin::Amount;
use cambista_market::pricing::{ChainCost, announced_max};
use cambista_protocol::market::offer::Rate;
use cambista_protocol::swap::Outcome;
use cambista_protocol::words::{Direction, Side};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::policy::SidePolicy;
use crate::bill;
use crate::cost;
use crate::engine::Core;
use crate::funding::FUNDING_TARGET;
use crate::live::Live;
use crate::ports::{Chain, Ports, Store, Wallet};

/// One direction of what a maker offers now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// The rate to announce, chain costs included; none when nothing is offered.
    pub rate: Option<Rate>,
    /// Why nothing is offered although the owner wants to, for the owner.
    pub paused: Option<String>,
}

/// What a maker offers now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Business {
    /// Lightning -> on-chain.
    pub out: Offered,
    /// On-chain -> Lightning.
    pub into: Offered,
    /// T counts so many blocks.
    pub refund_delta: u32,
    /// Whether the owner wants anything offered.
    pub wanted: bool,
}

/// What one direction of a maker's business has brought. Amounts in sat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earned {
    /// Swaps under way.
    pub open: u64,
    /// Swaps done.
    pub done: u64,
    /// Swaps that came to nothing.
    pub failed: u64,
    /// The sum of the swaps done.
    pub volume_sat: u64,
    /// Fees of the swaps done; negative was paid to takers.
    pub fees_sat: i64,
    /// Prepays kept from takers that walked away.
    pub prepays_sat: i64,
    /// Paid to miners, for swaps done and failed.
    pub miners_sat: u64,
    /// Paid for routing, rounded up.
    pub routing_sat: u64,
    /// What is left of it all.
    pub profit_sat: i64,
}

/// One direction, for its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideReport {
    /// What is offered now.
    pub offered: Offered,
    /// By how much the price leans now (millionths).
    pub lean_ppm: i32,
    /// The largest swap that could be carried now (sat).
    pub there_sat: u64,
    /// What it has brought.
    pub earned: Earned,
}

/// A maker's business, for its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MakerReport {
    /// Lightning -> on-chain.
    pub out: SideReport,
    /// On-chain -> Lightning.
    pub into: SideReport,
    /// Open with takers now (sat).
    pub open_sat: u64,
    /// Of that with takers that never did a swap with this maker (sat).
    pub unproven_sat: u64,
}

impl<P: Ports> Core<P> {
    /// What is offered now.
    pub(crate) fn business(&self) -> Business {
        Business {
            out: self.offered_now(Direction::Out),
            into: self.offered_now(Direction::In),
            refund_delta: self.desk.policy.refund_delta,
            wanted: self.desk.policy.enabled,
        }
    }

    fn offered_now(&self, direction: Direction) -> Offered {
        let Some(side) = self.desk.policy.side(direction) else {
            return Offered::default();
        };
        if let Some(pause) = self.pause(direction, &side) {
            return Offered {
                rate: None,
                paused: Some(pause.to_string()),
            };
        }
        Offered {
            rate: self.rate(direction, &side),
            paused: None,
        }
    }

    fn rate(&self, direction: Direction, side: &SidePolicy) -> Option<Rate> {
        let there = self.there(direction).to_sat();
        let max = announced_max(side.min_sat, side.max_sat, there)?;
        let fee_rate = self.ports.chain().fee_rate(FUNDING_TARGET);
        let usual = match direction {
            Direction::Out => {
                // What a quote will charge for the coins there are. For the largest amount, since it takes the most of them.
                let fee = |sat| {
                    let wallet = self.ports.wallet();
                    wallet.funding_fee(Amount::from_sat(sat), fee_rate).ok()
                };
                cost::announced_funding(fee(max).or_else(|| fee(side.min_sat)), fee_rate)
            }
            Direction::In => cost::maker_chain_cost(direction, fee_rate),
        };
        let cost = self.cost_of(direction, usual);
        let pricing = self.desk.policy.pricing(side);
        Some(pricing.rate(self.inventory(direction), cost, side.min_sat, max))
    }

    /// Chain costs now and if fees rise.
    pub(super) fn cost_of(&self, direction: Direction, usual: Amount) -> ChainCost {
        let rate = self.ports.chain().fee_rate(FUNDING_TARGET);
        ChainCost {
            usual_sat: usual.to_sat(),
            pessimistic_sat: cost::pessimistic_cost(direction, usual, rate).to_sat(),
        }
    }

    /// The business for its owner.
    pub(crate) fn maker_report(&self) -> MakerReport {
        let (open_sat, unproven_sat) = self.exposed();
        MakerReport {
            out: self.side_report(Direction::Out),
            into: self.side_report(Direction::In),
            open_sat,
            unproven_sat,
        }
    }

    fn side_report(&self, direction: Direction) -> SideReport {
        let lean = match direction {
            Direction::Out => self.desk.policy.out,
            Direction::In => self.desk.policy.into,
        };
        let lean = lean.map_or(0, |side| self.inventory(direction).lean(side.lean_ppm));
        SideReport {
            offered: self.offered_now(direction),
            lean_ppm: lean,
            there_sat: self.there(direction).to_sat(),
            earned: self.earned(direction),
        }
    }

    /// What is archived and what is in memory, together.
    fn earned(&self, direction: Direction) -> Earned {
        let archived = self.ports.store().brought(Side::Maker, direction);
        let mut sum = archived.unwrap_or_else(|error| {
            warn!(%error, "what archived swaps brought is left out");
            Earned::default()
        });
        let all = self.swaps.values().filter(|live| {
            !live.archived
                && live.record.side == Side::Maker
                && live.record.deal.direction == direction
        });
        for live in all {
            sum.add(&earned_by(live));
        }
        sum
    }
}

impl Earned {
    fn add(&mut self, other: &Self) {
        self.open = self.open.saturating_add(other.open);
        self.done = self.done.saturating_add(other.done);
        self.failed = self.failed.saturating_add(other.failed);
        self.volume_sat = self.volume_sat.saturating_add(other.volume_sat);
        self.fees_sat = self.fees_sat.saturating_add(other.fees_sat);
        self.prepays_sat = self.prepays_sat.saturating_add(other.prepays_sat);
        self.miners_sat = self.miners_sat.saturating_add(other.miners_sat);
        self.routing_sat = self.routing_sat.saturating_add(other.routing_sat);
        self.profit_sat = self.profit_sat.saturating_add(other.profit_sat);
    }
}

/// What one swap has brought so far.
pub(crate) fn earned_by(live: &Live) -> Earned {
    let cost = bill::cost(live);
    let outcome = live.swap.outcome();
    let done = outcome == Some(Outcome::Done);
    Earned {
        open: u64::from(outcome.is_none()),
        done: u64::from(done),
        failed: u64::from(outcome.is_some() && !done),
        volume_sat: if done {
            live.record.deal.amount.to_sat()
        } else {
            0
        },
        fees_sat: cost.maker_fee_sat.saturating_neg(),
        prepays_sat: cost.prepay_sat.saturating_neg(),
        miners_sat: cost.miner_fee_sat,
        routing_sat: cost.routing_fee_msat.div_ceil(1_000),
        profit_sat: cost.total_sat.saturating_neg(),
    }
}
