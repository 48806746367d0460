//! Handing spends to the network, and what is made of a refusal.

use bitcoin::{OutPoint, Transaction, Txid};
use cambista_protocol::words::SwapId;
use tracing::{info, warn};

use super::{Split, build};
use crate::engine::Core;
use crate::handle::Input;
use crate::internal::Internal;
use crate::ports::{
    BatchEvent, Chain, Clock, Commit, NotAccepted, PortError, Ports, Store, StoredBatch,
};

/// A reason nobody foresaw is waited out so often.
const PATIENCE: u32 = 2;

/// A spend to be sent for a swap.
pub(super) struct Sending {
    id: SwapId,
    outpoint: OutPoint,
    tx: Transaction,
}

impl Sending {
    pub(super) const fn new(id: SwapId, outpoint: OutPoint, tx: Transaction) -> Self {
        Self { id, outpoint, tx }
    }
}

impl<P: Ports> Core<P> {
    /// Broadcasts spends one after the other: a later one may need the room an earlier one makes. One whose output is
    /// unconfirmed goes as a package with the transaction that pays it.
    pub(super) fn send_in_order(&self, all: Vec<Sending>) {
        let mut packages = Vec::with_capacity(all.len());
        for Sending { id, outpoint, tx } in all {
            let Some(live) = self.swaps.get(&id) else {
                continue;
            };
            let output = live.swap.outputs().get(outpoint);
            let mut package = Vec::new();
            if output.is_some_and(|o| o.confirmed.is_none()) {
                let parent = live
                    .fundings
                    .iter()
                    .rev()
                    .find(|(parent, _)| parent.compute_txid() == outpoint.txid);
                package.extend(parent.map(|(parent, _)| parent.clone()));
            }
            let txid = tx.compute_txid();
            package.push(tx);
            packages.push((id, txid, package));
        }
        let ports = self.ports.clone();
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            for (id, txid, package) in packages {
                let Err(error) = ports.chain().broadcast(&package).await else {
                    continue;
                };
                warn!(swap = %id.short(), %error, "a spend was not taken by the mempool; trying again with the next block");
                if let NotAccepted::Refused(reason) = error {
                    let refused = Internal::SweepRefused { id, txid, reason };
                    let _ = inputs.send(Input::Internal(refused)).await;
                }
            }
        });
    }

    /// The mempool refused a spend: for another that pays more, or because something it spends is not there.
    pub(crate) async fn sweep_refused(
        &mut self,
        id: SwapId,
        txid: Txid,
        reason: String,
    ) -> Result<(), PortError> {
        // The block that explains it may still be on its way; with it everything is sent again.
        if self.ports.chain().source_height() > self.height {
            return Ok(());
        }
        let Some(batch) = self.sweeper.batches.get_mut(&txid) else {
            // Only a spend that pays more can be outbid: below the mempool's floor the next rate knows the floor, and no
            // fee brings back an input or makes a timelock run faster.
            let outbid = split(&reason) == Split::IfAgain;
            if let Some(live) = self.swaps.get_mut(&id).filter(|_| outbid) {
                live.busy.outbid = true;
            }
            return Ok(());
        };
        match split(&reason) {
            Split::No => return Ok(()),
            // What stands in the way may be an older version of this very batch: it is outbid once.
            Split::IfAgain if batch.versions > 1 && !batch.outbid => {
                batch.outbid = true;
                return Ok(());
            }
            Split::InTheEnd if batch.refusals < PATIENCE => {
                batch.refusals = batch.refusals.saturating_add(1);
                return Ok(());
            }
            Split::IfAgain | Split::InTheEnd | Split::Now => {}
        }
        self.split(txid, reason).await
    }

    /// One input must not hold up the others: from now on each travels alone.
    async fn split(&mut self, txid: Txid, reason: String) -> Result<(), PortError> {
        let Some(batch) = self.sweeper.batches.get(&txid) else {
            return Ok(());
        };
        let members: Vec<(SwapId, OutPoint)> = batch.members.clone();
        // A version that was replaced meanwhile, or that is in a block, is refused for good reasons.
        let under_way = members.iter().all(|(id, outpoint)| {
            self.swaps.get(id).is_some_and(|live| {
                let last = build::latest(live, *outpoint).map(|s| s.tx.compute_txid());
                last == Some(txid) && !super::settled(live, *outpoint)
            })
        });
        if !under_way || batch.split {
            return Ok(());
        }
        warn!(%txid, reason, swaps = members.len(), "a batch of sweeps cannot go through; its swaps go on alone");
        let commit = Commit {
            batch: Some(StoredBatch {
                id: batch.id,
                event: BatchEvent::Split { reason },
                height: self.height,
            }),
            now: self.ports.clock().now(),
            ..Commit::default()
        };
        self.ports.store().commit(&commit)?;
        self.sweeper.split(txid);
        for (id, _) in members {
            info!(swap = %id.short(), "sweeping alone");
            self.grant_wishes(id, false).await?;
        }
        Ok(())
    }
}

/// What a mempool's reason means for a batch.
fn split(reason: &str) -> Split {
    let says = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    if says(&["missingorspent", "missing-inputs", "Missing"]) {
        Split::Now
    } else if says(&["fee not met", "min fee"]) {
        // It pays too little for this mempool at the moment; alone none of its inputs would fare better.
        Split::No
    } else if says(&["insufficient fee", "conflict", "replace"]) {
        Split::IfAgain
    } else {
        Split::InTheEnd
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_reason_that_lies_in_the_inputs_takes_a_batch_apart() {
        assert_eq!(split("bad-txns-inputs-missingorspent"), Split::Now);
        assert_eq!(
            split("insufficient fee, rejecting replacement"),
            Split::IfAgain
        );
        assert_eq!(split("txn-mempool-conflict"), Split::IfAgain);
        assert_eq!(split("mempool min fee not met, 100 < 200"), Split::No);
        assert_eq!(split("min relay fee not met"), Split::No);
        assert_eq!(split("non-mandatory-script-verify-flag"), Split::InTheEnd);
    }
}
