//! What a machine asks of the world.

use bitcoin::OutPoint;
use serde::{Deserialize, Serialize};

/// Which of the two Lightning payments of a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// On H.
    Swap,
    /// The prepay, on the funder's own hash.
    Prepay,
}

/// A message to the peer; what it carries is looked up when it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Say {
    /// The funding transaction.
    Funded,
    /// R.
    Preimage,
    /// This side's internal secret key.
    Key,
    /// The funder will not go on.
    Withdraw,
}

/// Done once the event that caused it is stored; kept in the outbox until it is; safe to run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Pay an invoice.
    Pay(Leg),
    /// Let no further retry of a payment start. What is in flight stays in flight.
    StopPaying(Leg),
    /// Claim a held payment; repeated at every start until it is claimed.
    Claim(Leg),
    /// Fail a held payment back.
    FailBack(Leg),
    /// Broadcast the funding.
    PublishFunding,
    /// Give the coins of a funding that was never published back to the wallet.
    ReleaseFunding,
    /// Tell the peer.
    Say(Say),
}

/// Through which path an output is to be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpendHow {
    /// With both internal keys.
    KeyPath,
    /// With R.
    Claim,
    /// After T.
    Refund,
}

/// An output this side wants to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpendWish {
    /// The output.
    pub outpoint: OutPoint,
    /// The path.
    pub how: SpendHow,
    /// The height by which it should be confirmed, where there is one.
    pub deadline: Option<u32>,
    /// Whether the user's fee cap no longer binds: from here the value at stake is the cap.
    pub cap_lifted: bool,
}

/// Something a state wants at a height, as long as it is that state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wish {
    /// Payer: build and test the claim of this output; answer with [`super::Event::ClaimReady`] if all is well.
    PrepareClaim(OutPoint),
    /// Spend an output.
    Spend(SpendWish),
    /// Keep the funding known to the network (payer, once R is out).
    RebroadcastFunding,
    /// Funder: build and store a funding.
    BuildFunding,
    /// Funder: wait until the hold survives a crash, then [`super::Event::HoldDurable`].
    AwaitHold,
    /// Funder: rebroadcast the funding, and replace it when it pays too little.
    KeepFunding,
    /// Funder: spend the funding's first input to itself; it is too late for this swap.
    ReplaceFunding,
}
