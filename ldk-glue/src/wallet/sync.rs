//! What the wallet is told: blocks, and its own transactions as they are sent.

use std::time::{SystemTime, UNIX_EPOCH};

use bitcoin::block::Header;
use bitcoin::{Block, BlockHash, Transaction, Txid};
use lightning::chain::transaction::TransactionData;
use lightning::chain::{BestBlock, Listen};

use super::{Lock, State, Wallet, WalletError};
use crate::chain::{OnBroadcast, is_closing};

/// A block in BDK's words.
pub(super) fn bdk_id(height: u32, hash: BlockHash) -> bdk_wallet::chain::BlockId {
    bdk_wallet::chain::BlockId { height, hash }
}

impl Listen for Wallet {
    fn filtered_block_connected(&self, header: &Header, txdata: &TransactionData, height: u32) {
        let txdata = txdata.iter().map(|(_, tx)| (*tx).clone()).collect();
        self.block_connected(
            &Block {
                header: *header,
                txdata,
            },
            height,
        );
    }

    fn block_connected(&self, block: &Block, height: u32) {
        // A failure to store has been told by `mutate` already.
        let _ = self.mutate(|state| {
            state.bdk.apply_block(block, height).map_err(|err| {
                let error =
                    WalletError::WrongWallet(format!("block {height} does not connect: {err}"));
                self.fail(&error);
                error
            })
        });
    }

    fn blocks_disconnected(&self, fork: BestBlock) {
        if let Err(error) = self.rewind(fork) {
            self.fail(&error);
        }
    }
}

impl State {
    /// A time for a transaction seen now; later than every one before.
    fn now(&mut self) -> u64 {
        let clock = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        self.last_seen = clock.max(self.last_seen + 1);
        self.last_seen
    }
}

impl OnBroadcast for Wallet {
    fn sent(&self, tx: &Transaction) {
        let _ = self.mutate(|state| {
            let seen = state.now();
            state.bdk.apply_unconfirmed_txs([(tx.clone(), seen)]);
            for input in &tx.input {
                if state.locked.get(&input.previous_output) == Some(&Lock::Sending) {
                    state.locked.remove(&input.previous_output);
                }
            }
            Ok(())
        });
    }

    fn unconfirmed(&self) -> Vec<Transaction> {
        let state = self.state();
        let waiting = state
            .bdk
            .transactions()
            .filter(|tx| tx.chain_position.is_unconfirmed());
        let mine = waiting.map(|tx| tx.tx_node.tx).filter(|tx| {
            let spends = tx
                .input
                .iter()
                .any(|input| state.coin(input.previous_output).is_some());
            (spends && !state.spends_funding(tx)) || is_closing(tx)
        });
        mine.map(|tx| tx.as_ref().clone()).collect()
    }

    /// One that spends an unconfirmed transaction of the wallet is kept: it shares that one's fate. With one that is given
    /// up goes all that spends it.
    fn lost(&self, txid: &Txid) {
        let _ = self.mutate(|state| {
            let Some(tx) = state.bdk.tx_graph().get_tx(*txid) else {
                return Ok(());
            };
            let waits = tx.input.iter().any(|input| {
                let parent = state.bdk.get_tx(input.previous_output.txid);
                parent.is_some_and(|parent| parent.chain_position.is_unconfirmed())
            });
            if waits {
                return Ok(());
            }
            let graph = state.bdk.tx_graph();
            let mut gone: Vec<Txid> = graph
                .walk_descendants(*txid, |_, child| Some(child))
                .collect();
            gone.push(*txid);
            tracing::warn!(
                ?gone,
                "what these transactions spend was spent otherwise: they will not confirm, and their other coins are free"
            );
            let seen = state.now();
            state
                .bdk
                .apply_evicted_txs(gone.into_iter().map(|txid| (txid, seen)));
            Ok(())
        });
    }

    fn stands_at(&self) -> BestBlock {
        self.best_block()
    }
}
