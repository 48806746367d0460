//! The two roles of a swap as pure state machines. Spec 02.
//!
//! A machine is handed an [`Event`] and the height it happened at and answers with a [`Transition`]: the next state,
//! which only comes out by saving it, and the [`Effect`]s to run once it is saved. What a state wants done again and
//! again until the chain agrees (spend, bump, rebroadcast, ask) is not an effect but derived from the state: [`Wish`].
//! State is the fold of the events, so restarting is replaying.

mod effect;
mod event;
mod funder;
mod outputs;
mod payer;
mod transition;

pub use effect::{Effect, Leg, Say, SpendHow, SpendWish, Wish};
pub use event::{Event, HeldHtlc};
pub use funder::{FunderSwap, Funding, Htlc};
pub use outputs::{Output, Outputs, Spend, SpendKind};
pub use payer::{Abort, Decision, PayerSwap, Payment};
pub use transition::Transition;

use serde::{Deserialize, Serialize};

use crate::terms::Deal;
use crate::words::{Direction, Role};

/// How a swap ended, seen from one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Both halves happened.
    Done,
    /// Nothing was ever funded; the Lightning payment went back or was never made.
    NothingHappened,
    /// The chain went back to the funder and the Lightning payment to the payer.
    TakenBack,
    /// As [`Self::TakenBack`], and the funder kept the prepay because the payer did not claim in time.
    PrepayKept,
    /// This side gave and did not get. Cannot happen while the rules of spec 03 hold; shown plainly if it does.
    Lost,
}

/// One side of a swap: either machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Swap {
    /// This side pays over Lightning and claims on the chain.
    Payer(PayerSwap),
    /// This side funds the chain and claims over Lightning.
    Funder(FunderSwap),
}

impl Swap {
    /// A swap at its beginning; [`Event::Opened`] sets it going.
    #[must_use]
    pub const fn new(role: Role, deal: Deal) -> Self {
        match role {
            Role::Payer => Self::Payer(PayerSwap::new(deal)),
            Role::Funder => Self::Funder(FunderSwap::new(deal)),
        }
    }

    /// What was agreed.
    #[must_use]
    pub const fn deal(&self) -> &Deal {
        match self {
            Self::Payer(swap) => swap.deal(),
            Self::Funder(swap) => swap.deal(),
        }
    }

    /// The role of this side.
    #[must_use]
    pub const fn role(&self) -> Role {
        match self {
            Self::Payer(_) => Role::Payer,
            Self::Funder(_) => Role::Funder,
        }
    }

    /// Whether this side asked for the swap.
    #[must_use]
    pub fn is_taker(&self) -> bool {
        let direction: Direction = self.deal().direction;
        direction.taker_role() == self.role()
    }

    /// One step.
    pub fn step(&self, event: Event, height: u32) -> Transition<Self> {
        match self {
            Self::Payer(swap) => swap.step(event, height).map(Self::Payer),
            Self::Funder(swap) => swap.step(event, height).map(Self::Funder),
        }
    }

    /// What this state wants done at this height, again and again until an event says otherwise.
    #[must_use]
    pub fn wishes(&self, height: u32) -> Vec<Wish> {
        match self {
            Self::Payer(swap) => swap.wishes(height),
            Self::Funder(swap) => swap.wishes(height),
        }
    }

    /// How it ended, when it has.
    #[must_use]
    pub const fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Payer(swap) => swap.outcome(),
            Self::Funder(swap) => swap.outcome(),
        }
    }

    /// Whether the decision to hand this side's internal key over is made, and so may be acted on.
    #[must_use]
    pub const fn handed_over(&self) -> bool {
        match self {
            Self::Payer(swap) => swap.handed_over(),
            Self::Funder(swap) => swap.handed_over(),
        }
    }

    /// Everything seen at the contract's script.
    #[must_use]
    pub const fn outputs(&self) -> &Outputs {
        match self {
            Self::Payer(swap) => swap.outputs(),
            Self::Funder(swap) => swap.outputs(),
        }
    }
}
