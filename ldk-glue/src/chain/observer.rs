//! Who sees every block before LDK does.

use bitcoin::{Block, BlockHash, Transaction};
use futures::future::BoxFuture;

use super::BlockId;

/// The swap watcher. It is told of every block before LDK and the wallet are, and LDK waits until its answer resolved.
pub trait Observer: Send + Sync {
    /// Where the observer stands: height and hash of the last block it has durably dealt with. `None` means that it has
    /// nothing to look for in older blocks and starts at the tip.
    fn best_block(&self) -> Option<(u32, BlockHash)>;

    /// A block joined the best chain on top of the last one told. Resolves when the reaction to it is durable.
    fn connected<'a>(&'a self, block: &'a Block, height: u32) -> BoxFuture<'a, ()>;

    /// Every block above `fork` left the best chain.
    fn disconnected<'a>(&'a self, fork: BlockId) -> BoxFuture<'a, ()>;

    /// An unconfirmed transaction spends a watched outpoint. Told once per outpoint and transaction and process; a
    /// replacement is told as well.
    fn spent_in_mempool<'a>(&'a self, tx: &'a Transaction) -> BoxFuture<'a, ()>;
}

/// An observer that looks for nothing: for a node that makes no swaps.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn best_block(&self) -> Option<(u32, BlockHash)> {
        None
    }

    fn connected<'a>(&'a self, _: &'a Block, _: u32) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    fn disconnected<'a>(&'a self, _: BlockId) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    fn spent_in_mempool<'a>(&'a self, _: &'a Transaction) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}
