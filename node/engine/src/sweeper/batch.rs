//! Batches: transactions that sweep outputs of several swaps. What happens to one is a log of its own.

use std::collections::{HashMap, HashSet};

use bitcoin::{OutPoint, Txid};
use cambista_protocol::words::SwapId;

use crate::ports::{BatchEvent, StoredBatch};

/// A batch as its events made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The id of its first version's transaction.
    pub(super) id: Txid,
    pub(super) versions: u32,
    pub(super) members: Vec<(SwapId, OutPoint)>,
    /// The mempool refused it and its swaps travel alone.
    pub(super) split: bool,
    /// The mempool has something that pays more.
    pub(super) outbid: bool,
    /// How often the mempool refused this version for a reason that says nothing of its inputs.
    pub(super) refusals: u32,
}

/// What the sweeper remembers between two rounds.
#[derive(Debug, Default)]
pub(crate) struct Sweeper {
    /// Whether a round is due, and whether in it what is under way is to be looked at again.
    pub(super) due: Option<bool>,
    /// By the id of the latest version's transaction.
    pub(super) batches: HashMap<Txid, Batch>,
    /// Outputs of batches that were split.
    pub(super) apart: HashSet<OutPoint>,
}

impl Sweeper {
    /// Folds the stored events.
    pub(crate) fn load(events: Vec<StoredBatch>) -> Self {
        let mut sweeper = Self::default();
        for stored in events {
            sweeper.apply(&stored);
        }
        sweeper
    }

    /// Takes in an event that is stored.
    pub(super) fn apply(&mut self, stored: &StoredBatch) {
        let current = self
            .batches
            .iter()
            .find(|(_, batch)| batch.id == stored.id)
            .map(|(txid, _)| *txid);
        match &stored.event {
            BatchEvent::Signed { txid, shares, .. } => {
                let old = current.and_then(|txid| self.batches.remove(&txid));
                let batch = Batch {
                    id: stored.id,
                    versions: old.map_or(0, |old| old.versions).saturating_add(1),
                    members: shares.iter().map(|s| (s.swap, s.outpoint)).collect(),
                    split: false,
                    outbid: false,
                    refusals: 0,
                };
                self.batches.insert(*txid, batch);
            }
            BatchEvent::Split { .. } => {
                if let Some(txid) = current {
                    self.split(txid);
                }
            }
        }
    }

    /// The swaps of this batch travel alone from now on.
    pub(super) fn split(&mut self, txid: Txid) {
        if let Some(batch) = self.batches.get_mut(&txid) {
            batch.split = true;
            self.apart.extend(batch.members.iter().map(|(_, at)| *at));
        }
    }

    /// Forgets batches nobody needs any more. Gives their names.
    pub(crate) fn forget(&mut self, over: impl Fn(SwapId) -> bool) -> Vec<Txid> {
        let mut forgotten = Vec::new();
        self.batches.retain(|_, batch| {
            let keep = batch.members.iter().any(|(id, _)| !over(*id));
            if !keep {
                forgotten.push(batch.id);
            }
            keep
        });
        let split = self.batches.values().filter(|batch| batch.split);
        let kept = split.flat_map(|batch| batch.members.iter().map(|(_, at)| *at));
        self.apart = kept.collect();
        forgotten
    }

    /// A round is wanted.
    pub(crate) fn ask(&mut self, renew: bool) {
        self.due = Some(renew || self.due == Some(true));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use bitcoin::hashes::Hash as _;

    use super::*;
    use crate::ports::{BatchStep, Share};

    fn txid(seed: u8) -> Txid {
        Txid::from_byte_array([seed; 32])
    }

    fn at(swap: u8) -> OutPoint {
        OutPoint::new(txid(swap), 0)
    }

    fn signed(id: u8, version: u8, swaps: &[u8]) -> StoredBatch {
        let shares = swaps.iter().map(|swap| Share {
            swap: SwapId([*swap; 32]),
            outpoint: at(*swap),
            fee_sat: 300,
        });
        StoredBatch {
            id: txid(id),
            event: BatchEvent::Signed {
                step: BatchStep::Joined,
                txid: txid(version),
                shares: shares.collect(),
            },
            height: 100,
        }
    }

    fn split(id: u8) -> StoredBatch {
        let reason = "bad-txns-inputs-missingorspent".to_owned();
        StoredBatch {
            id: txid(id),
            event: BatchEvent::Split { reason },
            height: 101,
        }
    }

    #[test]
    fn a_restart_knows_the_last_version_of_every_batch() {
        let events = vec![
            signed(10, 10, &[1, 2]),
            signed(20, 20, &[4, 5]),
            signed(10, 11, &[1, 2, 3]),
        ];
        let sweeper = Sweeper::load(events);
        assert_eq!(sweeper.batches.len(), 2);
        let batch = &sweeper.batches[&txid(11)];
        assert_eq!((batch.id, batch.versions), (txid(10), 2));
        assert_eq!(batch.members.len(), 3);
        assert!(sweeper.apart.is_empty());
    }

    #[test]
    fn the_swaps_of_a_split_batch_stay_apart_until_they_are_over() {
        let events = vec![signed(10, 10, &[1, 2]), signed(20, 20, &[4, 5]), split(10)];
        let mut sweeper = Sweeper::load(events);
        assert!(sweeper.batches[&txid(10)].split && !sweeper.batches[&txid(20)].split);
        assert_eq!(sweeper.apart, HashSet::from([at(1), at(2)]));
        sweeper.forget(|id| id == SwapId([1; 32]));
        assert_eq!(sweeper.apart, HashSet::from([at(1), at(2)]));
        sweeper.forget(|id| id == SwapId([1; 32]) || id == SwapId([2; 32]));
        assert!(sweeper.apart.is_empty() && sweeper.batches.len() == 1);
    }
}
