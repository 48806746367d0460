//! The kinds of events, effects and stored changes, each with who can come by it.
//!
//! The matches here name every variant: a new event, effect or path without a kind does not compile, and every kind is
//! in its list of all.

use bitcoin::Transaction;
use cambista_protocol::swap::{Effect, Event, Leg, Say};

use crate::ports::{BatchEvent, BatchStep};

/// Which roles come by something, and whether only with a prepay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Both,
    Payer,
    Funder,
    /// Only an `out` has a prepay.
    PayerOut,
    FunderOut,
    /// The node, for no swap alone.
    Node,
}

/// Makes an enum, the list of all its variants, the word for each and its reach.
macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident { $($variant:ident, $word:literal, $reach:ident;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $name {
            $($variant,)+
        }

        impl $name {
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant,)+];

            pub(super) const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            pub(super) const fn reach(self) -> Reach {
                match self {
                    $(Self::$variant => Reach::$reach,)+
                }
            }
        }
    };
}

kinds! {
    /// An event by what it does to a swap: unconfirmed and confirmed are not the same.
    EventKind {
        Opened, "opened", Both;
        Block, "block", Both;
        Reorg, "reorg", Both;
        OutputSeen, "output-seen", Both;
        OutputConfirmed, "output-confirmed", Both;
        OutputSpent, "output-spent", Both;
        SpendConfirmed, "spend-confirmed", Both;
        FundingConflict, "funding-conflict", Both;
        PaymentSettled, "payment-settled", Payer;
        PrepaySettled, "prepay-settled", PayerOut;
        PaymentFailed, "payment-failed", Payer;
        PrepayFailed, "prepay-failed", PayerOut;
        ClaimReady, "claim-ready", Payer;
        Held, "held", Funder;
        PrepayHeld, "prepay-held", FunderOut;
        Claimed, "claimed", Funder;
        PrepayClaimed, "prepay-claimed", FunderOut;
        Dropped, "dropped", Funder;
        PrepayDropped, "prepay-dropped", FunderOut;
        FundingBuilt, "funding-built", Funder;
        FundingImpossible, "funding-impossible", Funder;
        HoldDurable, "hold-durable", Funder;
        FundingBumped, "funding-bumped", Funder;
        PeerKey, "peer-key", Both;
        PeerPreimage, "peer-preimage", Funder;
        PeerWithdrew, "peer-withdrew", Payer;
        Cancelled, "cancelled", Both;
    }
}

kinds! {
    /// An effect.
    EffectKind {
        Pay, "pay", Payer;
        PayPrepay, "pay-prepay", PayerOut;
        StopPaying, "stop-paying", Payer;
        StopPayingPrepay, "stop-paying-prepay", PayerOut;
        Claim, "claim", Funder;
        ClaimPrepay, "claim-prepay", FunderOut;
        FailBack, "fail-back", Funder;
        FailBackPrepay, "fail-back-prepay", FunderOut;
        PublishFunding, "publish-funding", Funder;
        ReleaseFunding, "release-funding", Funder;
        SayFunded, "say-funded", Funder;
        SayPreimage, "say-preimage", Payer;
        SayKey, "say-key", Both;
        SayWithdraw, "say-withdraw", Funder;
    }
}

kinds! {
    /// Something stored of a swap that is no event.
    ChangeKind {
        NewSwap, "new-swap", Both;
        Funding, "funding-version", Both;
        SweepByKey, "sweep-by-key", Both;
        SweepByClaim, "sweep-by-claim", Payer;
        SweepByRefund, "sweep-by-refund", Funder;
    }
}

kinds! {
    /// What happened to a transaction that sweeps for several swaps; no swap's alone.
    BatchKind {
        Grown, "batch-grown", Node;
        Bumped, "batch-bumped", Node;
        Left, "batch-left", Node;
        Split, "batch-split", Node;
    }
}

