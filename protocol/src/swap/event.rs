//! What can happen to a swap. The log of these is the swap's state.

use bitcoin::{Amount, OutPoint, Txid};
use serde::{Deserialize, Serialize};

use super::effect::Leg;
use super::outputs::SpendKind;
use crate::money::Msat;
use crate::words::Secret32;

/// An HTLC set that Lightning holds for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HeldHtlc {
    /// Names this set of HTLCs; a second set on the same hash has another.
    pub payment_id: Secret32,
    /// What it carries (msat).
    pub amount: Msat,
    /// The last height at which it can be claimed is below this (LDK's `claim_deadline`).
    pub claim_deadline: u32,
    /// Every part came over an anchor channel, is worth claiming on the chain at a stress fee rate, and carries nothing
    /// this node does not understand.
    pub sound: bool,
}

/// Something that happened. Heights inside events are heights of blocks on this side's own chain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The terms are agreed and stored.
    Opened,
    /// A block was connected; the height is the step's.
    Block,
    /// Every block above this height was disconnected.
    Reorg {
        /// The highest block that stays.
        fork: u32,
    },
    /// A transaction pays the contract's script.
    OutputSeen {
        /// Where.
        outpoint: OutPoint,
        /// How much.
        value: Amount,
        /// The height it is confirmed at; none while it is only in the mempool.
        confirmed: Option<u32>,
    },
    /// A transaction spends an output at the script.
    OutputSpent {
        /// Which.
        outpoint: OutPoint,
        /// By what transaction.
        txid: Txid,
        /// Through which path.
        kind: SpendKind,
        /// The preimage its witness shows, if it does.
        preimage: Option<Secret32>,
        /// The height it is confirmed at; none while it is only in the mempool.
        confirmed: Option<u32>,
    },
    /// The first input of the funding was spent by a transaction that pays the script nothing.
    FundingConflict {
        /// That transaction.
        txid: Txid,
        /// The height it is confirmed at.
        confirmed: u32,
    },
    /// Payer: a payment was settled, so the funder has the preimage.
    PaymentSettled {
        /// Which.
        leg: Leg,
        /// Routing fee paid.
        fee: Msat,
    },
    /// Payer: a payment failed for good; nothing of it is in flight.
    PaymentFailed {
        /// Which.
        leg: Leg,
    },
    /// Payer: the claim transaction of this output is built, signed, affordable and acceptable, and the tip is fresh.
    ClaimReady {
        /// The output it spends.
        outpoint: OutPoint,
    },
    /// Funder: Lightning holds a payment.
    Held {
        /// Which.
        leg: Leg,
        /// What is held.
        htlc: HeldHtlc,
    },
    /// Funder: a held payment was claimed, durably.
    Claimed {
        /// Which.
        leg: Leg,
    },
    /// Funder: Lightning gave a held payment up by itself.
    Dropped {
        /// Which.
        leg: Leg,
    },
    /// Funder: a funding transaction is built, signed and stored, its coins reserved. Not published.
    FundingBuilt {
        /// Its id.
        txid: Txid,
        /// Its first input, which every later version keeps.
        first_input: OutPoint,
    },
    /// Funder: no funding can be built (coins, fee). Nothing was published.
    FundingImpossible,
    /// Funder: Lightning's own state has been written since the payment was held, so the hold survives a crash.
    HoldDurable,
    /// Funder: a new version of the funding is stored, about to be broadcast.
    FundingBumped {
        /// Its id.
        txid: Txid,
    },
    /// The peer handed over its internal secret key.
    PeerKey {
        /// The key.
        secret: Secret32,
    },
    /// Funder: the payer sent R.
    PeerPreimage {
        /// R.
        preimage: Secret32,
    },
    /// Payer: the funder asks to give up.
    PeerWithdrew,
    /// The user wants this swap ended, as far as it still can be.
    Cancelled,
}
