//! One ordered stream of blocks for the swap watcher, LDK and the wallet; fees, broadcasting and the mempool.
//!
//! The order is the point of it: the [`Observer`] has finished with a block before LDK hears of it, at start as well as
//! later, because LDK gives up a held HTLC in the very call that tells it the block of its deadline.

mod announced;
mod broadcast;
mod cursor;
mod error;
mod fees;
mod follow;
mod mempool;
mod observer;
mod once;
mod repeat;
mod stream;
mod targets;

use bitcoin::BlockHash;
use lightning::chain::BestBlock;

pub use broadcast::{Broadcaster, OnBroadcast};
pub use error::ChainError;
pub use fees::{FeeConfig, Fees, fee_for};
pub use follow::{Follower, Following};
pub use mempool::{Mempool, Reject};
pub use observer::{Gone, NoObserver, Observer, Told};
pub(crate) use once::is_closing;
pub use stream::{Chain, ChainStatus};

/// Tells a long-running part to end: `true` means stop. A dropped sender means the same.
pub type Stop = tokio::sync::watch::Receiver<bool>;

/// A block's place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockId {
    /// Height, the genesis block being 0.
    pub height: u32,
    /// Hash.
    pub hash: BlockHash,
    /// Header time, seconds since the epoch.
    pub time: u32,
}

impl BlockId {
    /// The same block in LDK's words.
    pub fn best(&self) -> BestBlock {
        BestBlock::new(self.hash, self.height)
    }
}

/// Resolves when `stop` says so or its sender is gone.
pub(crate) async fn stopped(stop: &mut Stop) {
    let _ = stop.wait_for(|stop| *stop).await;
}
