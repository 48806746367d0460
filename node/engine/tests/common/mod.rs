//! An engine on ports that remember, and what the world tells it.
// Not every test asks for everything.
#![allow(dead_code, unused_imports)]

mod fake;
mod sample;

use std::ops::RangeInclusive;
use std::sync::Arc;

use bitcoin::hashes::Hash as _;
use bitcoin::{
    Amount, Block, BlockHash, OutPoint, ScriptBuf, Transaction, TxIn, TxMerkleNode, TxOut,
    absolute, transaction,
};
use cambista_engine::ports::{PeerProtocol, StoredSwap};
use cambista_engine::{Engine, EngineHandle, MakerPolicy};
use cambista_protocol::cbor;
use cambista_protocol::message::{SwapReply, SwapRequest};

pub(crate) use fake::{Disk, Fake, HEIGHT, LIMIT, Sent};
pub(crate) use sample::{outpoint, to_be_swept};

/// Runs a test on one thread.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(test)
}

/// A disk with these swaps alone.
pub(crate) fn with(swaps: impl IntoIterator<Item = StoredSwap>) -> Arc<Fake> {
    Fake::new(Disk {
        swaps: swaps.into_iter().collect(),
        ..Disk::default()
    })
}

pub(crate) async fn start(fake: &Arc<Fake>) -> EngineHandle {
    let handle = Engine::start(fake.clone(), MakerPolicy::default()).unwrap();
    handle.wake().await;
    handle
}

/// A block of these.
pub(crate) async fn block(handle: &EngineHandle, height: u32, txdata: Vec<Transaction>) {
    let header = bitcoin::block::Header {
        version: bitcoin::block::Version::TWO,
        prev_blockhash: BlockHash::all_zeros(),
        merkle_root: TxMerkleNode::all_zeros(),
        time: height,
        bits: bitcoin::CompactTarget::from_consensus(0),
        nonce: 0,
    };
    let block = Block { header, txdata };
    handle.connected(block, height).await.unwrap();
}

/// Blocks with nothing in them.
pub(crate) async fn blocks(handle: &EngineHandle, heights: RangeInclusive<u32>) {
    for height in heights {
        block(handle, height, Vec::new()).await;
        rest().await;
    }
}

/// Lets everything else go on: what is said to a peer, and what it answers.
pub(crate) async fn rest() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// The blocks from this height on are replaced by others.
pub(crate) async fn fork(handle: &EngineHandle, height: u32) {
    let last = BlockHash::all_zeros();
    handle.disconnected(height - 1, last).await.unwrap();
}

/// The other side says this.
pub(crate) async fn ask(handle: &EngineHandle, request: &SwapRequest) -> SwapReply {
    let bytes = handle
        .peer_request("peer".into(), PeerProtocol::Swap, cbor::to_vec(request))
        .await
        .unwrap();
    cbor::from_slice(&bytes, 16_384).unwrap()
}

/// Spends one output to another.
pub(crate) fn payment(script: &ScriptBuf, sat: u64, from: OutPoint) -> Transaction {
    Transaction {
        version: transaction::Version::TWO,
        lock_time: absolute::LockTime::ZERO,
        input: vec![TxIn {
            previous_output: from,
            ..TxIn::default()
        }],
        output: vec![TxOut {
            value: Amount::from_sat(sat),
            script_pubkey: script.clone(),
        }],
    }
}
