//! Whether channels told by gossip exist: their funding output is looked up in bitcoind.
//!
//! Without it anybody could fill the network graph with channels that are not there.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

type Question = (u64, UtxoFuture);

/// Answers LDK's questions about funding outputs, one after another.
pub(crate) struct ChainLookup {
    chain: ChainHash,
    ask: mpsc::Sender<Question>,
    questions: Mutex<Option<mpsc::Receiver<Question>>>,
    /// Short ids that were asked for and are not answered yet: as many as the queue holds, and one.
    under_way: Mutex<HashSet<u64>>,
}

impl ChainLookup {
    pub(crate) fn new(network: Network) -> Self {
        let (ask, questions) = mpsc::channel(QUEUE);
        Self {
            chain: ChainHash::using_genesis_block(network),
            ask,
            questions: Mutex::new(Some(questions)),
            under_way: Mutex::new(HashSet::new()),
        }
    }

    fn under_way(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this channel is being looked up, until the graph has what was found.
    pub(crate) fn is_under_way(&self, scid: u64) -> bool {
        self.under_way().contains(&scid)
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
                () = stopped(&mut stop) => return,
            };
            let found = blocks.funding(&rpc, scid).await;
            let found = found.ok_or(UtxoLookupError::UnknownTx);
            answer.resolve(&graph, Arc::clone(&gossip), found);
            self.under_way().remove(&scid);
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
        self.under_way().insert(short_channel_id);
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
