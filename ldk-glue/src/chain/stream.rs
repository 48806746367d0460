//! The chain as this node knows it: the tip, its state for people, and catching up of single listeners.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bitcoin::BlockHash;
use lightning::chain::{BestBlock, Listen};
use tokio::sync::watch;

use super::cursor::{self, Cursor, Step};
use super::{BlockId, ChainError};
use crate::rpc::{Rpc, RpcError};

/// What there is to say about the connection to the chain.
#[derive(Clone, Debug)]
pub struct ChainStatus {
    /// The last block every part of this node has seen.
    pub tip: BlockId,
    /// The height bitcoind has validated up to.
    pub node_height: u32,
    /// The height up to which bitcoind knows headers.
    pub headers: u32,
    /// Whether bitcoind is still catching up for the first time.
    pub initial_block_download: bool,
    /// The last failure, if nothing has worked since.
    pub last_error: Option<String>,
    /// When bitcoind last answered.
    pub last_contact: Option<SystemTime>,
}

struct Health {
    node_height: u32,
    headers: u32,
    initial_block_download: bool,
    last_error: Option<String>,
    last_contact: Option<SystemTime>,
}

/// The chain of blocks, told in order.
pub struct Chain {
    pub(super) rpc: Arc<Rpc>,
    tip: watch::Sender<BlockId>,
    health: Mutex<Health>,
}

impl Chain {
    /// Asks bitcoind for its tip.
    ///
    /// # Errors
    /// When bitcoind does not answer.
    pub async fn new(rpc: Arc<Rpc>) -> Result<Arc<Self>, ChainError> {
        let info = rpc.chain_info().await?;
        let tip = cursor::place(&rpc.header(&info.best_block_hash).await?);
        let health = Health {
            node_height: info.blocks,
            headers: info.headers,
            initial_block_download: info.initial_block_download,
            last_error: None,
            last_contact: Some(SystemTime::now()),
        };
        Ok(Arc::new(Self {
            rpc,
            tip: watch::Sender::new(tip),
            health: Mutex::new(health),
        }))
    }

    /// The last block the observer and every follower have seen. Before there are any: bitcoind's tip when this was made.
    pub fn tip(&self) -> BlockId {
        *self.tip.borrow()
    }

    /// Follows [`Chain::tip`].
    pub fn watch_tip(&self) -> watch::Receiver<BlockId> {
        self.tip.subscribe()
    }

    /// The state of the connection, for people.
    pub fn status(&self) -> ChainStatus {
        let health = self.health();
        ChainStatus {
            tip: self.tip(),
            node_height: health.node_height,
            headers: health.headers,
            initial_block_download: health.initial_block_download,
            last_error: health.last_error.clone(),
            last_contact: health.last_contact,
        }
    }

    /// bitcoind's best block at this moment.
    ///
    /// # Errors
    /// When bitcoind does not answer.
    pub async fn best(&self) -> Result<BlockId, ChainError> {
        let hash = self.rpc.best_block_hash().await?;
        self.block_id(hash).await
    }

    /// Height and time of a block, stale ones included.
    ///
    /// # Errors
    /// When bitcoind does not answer or never saw the block.
    pub async fn block_id(&self, hash: BlockHash) -> Result<BlockId, ChainError> {
        Ok(cursor::place(&self.rpc.header(&hash).await?))
    }

    /// Brings listeners, each from where it stands, to bitcoind's tip. Blocks that left the chain while nobody looked are
    /// taken back first; every block is fetched once. There is no observer here: this is for channel monitors that are
    /// being loaded, everything else goes through [`Chain::follow`].
    ///
    /// # Errors
    /// When bitcoind does not answer, or does not know a listener's block. The listeners may have moved by then.
    pub async fn sync(
        &self,
        listeners: Vec<(BestBlock, &(dyn Listen + Send + Sync))>,
    ) -> Result<BlockId, ChainError> {
        const WHO: &str = "channel state";
        let mut places: Vec<Cursor> = listeners
            .iter()
            .map(|(best, _)| Cursor {
                height: best.height,
                hash: best.block_hash,
            })
            .collect();
        loop {
            let Some(at) = places.iter().min_by_key(|place| place.height).copied() else {
                return self.best().await;
            };
            let (next, block) = match cursor::step(&self.rpc, at, WHO).await? {
                Step::Back(fork) => (fork, None),
                Step::Forward(block, id) => (id, Some(block)),
                // The lowest stands at the tip. One that stands higher is on a branch that left the chain.
                Step::AtTip(tip) => match places.iter().position(|place| *place != at) {
                    None => return Ok(tip),
                    Some(other) => match cursor::step(&self.rpc, places[other], WHO).await? {
                        Step::Back(fork) => {
                            listeners[other].1.blocks_disconnected(fork.best());
                            places[other] = fork.into();
                            continue;
                        }
                        // The chain grew meanwhile: the lowest goes on.
                        Step::AtTip(_) | Step::Forward(..) => continue,
                    },
                },
            };
            for (place, (_, listener)) in places.iter_mut().zip(&listeners) {
                if *place == at {
                    match &block {
                        Some(block) => listener.block_connected(block, next.height),
                        None => listener.blocks_disconnected(next.best()),
                    }
                    *place = next.into();
                }
            }
        }
    }

    pub(super) fn set_tip(&self, tip: BlockId) {
        self.tip.send_if_modified(|current| {
            let changed = *current != tip;
            *current = tip;
            changed
        });
    }

    /// Asks bitcoind how far it is, for [`Chain::status`], which is asked for now and then only.
    ///
    /// # Errors
    /// When bitcoind does not answer.
    pub async fn refresh_health(&self) -> Result<(), RpcError> {
        let info = self.rpc.chain_info().await?;
        let mut health = self.health();
        health.node_height = info.blocks;
        health.headers = info.headers;
        health.initial_block_download = info.initial_block_download;
        Ok(())
    }

    pub(super) fn note_success(&self) {
        let mut health = self.health();
        health.last_error = None;
        health.last_contact = Some(SystemTime::now());
    }

    pub(super) fn note_failure(&self, error: &ChainError) {
        let text = error.to_string();
        let mut health = self.health();
        if health.last_error.as_ref() != Some(&text) {
            tracing::warn!(error = %text, "the chain cannot be followed just now; trying again");
            health.last_error = Some(text);
        }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
