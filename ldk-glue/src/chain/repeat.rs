//! Offering again what waits for a block and is not in the mempool.

use lightning::chain::BestBlock;

use super::Broadcaster;
use super::broadcast::parents_first;
use crate::rpc::{Rpc, RpcError};

impl Broadcaster {
    /// Offers the wallet's waiting transactions again where the mempool does not have them, parents before their children.
    /// Done every half minute by [`Broadcaster::run`].
    ///
    /// A transaction is given up only when bitcoind knows the block the wallet stands at: one that restarts, catches up or
    /// builds its index anew lacks coins that are there.
    ///
    /// # Errors
    /// When bitcoind does not answer. The rest is offered the next time.
    pub async fn repeat(&self) -> Result<(), RpcError> {
        let Some(wallet) = self.wallet() else {
            return Ok(());
        };
        let waiting = wallet.unconfirmed();
        for tx in parents_first(&waiting) {
            let txid = tx.compute_txid();
            if self.rpc.in_mempool(&txid).await? {
                continue;
            }
            // Asked before the transaction is offered: what bitcoind knew then, it knows when it refuses.
            let level = knows(&self.rpc, &wallet.stands_at()).await?;
            match self.broadcast(std::slice::from_ref(tx)).await {
                Ok(()) => {}
                Err(err) if inputs_gone(&err) => {
                    if level {
                        wallet.lost(&txid);
                    }
                }
                Err(err) if err.is_transient() => return Err(err),
                Err(err) => {
                    tracing::debug!(%txid, %err, "a waiting transaction was not accepted; it is offered again");
                }
            }
        }
        Ok(())
    }
}

/// Whether `block` is in bitcoind's best chain.
async fn knows(rpc: &Rpc, block: &BestBlock) -> Result<bool, RpcError> {
    match rpc.header(&block.block_hash).await {
        Ok(header) => Ok(header.in_best_chain()),
        Err(err) if err.is_not_found() => Ok(false),
        Err(err) => Err(err),
    }
}

/// The transaction spends something that was spent otherwise or never came to be.
fn inputs_gone(err: &RpcError) -> bool {
    let RpcError::Rpc { message, .. } = err else {
        return false;
    };
    message.contains("missingorspent") || message.contains("missing-inputs")
}
