//! The engine sees every block before Lightning does.

use std::sync::Arc;

use bitcoin::{Block, BlockHash, OutPoint, Transaction};
use cambista_engine::EngineHandle;
use cambista_ldk::chain::{BlockId, Fees, Gone, Observer, Told};

/// Tells the engine of blocks, and holds them back from Lightning until the engine has dealt with them.
pub struct SwapWatcher {
    engine: EngineHandle,
    fees: Arc<Fees>,
}

impl SwapWatcher {
    /// Tells this engine.
    #[must_use]
    pub const fn new(engine: EngineHandle, fees: Arc<Fees>) -> Self {
        Self { engine, fees }
    }
}

/// Once the engine has stopped nothing may follow: Lightning would drop a held payment on being given the block, and
/// there is nobody left to claim it in that step. The node is stopping then.
async fn or_gone<E>(told: impl Future<Output = Result<(), E>>) -> Result<(), Gone> {
    told.await.map_err(|_| Gone)
}

impl Observer for SwapWatcher {
    fn best_block(&self) -> Option<(u32, BlockHash)> {
        self.engine.best_block()
    }

    fn connected<'a>(&'a self, block: &'a Block, height: u32) -> Told<'a> {
        Box::pin(or_gone(self.engine.connected(block.clone(), height)))
    }

    fn disconnected<'a>(&'a self, fork: BlockId) -> Told<'a> {
        Box::pin(or_gone(self.engine.disconnected(fork.height, fork.hash)))
    }

    fn spent_in_mempool<'a>(&'a self, tx: &'a Transaction) -> Told<'a> {
        Box::pin(or_gone(self.engine.spent_in_mempool(tx.clone())))
    }

    fn lost_from_mempool<'a>(&'a self, outpoint: OutPoint) -> Told<'a> {
        Box::pin(async move {
            // It may have been thrown out because the mempool asks for more now.
            self.fees.refresh_soon().await;
            or_gone(self.engine.lost_from_mempool(outpoint)).await
        })
    }
}