impl BatchKind {
    pub(super) const fn of(event: &BatchEvent) -> Self {
        match event {
            BatchEvent::Signed {
                step: BatchStep::Formed | BatchStep::Joined,
                ..
            } => Self::Grown,
            BatchEvent::Signed {
                step: BatchStep::Bumped,
                ..
            } => Self::Bumped,
            BatchEvent::Signed {
                step: BatchStep::Left,
                ..
            } => Self::Left,
            BatchEvent::Split { .. } => Self::Split,
        }
    }
}

impl EventKind {
    pub(super) const fn of(event: &Event) -> Self {
        match event {
            Event::Opened => Self::Opened,
            Event::Block => Self::Block,
            Event::Reorg { fork: _ } => Self::Reorg,
            Event::OutputSeen {
                confirmed: None, ..
            } => Self::OutputSeen,
            Event::OutputSeen {
                confirmed: Some(_), ..
            } => Self::OutputConfirmed,
            Event::OutputSpent {
                confirmed: None, ..
            } => Self::OutputSpent,
            Event::OutputSpent {
                confirmed: Some(_), ..
            } => Self::SpendConfirmed,
            Event::FundingConflict { .. } => Self::FundingConflict,
            Event::PaymentSettled { leg: Leg::Swap, .. } => Self::PaymentSettled,
            Event::PaymentSettled {
                leg: Leg::Prepay, ..
            } => Self::PrepaySettled,
            Event::PaymentFailed { leg: Leg::Swap } => Self::PaymentFailed,
            Event::PaymentFailed { leg: Leg::Prepay } => Self::PrepayFailed,
            Event::ClaimReady { .. } => Self::ClaimReady,
            Event::Held { leg: Leg::Swap, .. } => Self::Held,
            Event::Held {
                leg: Leg::Prepay, ..
            } => Self::PrepayHeld,
            Event::Claimed { leg: Leg::Swap } => Self::Claimed,
            Event::Claimed { leg: Leg::Prepay } => Self::PrepayClaimed,
            Event::Dropped { leg: Leg::Swap } => Self::Dropped,
            Event::Dropped { leg: Leg::Prepay } => Self::PrepayDropped,
            Event::FundingBuilt { .. } => Self::FundingBuilt,
            Event::FundingImpossible => Self::FundingImpossible,
            Event::HoldDurable => Self::HoldDurable,
            Event::FundingBumped { .. } => Self::FundingBumped,
            Event::PeerKey { .. } => Self::PeerKey,
            Event::PeerPreimage { .. } => Self::PeerPreimage,
            Event::PeerWithdrew => Self::PeerWithdrew,
            Event::Cancelled => Self::Cancelled,
        }
    }
}

impl EffectKind {
    pub(super) const fn of(effect: Effect) -> Self {
        match effect {
            Effect::Pay(Leg::Swap) => Self::Pay,
            Effect::Pay(Leg::Prepay) => Self::PayPrepay,
            Effect::StopPaying(Leg::Swap) => Self::StopPaying,
            Effect::StopPaying(Leg::Prepay) => Self::StopPayingPrepay,
            Effect::Claim(Leg::Swap) => Self::Claim,
            Effect::Claim(Leg::Prepay) => Self::ClaimPrepay,
            Effect::FailBack(Leg::Swap) => Self::FailBack,
            Effect::FailBack(Leg::Prepay) => Self::FailBackPrepay,
            Effect::PublishFunding => Self::PublishFunding,
            Effect::ReleaseFunding => Self::ReleaseFunding,
            Effect::Say(Say::Funded) => Self::SayFunded,
            Effect::Say(Say::Preimage) => Self::SayPreimage,
            Effect::Say(Say::Key) => Self::SayKey,
            Effect::Say(Say::Withdraw) => Self::SayWithdraw,
        }
    }
}

impl ChangeKind {
    /// A spend of the contract by its path, which the number of a witness's elements shows.
    pub(super) fn of_sweep(tx: &Transaction) -> Self {
        match tx.input.first().map_or(0, |input| input.witness.len()) {
            3 => Self::SweepByRefund,
            4 => Self::SweepByClaim,
            _ => Self::SweepByKey,
        }
    }
}
