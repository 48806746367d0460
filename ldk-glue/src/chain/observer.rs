//! Who sees every block before LDK does.

use bitcoin::{Block, BlockHash, OutPoint, Transaction};
use futures::future::BoxFuture;

use super::BlockId;

/// The observer has ended and takes nothing in any more: nobody may be told of a block it has not seen. The node is
/// stopping then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// What an observer answers, later.
pub type Told<'a> = BoxFuture<'a, Result<(), Gone>>;

/// The swap watcher. It is told of every block before LDK and the wallet are, and LDK waits until its answer resolved.
pub trait Observer: Send + Sync {
    /// Where the observer stands: height and hash of the last block it has durably dealt with. `None` means that it has
    /// nothing to look for in older blocks and starts at the tip.
    fn best_block(&self) -> Option<(u32, BlockHash)>;

    /// A block joined the best chain on top of the last one told. Resolves when the reaction to it is durable.
    ///
    /// # Errors
    /// [`Gone`], here and below.
    fn connected<'a>(&'a self, block: &'a Block, height: u32) -> Told<'a>;

    /// Every block above `fork` left the best chain.
    fn disconnected<'a>(&'a self, fork: BlockId) -> Told<'a>;

    /// An unconfirmed transaction spends a watched outpoint. Told once per outpoint and transaction and process; a
    /// replacement is told as well.
    fn spent_in_mempool<'a>(&'a self, tx: &'a Transaction) -> Told<'a>;

    /// The unconfirmed spend of a watched outpoint is gone and no block has it: it was thrown out of the mempool, or
    /// replaced by something that was replaced itself.
    fn lost_from_mempool<'a>(&'a self, outpoint: OutPoint) -> Told<'a> {
        let _ = outpoint;
        Box::pin(std::future::ready(Ok(())))
    }
}

/// An observer that looks for nothing: for a node that makes no swaps.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn best_block(&self) -> Option<(u32, BlockHash)> {
        None
    }

    fn connected<'a>(&'a self, _: &'a Block, _: u32) -> Told<'a> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn disconnected<'a>(&'a self, _: BlockId) -> Told<'a> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn spent_in_mempool<'a>(&'a self, _: &'a Transaction) -> Told<'a> {
        Box::pin(std::future::ready(Ok(())))
    }
}
