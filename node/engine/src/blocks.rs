//! Reading blocks, for the engine first and for Lightning afterwards.

use bitcoin::{Amount, Block, BlockHash, OutPoint, Transaction};
use cambista_protocol::contract::{SpentBy, spent_by};
use cambista_protocol::swap::{Event, SpendKind};
use cambista_protocol::words::{Secret32, SwapId};

use tracing::info;

use crate::advance::Job;
use crate::engine::Core;
use crate::ports::{Commit, PortError, Ports, Store};

impl<P: Ports> Core<P> {
    /// A block: everything it means to a swap is stored, and claims it calls for are with Lightning, on return.
    pub(crate) async fn connected(&mut self, block: &Block, height: u32) -> Result<(), PortError> {
        self.height = height;
        let back = self.recall_paid(&block.txdata)?;
        for tx in &block.txdata {
            self.read(tx, Some(height));
            self.drain().await?;
        }
        for id in self.open_swaps() {
            self.push(id, Event::Block);
            self.drain().await?;
            self.grant_wishes(id, true).await?;
            self.drain().await?;
        }
        self.sweep_due()?;
        self.remember(height, block.block_hash())?;
        back.into_iter().for_each(|id| self.put_back(id));
        self.close_batches()?;
        self.archive_due()?;
        self.forget_due()
    }

    /// Everything above `fork` is gone.
    pub(crate) async fn disconnected(
        &mut self,
        fork: u32,
        hash: BlockHash,
    ) -> Result<(), PortError> {
        self.height = fork;
        let back = self.recall_above(fork)?;
        for id in self.order.clone() {
            self.push(id, Event::Reorg { fork });
        }
        self.drain().await?;
        self.remember(fork, hash)?;
        back.into_iter().for_each(|id| self.put_back(id));
        Ok(())
    }

    /// An unconfirmed transaction spends something that is watched: R in the mempool is R.
    pub(crate) async fn mempool_spend(&mut self, tx: &Transaction) -> Result<(), PortError> {
        let back = self.recall_paid(std::slice::from_ref(tx))?;
        self.read(tx, None);
        self.drain().await?;
        back.into_iter().for_each(|id| self.put_back(id));
        Ok(())
    }

    /// What spent this is neither in the mempool nor in a block: whatever of ours was there is renewed now, not with the
    /// next block. A peer may throw our spend out by a conflicting one and then take that back; it must pay for every turn.
    pub(crate) async fn mempool_lost(&mut self, outpoint: OutPoint) -> Result<(), PortError> {
        let found = self.by_outpoint.get(&outpoint);
        let Some(id) = found.or_else(|| self.by_first_input.get(&outpoint)) else {
            return Ok(());
        };
        let id = *id;
        info!(swap = %id.short(), %outpoint, "what spent this has left the mempool unconfirmed");
        self.grant_wishes(id, true).await?;
        self.drain().await
    }

    fn open_swaps(&self) -> Vec<SwapId> {
        let open = |id: &&SwapId| {
            self.swaps
                .get(id)
                .is_some_and(|live| !live.ended() || !live.swap.wishes(self.height).is_empty())
        };
        self.order.iter().filter(open).copied().collect()
    }

    fn remember(&self, height: u32, hash: BlockHash) -> Result<(), PortError> {
        let commit = Commit {
            best_block: Some((height, hash)),
            now: self.now(),
            ..Commit::default()
        };
        self.ports.store().commit(&commit).map(|_| ())
    }

    /// A payer keeps the transaction that funds its swap, whoever told it of it: after the reveal it must be able to
    /// bring it back.
    fn worth_keeping(
        &self,
        id: SwapId,
        tx: &Transaction,
        value: Amount,
    ) -> Option<(Transaction, Amount)> {
        let live = self.swaps.get(&id)?;
        let new = !live.fundings.iter().any(|(kept, _)| kept == tx);
        (live.payer().is_some() && value == live.record.deal.amount && new)
            .then(|| (tx.clone(), Amount::ZERO))
    }

    /// Queues what a transaction means to the swaps.
    fn read(&mut self, tx: &Transaction, confirmed: Option<u32>) {
        // Looked up lazily: most transactions touch no swap, and hashing each would cost a block's worth of time.
        let paid: Vec<(u32, SwapId)> = (0u32..)
            .zip(&tx.output)
            .filter_map(|(vout, out)| Some((vout, *self.by_script.get(&out.script_pubkey)?)))
            .collect();
        let spent: Vec<(OutPoint, SwapId)> = tx
            .input
            .iter()
            .filter_map(|input| {
                let outpoint = input.previous_output;
                Some((outpoint, *self.by_outpoint.get(&outpoint)?))
            })
            .collect();
        let first: Vec<SwapId> = tx
            .input
            .iter()
            .filter_map(|input| self.by_first_input.get(&input.previous_output).copied())
            .filter(|id| !paid.iter().any(|(_, paid)| paid == id))
            .collect();
        if paid.is_empty() && spent.is_empty() && first.is_empty() {
            return;
        }
        let txid = tx.compute_txid();
        for (vout, id) in paid {
            let Some(out) = usize::try_from(vout).ok().and_then(|at| tx.output.get(at)) else {
                continue;
            };
            let outpoint = OutPoint { txid, vout };
            self.jobs.push_back(Job {
                id,
                event: Event::OutputSeen {
                    outpoint,
                    value: out.value,
                    confirmed,
                },
                funding: self.worth_keeping(id, tx, out.value),
            });
        }
        for (outpoint, id) in spent {
            let Some(live) = self.swaps.get(&id) else {
                continue;
            };
            let (kind, preimage) = match spent_by(&live.contract, tx, &outpoint) {
                Some(SpentBy::Claim { preimage }) => (SpendKind::Claim, Some(Secret32(preimage))),
                Some(SpentBy::Refund) => (SpendKind::Refund, None),
                // Whatever is neither leaf went through the output key.
                _ => (SpendKind::KeyPath, None),
            };
            self.push(
                id,
                Event::OutputSpent {
                    outpoint,
                    txid,
                    kind,
                    preimage,
                    confirmed,
                },
            );
        }
        if let Some(height) = confirmed {
            for id in first {
                self.push(
                    id,
                    Event::FundingConflict {
                        txid,
                        confirmed: height,
                    },
                );
            }
        }
    }
}
