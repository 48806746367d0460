//! What the wallet is told: blocks, and its own transactions as they are sent.

use std::time::{SystemTime, UNIX_EPOCH};

use bitcoin::block::Header;
use bitcoin::{Block, BlockHash, Transaction, Txid};
use lightning::chain::transaction::TransactionData;
use lightning::chain::{BestBlock, Listen};

use super::{Lock, State, Wallet, WalletError};
use crate::chain::OnBroadcast;

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
            spends && !state.spends_funding(tx)
        });
        mine.map(|tx| tx.as_ref().clone()).collect()
    }

    fn lost(&self, txid: &Txid) {
        let _ = self.mutate(|state| {
            let seen = state.now();
            state.bdk.apply_evicted_txs([(*txid, seen)]);
            Ok(())
        });
    }
}
