//! One ordered stream of blocks from a real bitcoind: the swap watcher is told first, at start and in a reorganisation.
//! The wallet on it receives, funds, bumps and takes back, and the mempool tells of spends.

mod again;
mod stream;
mod wallet;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bitcoin::{Block, BlockHash, Network, Transaction, Txid};
use cambista_harness::Bitcoind;
use cambista_ldk::chain::{self, BlockId, Chain, Observer};
use cambista_ldk::rpc::{Auth, BitcoindConfig, Rpc};
use serde_json::json;

/// What somebody was told, in the order it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Block(&'static str, u32, BlockHash),
    Back(&'static str, u32),
    Spend(Txid),
}

type Log = Arc<Mutex<Vec<Told>>>;

/// A swap watcher that takes its time with every block.
struct Watcher {
    log: Log,
    best: Option<(u32, BlockHash)>,
}

const SLOW: Duration = Duration::from_millis(15);

impl Observer for Watcher {
    fn best_block(&self) -> Option<(u32, BlockHash)> {
        self.best
    }

    fn connected<'a>(&'a self, block: &'a Block, height: u32) -> chain::Told<'a> {
        Box::pin(async move {
            tokio::time::sleep(SLOW).await;
            let told = Told::Block("watcher", height, block.block_hash());
            self.log.lock().unwrap().push(told);
            Ok(())
        })
    }

    fn disconnected<'a>(&'a self, fork: BlockId) -> chain::Told<'a> {
        Box::pin(async move {
            tokio::time::sleep(SLOW).await;
            self.log
                .lock()
                .unwrap()
                .push(Told::Back("watcher", fork.height));
            Ok(())
        })
    }

    fn spent_in_mempool<'a>(&'a self, tx: &'a Transaction) -> chain::Told<'a> {
        self.log
            .lock()
            .unwrap()
            .push(Told::Spend(tx.compute_txid()));
        Box::pin(std::future::ready(Ok(())))
    }
}

fn config(bitcoind: &Bitcoind) -> BitcoindConfig {
    BitcoindConfig {
        host: "127.0.0.1".to_owned(),
        port: bitcoind.rpc_port(),
        auth: Auth::Cookie(bitcoind.cookie_path()),
        network: Network::Regtest,
    }
}

async fn connect(bitcoind: &Bitcoind) -> (Arc<Rpc>, Arc<Chain>) {
    let rpc = Rpc::new(config(bitcoind));
    rpc.ready(Duration::from_secs(180)).await.unwrap();
    let chain = Chain::new(rpc.clone()).await.unwrap();
    (rpc, chain)
}

async fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(
            begun.elapsed() < Duration::from_secs(180),
            "waited in vain: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn wait_for_tip(chain: &Chain, bitcoind: &Bitcoind) {
    let best = bitcoind.rpc("getbestblockhash", json!([])).unwrap();
    let best: BlockHash = serde_json::from_value(best).unwrap();
    wait_until("everybody at the tip", || chain.tip().hash == best).await;
}

fn take(log: &Log) -> Vec<Told> {
    std::mem::take(&mut *log.lock().unwrap())
}
