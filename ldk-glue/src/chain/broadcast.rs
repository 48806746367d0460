//! Sending transactions out.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bitcoin::{Transaction, Txid};
use lightning::chain::BestBlock;
use lightning::chain::chaininterface::BroadcasterInterface;
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::time::MissedTickBehavior;

use super::once::said_once;
use super::{Stop, stopped};
use crate::barrier::Store;
use crate::rpc::{Rpc, RpcError, code};

/// How many packages of LDK's may wait. LDK repeats most of its broadcasts every half minute, so one lost is only late.
const QUEUE: usize = 256;
/// How many of those it never repeats may wait: more than there are channels.
const QUEUE_ONCE: usize = 1024;
/// How often waiting transactions are looked after.
const REPEAT: Duration = Duration::from_secs(30);

/// Who wants to know what is on its way: the wallet, for its own transactions.
pub trait OnBroadcast: Send + Sync {
    /// This transaction is on its way: bitcoind has it, or is offered it until it does.
    fn sent(&self, tx: &Transaction);

    /// Transactions that wait for a block and should be offered again when the mempool does not have them.
    fn unconfirmed(&self) -> Vec<Transaction>;

    /// bitcoind, which knows every block this one does, finds that what the transaction spends is not there.
    fn lost(&self, txid: &Txid);

    /// The last block it has seen.
    fn stands_at(&self) -> BestBlock;
}

/// Hands transactions to bitcoind.
pub struct Broadcaster {
    pub(super) rpc: Arc<Rpc>,
    queue: mpsc::Sender<Vec<Transaction>>,
    once: mpsc::Sender<Vec<Transaction>>,
    waiting: AsyncMutex<Waiting>,
    wallet: Mutex<Option<Arc<dyn OnBroadcast>>>,
    store: OnceLock<Arc<Store>>,
}

/// What LDK handed over.
struct Waiting {
    /// What it repeats by itself.
    queue: mpsc::Receiver<Vec<Transaction>>,
    /// What it does not.
    once: mpsc::Receiver<Vec<Transaction>>,
}

impl Waiting {
    async fn next(&mut self) -> Option<Vec<Transaction>> {
        tokio::select! {
            package = self.once.recv() => package,
            package = self.queue.recv() => package,
        }
    }

    fn left(&mut self) -> Option<Vec<Transaction>> {
        let once = self.once.try_recv();
        once.or_else(|_| self.queue.try_recv()).ok()
    }
}

impl Broadcaster {
    /// Packages queue up until [`Broadcaster::run`] runs.
    pub fn new(rpc: Arc<Rpc>) -> Arc<Self> {
        let (queue, queued) = mpsc::channel(QUEUE);
        let (once, said) = mpsc::channel(QUEUE_ONCE);
        Arc::new(Self {
            rpc,
            queue,
            once,
            waiting: AsyncMutex::new(Waiting {
                queue: queued,
                once: said,
            }),
            wallet: Mutex::new(None),
            store: OnceLock::new(),
        })
    }

    /// Tells `wallet` from now on of every transaction that is on its way.
    pub fn set_wallet(&self, wallet: Arc<dyn OnBroadcast>) {
        *self.wallet.lock().unwrap_or_else(PoisonError::into_inner) = Some(wallet);
    }

    /// From now on what LDK queues is sent only after what it follows from is in `store`.
    pub(crate) fn set_store(&self, store: Arc<Store>) {
        // Once per node: a second one would be a mistake without consequence.
        let _ = self.store.set(store);
    }

