//! Watching the mempool for spends of outpoints that matter, and asking it what it would take.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bitcoin::{OutPoint, Transaction, Txid};

use super::broadcast::is_known_reason;
use super::{Observer, Stop, stopped};
use crate::rpc::{Rpc, RpcError};

/// How often the mempool is asked while anything is watched.
const POLL: Duration = Duration::from_millis(500);
/// Outpoints per question.
const BATCH: usize = 500;

/// The mempool would not take a transaction, or could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// The mempool's reason.
    #[error("the mempool would not take the transaction: {0}. It was not sent")]
    Refused(String),
    /// bitcoind could not be asked.
    #[error(transparent)]
    Unavailable(#[from] RpcError),
}

/// A view of bitcoind's mempool.
pub struct Mempool {
    rpc: Arc<Rpc>,
    /// Watched outpoints and the spender last told of.
    watched: Mutex<HashMap<OutPoint, Option<Txid>>>,
}

impl Mempool {
    /// Nothing is watched yet.
    pub fn new(rpc: Arc<Rpc>) -> Arc<Self> {
        Arc::new(Self {
            rpc,
            watched: Mutex::new(HashMap::new()),
        })
    }

    /// From now on the observer is told of unconfirmed spends of this outpoint.
    pub fn watch(&self, outpoint: OutPoint) {
        self.watched().entry(outpoint).or_default();
    }

    /// Ends [`Mempool::watch`].
    pub fn unwatch(&self, outpoint: &OutPoint) {
        self.watched().remove(outpoint);
    }

    /// Looks for spends of watched outpoints until told to stop.
    pub async fn run(self: Arc<Self>, observer: Arc<dyn Observer>, mut stop: Stop) {
        loop {
            if let Err(err) = self.poll(observer.as_ref()).await {
                tracing::debug!(%err, "the mempool could not be looked at");
            }
            tokio::select! {
                () = stopped(&mut stop) => return,
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    async fn poll(&self, observer: &dyn Observer) -> Result<(), RpcError> {
        let outpoints: Vec<OutPoint> = self.watched().keys().copied().collect();
        for batch in outpoints.chunks(BATCH) {
            let mut fresh: Vec<(Txid, Vec<OutPoint>)> = Vec::new();
            for spend in self.rpc.spending_prevouts(batch).await? {
                let outpoint = OutPoint::new(spend.txid, spend.vout);
                let told = self.watched().get(&outpoint).copied().flatten();
                if let Some(spender) = spend.spender.filter(|spender| Some(*spender) != told) {
                    match fresh.iter_mut().find(|(txid, _)| *txid == spender) {
                        Some((_, outpoints)) => outpoints.push(outpoint),
                        None => fresh.push((spender, vec![outpoint])),
                    }
                }
            }
            for (spender, outpoints) in fresh {
                // Gone again means mined or replaced: the block stream or the next look tells.
                let Some(tx) = self.rpc.raw_transaction(&spender).await? else {
                    continue;
                };
                observer.spent_in_mempool(&tx).await;
                let mut watched = self.watched();
                for outpoint in outpoints {
                    if let Some(told) = watched.get_mut(&outpoint) {
                        *told = Some(spender);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the mempool would take this transaction now. One it has already, or that is in a block, counts as taken.
    ///
    /// # Errors
    /// [`Reject::Refused`] with the mempool's reason, [`Reject::Unavailable`] when it could not be asked.
    pub async fn test_accept(&self, tx: &Transaction) -> Result<(), Reject> {
        self.test_accept_package(&[tx]).await
    }

    /// As [`Mempool::test_accept`], for a chain of transactions, parents first.
    ///
    /// # Errors
    /// As [`Mempool::test_accept`].
    pub async fn test_accept_package(&self, txs: &[&Transaction]) -> Result<(), Reject> {
        for verdict in self.rpc.test_mempool_accept(txs).await? {
            if verdict.allowed != Some(true) {
                let reason = verdict
                    .reject_reason
                    .unwrap_or_else(|| "no reason given".to_owned());
                if !is_known_reason(&reason) {
                    return Err(Reject::Refused(reason));
                }
            }
        }
        Ok(())
    }

    /// Whether the mempool holds this transaction.
    ///
    /// # Errors
    /// When bitcoind does not answer.
    pub async fn is_known(&self, txid: &Txid) -> Result<bool, RpcError> {
        self.rpc.in_mempool(txid).await
    }

    /// A transaction of the mempool.
    ///
    /// # Errors
    /// When bitcoind does not answer.
    pub async fn get(&self, txid: &Txid) -> Result<Option<Transaction>, RpcError> {
        self.rpc.raw_transaction(txid).await
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<OutPoint, Option<Txid>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
