//! The node: everything that was loaded, and what can be asked of it.

use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use bitcoin::secp256k1::PublicKey;
use futures::future::BoxFuture;

use crate::barrier::Store;
use crate::chain::{BlockId, Broadcaster, Chain, Fees, Mempool, stopped};
use crate::config::Config;
use crate::errors::Stopped;
use crate::fatal::Fatal;
use crate::gossip_check::ChainLookup;
use crate::keys::Keys;
use crate::logger::Log;
use crate::openings::Openings;
use crate::peers::AddressBook;
use crate::router::SwapRouter;
use crate::rpc::Rpc;
use crate::save::Gate;
use crate::tasks::Stage;
use crate::types::{Bumper, Gossip, Graph, Manager, Monitors, Peers, Scorer, Sweeper};
use crate::wallet::Wallet;

/// One Lightning node with its on-chain wallet.
///
/// Made by [`Node::load`], set going by [`Node::run`], ended by [`Node::stop`]. Between the first two, everything about
/// held payments already works: the observer may have to claim before LDK sees the blocks it missed. Its parts keep it
/// alive: a node that was run must be stopped, dropping it is not enough.
pub struct Node {
    pub(crate) config: Config,
    pub(crate) log: Arc<Log>,
    pub(crate) fatal: Fatal,
    pub(crate) store: Arc<Store>,
    pub(crate) rpc: Arc<Rpc>,
    pub(crate) chain: Arc<Chain>,
    pub(crate) fees: Arc<Fees>,
    pub(crate) broadcaster: Arc<Broadcaster>,
    pub(crate) mempool: Arc<Mempool>,
    pub(crate) wallet: Arc<Wallet>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) graph: Arc<Graph>,
    pub(crate) scorer: Arc<Scorer>,
    pub(crate) router: Arc<SwapRouter>,
    pub(crate) monitors: Arc<Monitors>,
    /// Where the monitors stand; they were brought there while loading.
    pub(crate) monitors_at: BlockId,
    pub(crate) manager: Arc<Manager>,
    pub(crate) sweeper: Arc<Sweeper>,
    pub(crate) bumper: Bumper,
    pub(crate) gossip: Arc<Gossip>,
    pub(crate) lookup: Arc<ChainLookup>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) book: AddressBook,
    pub(crate) openings: Openings,
    pub(crate) started: AtomicBool,
    /// What changes LDK's state: peers, blocks.
    pub(crate) outer: Stage,
    /// What saves it, and what that needs.
    pub(crate) inner: Stage,
    pub(crate) gate: Gate,
    pub(crate) listening: Mutex<Vec<SocketAddr>>,
}

impl Node {
    /// The node's public key.
    pub fn node_id(&self) -> PublicKey {
        self.keys.node_id()
    }

    /// A BIP340 signature by the node's key. `digest` must be a hash that is tagged with its purpose, so that it can
    /// never be one of Lightning's own.
    pub fn sign_tagged(&self, digest: [u8; 32]) -> [u8; 64] {
        self.keys.sign_tagged(digest)
    }

    /// Where peers can reach this node, once it runs. Ports the system chose are filled in.
    pub fn listening(&self) -> Vec<SocketAddr> {
        let listening = self.listening.lock();
        listening.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Resolves when the node has to be shut down at once; the text says why and what to do. A node that saves its
    /// state no more must not act.
    pub fn fatal(&self) -> BoxFuture<'static, String> {
        self.fatal.wait()
    }

    /// Resolves when everything LDK knew at this call is on disk.
    ///
    /// # Errors
    /// [`Stopped`] when the node stops first.
    pub async fn barrier(&self) -> Result<(), Stopped> {
        let mut stop = self.inner.told();
        let store = Arc::clone(&self.store);
        let saved = tokio::task::spawn_blocking(move || store.save());
        tokio::select! {
            saved = saved => match saved {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) | Err(_) => Err(Stopped),
            },
            () = stopped(&mut stop) => Err(Stopped),
        }
    }

    /// Changes LDK's state; the change is on disk when this returns. Does nothing once the node has stopped: what is
    /// still to be done then is done after the next start.
    pub(crate) fn change<T>(&self, change: impl FnOnce() -> T) -> Option<T> {
        let pass = self.gate.pass()?;
        let outcome = change();
        // A failure is latched by the store and stops the node.
        let _ = self.store.save();
        drop(pass);
        Some(outcome)
    }

    /// The on-chain wallet.
    pub fn wallet(&self) -> &Arc<Wallet> {
        &self.wallet
    }

    /// The chain as this node sees it.
    pub fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    /// Fee rates.
    pub fn fees(&self) -> &Arc<Fees> {
        &self.fees
    }

    /// The mempool watcher.
    pub fn mempool(&self) -> &Arc<Mempool> {
        &self.mempool
    }

    /// Sends transactions to the network.
    pub fn broadcaster(&self) -> &Arc<Broadcaster> {
        &self.broadcaster
    }

    /// The connection to bitcoind.
    pub fn rpc(&self) -> &Arc<Rpc> {
        &self.rpc
    }
}
