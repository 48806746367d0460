//! The store port: an append-only log of events per swap, an outbox, and the transactions that must not be lost.

use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction, Txid};
use cambista_protocol::swap::{Effect, Event};
use cambista_protocol::words::{Direction, Side, SwapId};
use serde::{Deserialize, Serialize};

use super::PortError;
use super::archive::{Archived, Partner, Sought};
use crate::desk::Earned;
use crate::record::{OrderRecord, SwapRecord};

/// A swap to be stored with its first event.
#[derive(Clone, Debug)]
pub struct NewSwap {
    /// The order it belongs to; stored with it when it is new, left as it is when it is not.
    pub order: OrderRecord,
    /// The swap.
    pub record: SwapRecord,
}

/// One atomic write: all of it becomes durable, or none of it. A swap that anything else in it is about is archived no more.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// An order, in place of what was written of it before.
    pub order: Option<OrderRecord>,
    /// A new swap.
    pub new: Option<NewSwap>,
    /// An event of a swap, the height it happened at and the effects to run because of it.
    pub event: Option<(SwapId, Event, u32, Vec<Effect>)>,
    /// A version of a swap's funding transaction with its fee; kept with the versions before it.
    pub funding: Option<(SwapId, Transaction, Amount)>,
    /// A transaction that spends outputs of swaps, once for each swap in it; kept with the versions before it.
    pub sweeps: Vec<StoredSweep>,
    /// What happened to a batch of sweeps.
    pub batch: Option<StoredBatch>,
    /// Outbox items that are done.
    pub done: Vec<i64>,
    /// Swaps that leave memory.
    pub archive: Vec<Archived>,
    /// Archived swaps that are forgotten for good, with the orders that were theirs alone.
    pub forget: Vec<SwapId>,
    /// Batches all of whose swaps have ended: they are not read again.
    pub batches_over: Vec<Txid>,
    /// The block up to which the engine has seen everything.
    pub best_block: Option<(u32, bitcoin::BlockHash)>,
    /// Unix seconds.
    pub now: u64,
}

/// A spend of HTLC outputs as it was last broadcast, as one of the swaps in it sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSweep {
    /// The swap.
    pub swap_id: SwapId,
    /// The transaction.
    pub tx: Transaction,
    /// What of its fee this swap pays: all of it, unless other swaps are in the same transaction.
    pub fee: Amount,
    /// The height of the last block there was when it was made, read or not: it can be in none before the next.
    pub height: u32,
}

/// One swap's part in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The swap.
    pub swap: SwapId,
    /// Its output.
    pub outpoint: OutPoint,
    /// What of the batch's fee it pays (sat).
    pub fee_sat: u64,
}

/// Why a version of a batch was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchStep {
    /// Several swaps wanted to sweep at the same time.
    Formed,
    /// More swaps came to what was under way.
    Joined,
    /// It pays more than before.
    Bumped,
    /// A swap went on alone; this is of those that stayed.
    Left,
}

/// Something that happened to a batch: a transaction that sweeps outputs of several swaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchEvent {
    /// A version was signed. Stored before it is broadcast.
    Signed {
        /// Why.
        step: BatchStep,
        /// Its transaction, kept with the swaps' own sweeps.
        txid: Txid,
        /// What each swap pays of its fee; together all of it.
        shares: Vec<Share>,
    },
    /// The mempool would not take it; its swaps travel alone from now on.
    Split {
        /// The mempool's reason.
        reason: String,
    },
}

/// An event of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBatch {
    /// Names the batch: the id of its first version's transaction.
    pub id: Txid,
    /// What happened.
    pub event: BatchEvent,
    /// The height it happened at.
    pub height: u32,
}

/// An event with when it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// The event.
    pub event: Event,
    /// Block height.
    pub height: u32,
    /// Unix seconds.
    pub at: u64,
}

/// An effect that is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxItem {
    /// Its row.
    pub id: i64,
    /// The effect.
    pub effect: Effect,
}

/// All of a swap.
#[derive(Clone, Debug)]
pub struct StoredSwap {
    /// Its place among all swaps there ever were: later ones have a higher one.
    pub place: u64,
    /// The record.
    pub record: SwapRecord,
    /// Events, in order.
    pub events: Vec<StoredEvent>,
    /// Effects still to run, in order.
    pub outbox: Vec<OutboxItem>,
    /// Versions of the funding with their fees, oldest first (funder), or as received (payer, fee zero).
    pub fundings: Vec<(Transaction, Amount)>,
    /// Versions of the spend, oldest first.
    pub sweeps: Vec<StoredSweep>,
}

/// Durable state. Calls block for as long as the disk takes.
pub trait Store: Send + Sync + 'static {
    /// Writes atomically and durably. Returns the rows of the effects in the order they were given.
    ///
    /// # Errors
    /// When it could not be written. Nothing of it was; the engine stops.
    fn commit(&self, commit: &Commit) -> Result<Vec<i64>, PortError>;

    /// One swap with everything that is stored of it, archived or not.
    ///
    /// # Errors
    /// When it cannot be read, or was written by a newer version.
    fn swap(&self, id: SwapId) -> Result<Option<StoredSwap>, PortError>;

    /// The swaps that are sought, each with its place; oldest first where nothing else is said.
    ///
    /// # Errors
    /// As [`Self::swap`].
    fn find(&self, sought: Sought<'_>) -> Result<Vec<(u64, SwapId)>, PortError>;

    /// Whether an archived swap was done with this partner.
    ///
    /// # Errors
    /// As [`Self::swap`].
    fn dealt_with(&self, partner: Partner<'_>) -> Result<bool, PortError>;

    /// What all archived swaps of a side and a direction together have brought; none of them is open.
    ///
    /// # Errors
    /// As [`Self::swap`].
    fn brought(&self, side: Side, direction: Direction) -> Result<Earned, PortError>;

    /// The addresses of archived swaps that nothing can ever have been paid to.
    ///
    /// # Errors
    /// As [`Self::swap`].
    fn spare_scripts(&self) -> Result<Vec<ScriptBuf>, PortError>;

    /// Every order that is not over, oldest first.
    ///
    /// # Errors
    /// As [`Self::swap`].
    fn orders(&self) -> Result<Vec<OrderRecord>, PortError>;

    /// One order.
    ///
    /// # Errors
    /// As [`Self::swap`].
    fn order(&self, id: SwapId) -> Result<Option<OrderRecord>, PortError>;

    /// The latest so many of the orders this node took, newest first.
    ///
    /// # Errors
    /// As [`Self::swap`].
    fn latest_orders(&self, most: usize) -> Result<Vec<OrderRecord>, PortError>;

    /// Up to two of the orders this node took whose ids lie between these, both included.
    ///
    /// # Errors
    /// As [`Self::swap`].
    fn orders_between(&self, first: SwapId, last: SwapId) -> Result<Vec<SwapId>, PortError>;

    /// The events of every batch of sweeps that is not over, oldest first.
    ///
    /// # Errors
    /// As [`Self::swap`].
    fn batches(&self) -> Result<Vec<StoredBatch>, PortError>;

    /// The block up to which the engine has seen everything.
    ///
    /// # Errors
    /// As [`Self::swap`].
    fn best_block(&self) -> Result<Option<(u32, bitcoin::BlockHash)>, PortError>;
}
