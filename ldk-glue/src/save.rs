//! When LDK's state may change.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use bitcoin::block::Header;
use lightning::chain::transaction::TransactionData;
use lightning::chain::{BestBlock, Listen};

use crate::barrier::Store;
use crate::types::Monitors;

/// Open until the node's last state is about to be written.
#[derive(Default)]
pub(crate) struct Gate(RwLock<bool>);

/// Held while something changes LDK's state.
pub(crate) struct Pass<'a>(RwLockReadGuard<'a, bool>);

impl Gate {
    /// Leave to change LDK's state, unless the node has come to its end.
    pub(crate) fn pass(&self) -> Option<Pass<'_>> {
        let closed = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (!*closed).then(|| Pass(closed))
    }

    /// Waits for changes under way and allows no more.
    pub(crate) fn close(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

impl std::fmt::Debug for Pass<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pass").field(&*self.0).finish()
    }
}

/// The monitors as the chain tells them of blocks: what they make of one is saved before the next, so that a long way
/// to the tip does not fill the memory.
pub(crate) struct SavedMonitors {
    pub(crate) monitors: Arc<Monitors>,
    pub(crate) store: Arc<Store>,
}

impl SavedMonitors {
    fn settle(&self) {
        // A failure is latched by the store and stops the node.
        let _ = self.store.settle();
    }
}

impl Listen for SavedMonitors {
    fn filtered_block_connected(&self, header: &Header, txdata: &TransactionData, height: u32) {
        self.monitors
            .filtered_block_connected(header, txdata, height);
        self.settle();
    }

    fn blocks_disconnected(&self, fork: BestBlock) {
        self.monitors.blocks_disconnected(fork);
        self.settle();
    }
}
