//! Whether channels told by gossip exist: their funding output is looked up in bitcoind.
//!
//! Without it anybody could fill the network graph with channels that are not there.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bitcoin::constants::ChainHash;
use bitcoin::{BlockHash, Network, OutPoint, TxOut, Txid};
use lightning::routing::utxo::{UtxoFuture, UtxoLookup, UtxoLookupError, UtxoResult};
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::chain::{Stop, stopped};
use crate::rpc::Rpc;
use crate::types::{Gossip, Graph, Peers};

/// Lookups waiting at a time. Announcements beyond it are dropped; peers tell them again.
const QUEUE: usize = 256;
/// Blocks whose transaction ids are remembered: gossip comes sorted by height.
const REMEMBERED: usize = 16;

/// How soon peers are told of what was found, should it not go by itself.
const TELL: Duration = Duration::from_millis(100);

/// How far the lookup of a channel has come.
enum Step {
    Asked,
    /// The graph has it; peers are not told yet.
    Answered,
    /// Peers are being told.
    Telling,
}

type Question = (u64, UtxoFuture);

/// Answers LDK's questions about funding outputs, one after another.
pub(crate) struct ChainLookup {
    chain: ChainHash,
    ask: mpsc::Sender<Question>,
    questions: Mutex<Option<mpsc::Receiver<Question>>>,
    /// By short id. Not many more than the queue holds: what was answered goes the next time peers are told of news.
    under_way: Mutex<HashMap<u64, Step>>,
}

impl ChainLookup {
    pub(crate) fn new(network: Network) -> Self {
        let (ask, questions) = mpsc::channel(QUEUE);
        Self {
            chain: ChainHash::using_genesis_block(network),
            ask,
            questions: Mutex::new(Some(questions)),
            under_way: Mutex::new(HashMap::new()),
        }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<u64, Step>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this channel is being looked up, until peers have been told of it.
    pub(crate) fn is_under_way(&self, scid: u64) -> bool {
        self.under_way().contains_key(&scid)
    }

    /// To be called whenever peers are about to be told of all that was found, once they have been told of what was
    /// there the last time.
    pub(crate) fn telling(&self) {
        self.under_way().retain(|_, step| match step {
            Step::Asked => true,
            Step::Answered => {
                *step = Step::Telling;
                true
            }
            Step::Telling => false,
        });
    }

    fn is_something_to_tell(&self) -> bool {
        let under_way = self.under_way();
        under_way.values().any(|step| !matches!(step, Step::Asked))
    }

    /// Answers until told to stop.
    pub(crate) async fn run(
        self: Arc<Self>,
        rpc: Arc<Rpc>,
        graph: Arc<Graph>,
        gossip: Arc<Gossip>,
        peers: Arc<Peers>,
        mut stop: Stop,
    ) {
        let mine = self.questions.lock();
        let mine = mine.unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut questions) = mine else {
            return;
        };
        let mut blocks = Blocks::default();
        loop {
            let (scid, answer) = tokio::select! {
                question = questions.recv() => match question {
                    Some(question) => question,
                    None => return,
                },
                () = tokio::time::sleep(TELL), if self.is_something_to_tell() => {
                    peers.process_events();
                    continue;
                }
                () = stopped(&mut stop) => return,
            };
            let found = blocks.funding(&rpc, scid).await;
            let found = found.ok_or(UtxoLookupError::UnknownTx);
            answer.resolve(&graph, Arc::clone(&gossip), found);
            self.under_way().insert(scid, Step::Answered);
            // Once for the channel, and once for updates that have waited for it.
            peers.process_events();
            peers.process_events();
        }
    }
}

impl UtxoLookup for ChainLookup {
    fn get_utxo(&self, chain_hash: &ChainHash, short_channel_id: u64) -> UtxoResult {
        if *chain_hash != self.chain {
            return UtxoResult::Sync(Err(UtxoLookupError::UnknownChain));
        }
        let answer = UtxoFuture::new();
        self.under_way().insert(short_channel_id, Step::Asked);
        match self.ask.try_send((short_channel_id, answer.clone())) {
            Ok(()) => UtxoResult::Async(answer),
            Err(_) => {
                self.under_way().remove(&short_channel_id);
                UtxoResult::Sync(Err(UtxoLookupError::UnknownTx))
            }
        }
    }
}

#[derive(Deserialize)]
struct TxIds {
    tx: Vec<Txid>,
}

#[derive(Default)]
struct Blocks(VecDeque<(u64, Vec<Txid>)>);

impl Blocks {
    async fn funding(&mut self, rpc: &Rpc, scid: u64) -> Option<TxOut> {
        let height = scid >> 40;
        let index = usize::try_from((scid >> 16) & 0xff_ffff).ok()?;
        let vout = u32::try_from(scid & 0xffff).ok()?;
        let txid = *self.txids(rpc, height).await?.get(index)?;
        let outpoint = OutPoint { txid, vout };
        rpc.unspent(&outpoint, false).await.ok().flatten()
    }

    async fn txids(&mut self, rpc: &Rpc, height: u64) -> Option<&[Txid]> {
        if let Some(known) = self.0.iter().position(|(at, _)| *at == height) {
            return self.0.get(known).map(|(_, txids)| txids.as_slice());
        }
        let hash: BlockHash = rpc
            .call("getblockhash", serde_json::json!([height]))
            .await
            .ok()?;
        let block: TxIds = rpc
            .call("getblock", serde_json::json!([hash, 1]))
            .await
            .ok()?;
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((height, block.tx));
        self.0.back().map(|(_, txids)| txids.as_slice())
    }
}
