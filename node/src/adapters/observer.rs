//! The engine sees every block before Lightning does.

use bitcoin::{Block, BlockHash, Transaction};
use cambista_engine::EngineHandle;
use cambista_ldk::chain::{BlockId, Observer};
use futures::future::BoxFuture;

/// Tells the engine of blocks, and holds them back from Lightning until the engine has dealt with them.
pub struct SwapWatcher {
    engine: EngineHandle,
}

impl SwapWatcher {
    /// Tells this engine.
    #[must_use]
    pub const fn new(engine: EngineHandle) -> Self {
        Self { engine }
    }
}

/// Never resolves once the engine has stopped: Lightning would drop a held payment on being given the block, and there
/// is nobody left to claim it in that step. The node is stopping then; the wait ends with it.
async fn or_never<E>(told: impl Future<Output = Result<(), E>>) {
    if told.await.is_err() {
        std::future::pending::<()>().await;
    }
}

impl Observer for SwapWatcher {
    fn best_block(&self) -> Option<(u32, BlockHash)> {
        self.engine.best_block()
    }

    fn connected<'a>(&'a self, block: &'a Block, height: u32) -> BoxFuture<'a, ()> {
        Box::pin(or_never(self.engine.connected(block.clone(), height)))
    }

    fn disconnected<'a>(&'a self, fork: BlockId) -> BoxFuture<'a, ()> {
        Box::pin(or_never(self.engine.disconnected(fork.height, fork.hash)))
    }

    fn spent_in_mempool<'a>(&'a self, tx: &'a Transaction) -> BoxFuture<'a, ()> {
        Box::pin(or_never(self.engine.spent_in_mempool(tx.clone())))
    }
}
