//! Watching the mempool for spends of outpoints that matter, and asking it what it would take.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bitcoin::{OutPoint, Transaction, Txid};

use super::broadcast::is_known_reason;
use super::{ChainError, Observer, Stop, stopped};
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
    pub(super) rpc: Arc<Rpc>,
    watched: Mutex<HashMap<OutPoint, Watch>>,
}

/// What is known of a watched outpoint.
#[derive(Clone, Copy, Debug, Default)]
struct Watch {
    /// The spender last told of.
    told: Option<Txid>,
    /// This node has sent a spend of it: should none be there, that is worth a word although none was ever seen.
    sent: bool,
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

    /// This node has sent a transaction. Where it spends what is watched, the observer is told when it is not in the
    /// mempool, also if it went too soon to be seen there.
    pub fn expect(&self, tx: &Transaction) {
        let mut watched = self.watched();
        for input in &tx.input {
            if let Some(watch) = watched.get_mut(&input.previous_output) {
                watch.sent = true;
            }
        }
    }

    /// Ends [`Mempool::watch`].
    pub fn unwatch(&self, outpoint: &OutPoint) {
        self.watched().remove(outpoint);
    }

    /// Looks for spends of watched outpoints until told to stop.
    pub async fn run(self: Arc<Self>, observer: Arc<dyn Observer>, mut stop: Stop) {
        loop {
            match self.poll(observer.as_ref()).await {
                Ok(()) => {}
                Err(ChainError::WatcherGone) => return stopped(&mut stop).await,
                Err(err) => tracing::debug!(%err, "the mempool could not be looked at"),
            }
            tokio::select! {
                () = stopped(&mut stop) => return,
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Whether the observer does not know yet that this transaction spends something that is watched.
    pub(super) fn is_news(&self, tx: &Transaction) -> bool {
        let watched = self.watched();
        // Looked up first: most transactions touch nothing, and need not be hashed.
        let mut found = tx
            .input
            .iter()
            .filter_map(|input| watched.get(&input.previous_output))
            .peekable();
        found.peek().is_some() && {
            let txid = tx.compute_txid();
            found.any(|watch| watch.told != Some(txid))
        }
    }

    /// The observer has heard of this transaction.
    pub(super) fn was_told(&self, tx: &Transaction) {
        let txid = tx.compute_txid();
        let mut watched = self.watched();
        for input in &tx.input {
            if let Some(watch) = watched.get_mut(&input.previous_output) {
                watch.told = Some(txid);
            }
        }
    }

    async fn poll(&self, observer: &dyn Observer) -> Result<(), ChainError> {
        let outpoints: Vec<OutPoint> = self.watched().keys().copied().collect();
        for batch in outpoints.chunks(BATCH) {
            let mut fresh: Vec<(Txid, Vec<OutPoint>)> = Vec::new();
            let mut gone: Vec<OutPoint> = Vec::new();
            for spend in self.rpc.spending_prevouts(batch).await? {
                let outpoint = OutPoint::new(spend.txid, spend.vout);
                let watch = self.watched().get(&outpoint).copied().unwrap_or_default();
                if spend.spender.is_none() && (watch.sent || watch.told.is_some()) {
                    gone.push(outpoint);
                }
                let new = |spender: &Txid| Some(*spender) != watch.told;
                if let Some(spender) = spend.spender.filter(new) {
                    match fresh.iter_mut().find(|(txid, _)| *txid == spender) {
                        Some((_, outpoints)) => outpoints.push(outpoint),
                        None => fresh.push((spender, vec![outpoint])),
                    }
                }
            }
            for outpoint in gone {
                self.tell_lost(outpoint, observer).await?;
            }
            for (spender, outpoints) in fresh {
                // Gone again means mined or replaced: the block stream or the next look tells.
                let Some(tx) = self.rpc.raw_transaction(&spender).await? else {
                    continue;
                };
                // Since they were looked up nobody may want to know any more, or have been told by the stream.
                if !self.is_news(&tx) {
                    continue;
                }
                observer.spent_in_mempool(&tx).await?;
                let mut watched = self.watched();
                for outpoint in outpoints {
                    if let Some(watch) = watched.get_mut(&outpoint) {
                        watch.told = Some(spender);
                    }
                }
            }
        }
        Ok(())
    }

    /// A spend that was told is not in the mempool any more. What is spent by a block needs no word here: the block tells.
    async fn tell_lost(
        &self,
        outpoint: OutPoint,
        observer: &dyn Observer,
    ) -> Result<(), ChainError> {
        let open = self.rpc.unspent(&outpoint, true).await?.is_some();
        if let Some(watch) = self.watched().get_mut(&outpoint) {
            *watch = Watch::default();
        }
        if open {
            observer.lost_from_mempool(outpoint).await?;
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

    fn watched(&self) -> MutexGuard<'_, HashMap<OutPoint, Watch>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
