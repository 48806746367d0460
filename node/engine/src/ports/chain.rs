//! The chain port.

use std::future::Future;

use bitcoin::{BlockHash, FeeRate, OutPoint, Transaction};

/// The tip as this node's chain source has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainTip {
    /// Height.
    pub height: u32,
    /// Hash.
    pub hash: BlockHash,
    /// The header's time (Unix seconds).
    pub time: u64,
}

/// A mempool would not take a transaction, or could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAccepted {
    /// It refused, with this reason.
    #[error("the mempool refuses the transaction: {0}")]
    Refused(String),
    /// It could not be asked.
    #[error("the mempool could not be asked: {0}")]
    Unavailable(String),
}

/// The block chain and the mempool.
pub trait Chain: Send + Sync + 'static {
    /// The tip the engine was last told of, or newer.
    fn tip(&self) -> ChainTip;

    /// The height the chain source itself claims; above [`Self::tip`] while blocks are still being read.
    fn source_height(&self) -> u32;

    /// Whether the chain source answers and has caught up itself, as far as it knows.
    fn in_touch(&self) -> bool {
        true
    }

    /// Hands a transaction, or a package with the child last, to the network. Already known is success.
    fn broadcast(
        &self,
        package: &[Transaction],
    ) -> impl Future<Output = Result<(), NotAccepted>> + Send;

    /// Whether the mempool would take this transaction now. What [`Self::source_height`] says afterwards is as new as the
    /// answer.
    fn test_accept(&self, tx: &Transaction)
    -> impl Future<Output = Result<(), NotAccepted>> + Send;

    /// A rate that should confirm within so many blocks; never below what the mempool takes.
    fn fee_rate(&self, blocks: u32) -> FeeRate;

    /// What a replacement must pay on its own size above everything it replaces: one sat/vB, or more where the mempool
    /// asks for more.
    fn increment(&self) -> FeeRate {
        FeeRate::BROADCAST_MIN
    }

    /// From now on, tell the engine of unconfirmed transactions that spend this outpoint.
    fn watch_mempool(&self, outpoint: OutPoint);

    /// No longer.
    fn unwatch_mempool(&self, outpoint: OutPoint);
}
