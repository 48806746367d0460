//! What can go wrong with the chain of blocks.

use bitcoin::BlockHash;

use super::Gone;
use crate::rpc::RpcError;

impl From<Gone> for ChainError {
    fn from(Gone: Gone) -> Self {
        Self::WatcherGone
    }
}

/// The stream of blocks cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// bitcoind did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// bitcoind does not know the block a part of this node stands at.
    #[error(
        "bitcoind does not know block {hash} at height {height}, where the {who} of this node stands. No money was touched. \
         bitcoind is behind, was replaced, or is on another chain: let it finish syncing, or use the one this node used before"
    )]
    UnknownBlock {
        /// Which part of the node.
        who: &'static str,
        /// The height it stands at.
        height: u32,
        /// The block it stands at.
        hash: BlockHash,
    },
    /// The swap watcher has ended.
    #[error(
        "what watches this node's swaps has stopped, so no block is passed on to anybody. Nothing is lost: the node must \
         stop; look above for the reason, then start it again"
    )]
    WatcherGone,
    /// bitcoind gave a block that is not the one asked for.
    #[error(
        "bitcoind gave a damaged or wrong block for {hash} ({reason}). It was not used. Check bitcoind's disk and memory; \
         the block is asked for again"
    )]
    BadBlock {
        /// The block asked for.
        hash: BlockHash,
        /// What was wrong with the answer.
        reason: &'static str,
    },
}
