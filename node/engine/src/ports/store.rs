//! The store port: an append-only log of events per swap, an outbox, and the transactions that must not be lost.

use bitcoin::{Amount, Transaction};
use cambista_protocol::swap::{Effect, Event};
use cambista_protocol::words::SwapId;

use super::PortError;
use crate::record::{OrderRecord, SwapRecord};

/// A swap to be stored with its first event.
#[derive(Clone, Debug)]
pub struct NewSwap {
    /// The order it belongs to; stored with it when it is new.
    pub order: OrderRecord,
    /// The swap.
    pub record: SwapRecord,
}

/// One atomic write: all of it becomes durable, or none of it.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// A new swap.
    pub new: Option<NewSwap>,
    /// An event of a swap, the height it happened at and the effects to run because of it.
    pub event: Option<(SwapId, Event, u32, Vec<Effect>)>,
    /// A version of a swap's funding transaction with its fee; kept with the versions before it.
    pub funding: Option<(SwapId, Transaction, Amount)>,
    /// A version of the transaction that spends a swap's outputs; kept with the versions before it.
    pub sweep: Option<StoredSweep>,
    /// Outbox items that are done.
    pub done: Vec<i64>,
    /// The block up to which the engine has seen everything.
    pub best_block: Option<(u32, bitcoin::BlockHash)>,
    /// Unix seconds.
    pub now: u64,
}

/// A spend of HTLC outputs as it was last broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSweep {
    /// The swap.
    pub swap_id: SwapId,
    /// The transaction.
    pub tx: Transaction,
    /// Its fee.
    pub fee: Amount,
    /// The height it was made at.
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

    /// Every swap, oldest first.
    ///
    /// # Errors
    /// When it cannot be read, or was written by a newer version.
    fn load(&self) -> Result<Vec<StoredSwap>, PortError>;

    /// Every order, oldest first.
    ///
    /// # Errors
    /// As [`Self::load`].
    fn orders(&self) -> Result<Vec<OrderRecord>, PortError>;

    /// The block up to which the engine has seen everything.
    ///
    /// # Errors
    /// As [`Self::load`].
    fn best_block(&self) -> Result<Option<(u32, bitcoin::BlockHash)>, PortError>;
}