    /// Sends what LDK queues, and again what of the wallet's the mempool does not have, until told to stop.
    pub async fn run(self: Arc<Self>, mut stop: Stop) {
        let mut waiting = self.waiting.lock().await;
        let mut repeat = tokio::time::interval(REPEAT);
        repeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let package = tokio::select! {
                () = stopped(&mut stop) => break,
                package = waiting.next() => package,
                _ = repeat.tick() => {
                    if let Err(err) = self.repeat().await {
                        tracing::debug!(%err, "waiting transactions could not be offered again");
                    }
                    continue;
                }
            };
            let Some(package) = package else { break };
            self.send_queued(&package).await;
        }
        // What LDK asked for last may be the answer to a cheat: it still goes out.
        while let Some(package) = waiting.left() {
            self.send_queued(&package).await;
        }
    }

    async fn send_queued(&self, package: &[Transaction]) {
        if let Some(store) = self.store.get()
            && store.settle().is_err()
        {
            // The funding of a channel that is not on disk would be lost. LDK broadcasts again after the next start.
            return;
        }
        let once = said_once(package);
        if let (Some(tx), Some(wallet)) = (once, self.wallet()) {
            // LDK will not say it again: from here on the wallet has it offered, after a restart too.
            wallet.sent(tx);
        }
        if let Err(err) = self.broadcast(package).await {
            let txids: Vec<Txid> = package.iter().map(Transaction::compute_txid).collect();
            if once.is_some() {
                tracing::warn!(
                    ?txids, %err,
                    "the funding or closing of a channel was not accepted; nothing is lost, it is offered until it is"
                );
                return;
            }
            // LDK also offers transactions whose time has not come or that lost to another: this is everyday.
            tracing::debug!(?txids, %err, "a Lightning transaction was not accepted; it is offered again");
        }
    }

    /// Sends one transaction, or a child with its parents as one package (in any order), whatever they pay: limits are kept
    /// where fees are decided. A transaction bitcoind already has, in its mempool or in a block, counts as sent. Safe to
    /// repeat.
    ///
    /// # Errors
    /// bitcoind's reason for the last transaction (the child) when it was refused.
    pub async fn broadcast(&self, txs: &[Transaction]) -> Result<(), RpcError> {
        let ordered = parents_first(txs);
        if ordered.len() > 1 {
            match self.rpc.submit_package(&ordered).await {
                Ok(()) => {
                    ordered.iter().for_each(|tx| self.accepted(tx));
                    return Ok(());
                }
                Err(err @ RpcError::Unreachable { .. }) => return Err(err),
                // Parents already confirmed, or no package relay: one by one may still work.
                Err(err) => tracing::debug!(%err, "the package was not accepted as a whole"),
            }
        }
        let mut last = Ok(());
        for tx in ordered {
            last = match self.rpc.send_at_any_rate(tx).await {
                Err(err) if !already_known(&err) => Err(err),
                Ok(_) | Err(_) => {
                    self.accepted(tx);
                    Ok(())
                }
            };
        }
        last
    }

    fn accepted(&self, tx: &Transaction) {
        if let Some(wallet) = self.wallet() {
            wallet.sent(tx);
        }
    }

    pub(super) fn wallet(&self) -> Option<Arc<dyn OnBroadcast>> {
        self.wallet
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl BroadcasterInterface for Broadcaster {
    fn broadcast_transactions(&self, txs: &[&Transaction]) {
        let package: Vec<Transaction> = txs.iter().map(|tx| (*tx).clone()).collect();
        if package.is_empty() {
            return;
        }
        if said_once(&package).is_some() {
            if self.once.try_send(package).is_err() {
                tracing::error!(
                    "too many channel transactions wait to be sent; start the node again once bitcoind answers, so that \
                     fundings are sent"
                );
            }
        } else if self.queue.try_send(package).is_err() {
            tracing::warn!(
                "too many Lightning transactions wait to be sent; this one is sent at LDK's next repeat"
            );
        }
    }
}

/// bitcoind has the transaction already.
fn already_known(err: &RpcError) -> bool {
    match err {
        RpcError::Rpc {
            code: code::ALREADY_IN_CHAIN,
            ..
        } => true,
        RpcError::Rpc { message, .. } => is_known_reason(message),
        _ => false,
    }
}

/// A reject reason that only says that the transaction is there already.
pub(super) fn is_known_reason(reason: &str) -> bool {
    [
        "txn-already-in-mempool",
        "txn-already-known",
        "txn-same-nonwitness-data-in-mempool",
    ]
    .iter()
    .any(|known| reason.contains(known))
}

/// The same transactions with every parent before its children.
pub(super) fn parents_first(txs: &[Transaction]) -> Vec<&Transaction> {
    let mut left: Vec<(Txid, &Transaction)> =
        txs.iter().map(|tx| (tx.compute_txid(), tx)).collect();
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let free = left
            .iter()
            .position(|(_, tx)| {
                !tx.input.iter().any(|input| {
                    left.iter()
                        .any(|(txid, _)| *txid == input.previous_output.txid)
                })
            })
            .unwrap_or(0);
        ordered.push(left.remove(free).1);
    }
    ordered
}

#[cfg(test)]
mod tests {
    use bitcoin::absolute::LockTime;
    use bitcoin::transaction::Version;
    use bitcoin::{OutPoint, TxIn};

    use super::*;

    fn spend(parents: &[&Transaction], tag: u32) -> Transaction {
        let input = parents
            .iter()
            .map(|tx| TxIn {
                previous_output: OutPoint::new(tx.compute_txid(), 0),
                ..TxIn::default()
            })
            .collect();
        Transaction {
            version: Version::TWO,
            lock_time: LockTime::from_consensus(tag),
            input,
            output: Vec::new(),
        }
    }

    #[test]
    fn a_package_is_sent_parents_first_whatever_order_it_came_in() {
        let (a, b) = (spend(&[], 1), spend(&[], 2));
        let child = spend(&[&a, &b], 3);
        let ordered = [child.clone(), a.clone(), b.clone()];
        assert_eq!(parents_first(&ordered), [&a, &b, &child]);
    }

    #[test]
    fn only_reasons_that_mean_it_is_there_already_count_as_sent() {
        let refused = |code, message: &str| RpcError::Rpc {
            code,
            message: message.to_owned(),
        };
        assert!(already_known(&refused(
            -27,
            "Transaction outputs already in utxo set"
        )));
        assert!(already_known(&refused(-26, "txn-already-known")));
        assert!(!already_known(&refused(-26, "txn-mempool-conflict")));
        assert!(!already_known(&refused(
            -25,
            "bad-txns-inputs-missingorspent"
        )));
    }
}
