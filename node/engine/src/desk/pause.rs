//! When a maker takes nothing on for the moment, by itself.

use bitcoin::{Amount, Network};
use cambista_market::pricing::Inventory;
use cambista_protocol::message::{Refusal, RefusalCode};
use cambista_protocol::swap::Outcome;
use cambista_protocol::words::{Direction, Side};

use super::policy::SidePolicy;
use crate::cost;
use crate::engine::Core;
use crate::funding::FUNDING_TARGET;
use crate::ports::{Chain, Lightning, Ports, Wallet};

/// A newest block older than this leaves it open whether there is a newer one (seconds): one block in eight thousand
/// takes as long.
const STALE: u64 = 5_400;
/// A block or two arrive while the ones before are read; more are a lag.
const LAG: u32 = 2;

/// Why nothing is taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Pause {
    /// A swap of this maker was lost: until the owner has looked at it.
    #[error(
        "a swap was lost, which must not happen: nothing is taken on until you have looked at it and say `cambista maker on`"
    )]
    Fault,
    /// The chain source cannot be asked.
    #[error("bitcoind cannot be asked, or is catching up itself")]
    OutOfTouch,
    /// It has blocks this node has not read.
    #[error("blocks are being read; the tip is not reached yet")]
    Behind,
    /// It has had no block for long.
    #[error("the newest block is over an hour and a half old")]
    Stale,
    /// What is there does not carry the smallest swap.
    #[error("what is left does not carry the smallest swap")]
    Short,
}

impl Pause {
    /// The same in words for strangers: nothing about this node that they could use.
    pub(super) const fn to_strangers(self) -> &'static str {
        match self {
            Self::Short => "not enough liquidity now",
            _ => "paused for the moment",
        }
    }
}

impl<P: Ports> Core<P> {
    /// Why nothing is taken on in this direction now, if so.
    pub(crate) fn pause(&self, direction: Direction, side: &SidePolicy) -> Option<Pause> {
        if self.lost_one() {
            return Some(Pause::Fault);
        }
        let chain = self.ports.chain();
        if !chain.in_touch() {
            return Some(Pause::OutOfTouch);
        }
        let tip = chain.tip();
        if tip.height.max(chain.source_height()) > self.height.saturating_add(LAG) {
            return Some(Pause::Behind);
        }
        // Blocks of a test network come when somebody makes them.
        let old = tip.time.saturating_add(STALE) < self.now();
        if old && self.network() != Network::Regtest {
            return Some(Pause::Stale);
        }
        let there = self.there(direction).to_sat();
        (there < side.min_sat).then_some(Pause::Short)
    }

    /// A quote that is out is kept, except where keeping it would be reckless.
    pub(super) fn check_open(&self, direction: Direction) -> Result<(), Refusal> {
        let side = self.desk.policy.side(direction).unwrap_or_default();
        match self.pause(direction, &side) {
            Some(pause @ (Pause::Fault | Pause::OutOfTouch)) => {
                Err(Refusal::new(RefusalCode::Liquidity, pause.to_strangers()))
            }
            _ => Ok(()),
        }
    }

    /// Whether a swap of this maker was lost since its owner last set the business.
    fn lost_one(&self) -> bool {
        self.swaps.values().any(|live| {
            live.record.side == Side::Maker
                && live.swap.outcome() == Some(Outcome::Lost)
                && live
                    .events
                    .last()
                    .is_some_and(|e| e.at > self.desk.policy.set_at)
        })
    }

    /// The largest swap this maker could carry now, beside those it has accepted. Quotes that are out do not count: they
    /// come and go.
    pub(super) fn there(&self, direction: Direction) -> Amount {
        let liquidity = self.ports.lightning().liquidity();
        let sat = |msat: u64| Amount::from_sat(msat / 1_000);
        let there = match direction {
            Direction::Out => {
                let rate = self.ports.chain().fee_rate(FUNDING_TARGET);
                let fee = cost::maker_chain_cost(Direction::Out, rate);
                let coins = self.ports.wallet().fundable();
                let coins = coins.checked_sub(fee).unwrap_or(Amount::ZERO);
                coins.min(sat(liquidity.inbound.0))
            }
            Direction::In => sat(liquidity.outbound.0),
        };
        there
            .checked_sub(self.accepted(direction))
            .unwrap_or(Amount::ZERO)
    }

    /// What the price leans by.
    pub(super) fn inventory(&self, direction: Direction) -> Inventory {
        let lightning = self.ports.lightning().liquidity().outbound.0 / 1_000;
        let chain = self.ports.wallet().fundable().to_sat();
        let (spent_sat, gained_sat) = match direction {
            Direction::Out => (chain, lightning),
            Direction::In => (lightning, chain),
        };
        Inventory {
            spent_sat,
            gained_sat,
        }
    }
}
