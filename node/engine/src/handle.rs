//! How the rest of the node speaks to the engine: one bounded queue, every question answered.

use bitcoin::{Block, Transaction};
use cambista_protocol::words::SwapId;
use tokio::sync::{mpsc, oneshot, watch};

use crate::desk::MarketInput;
pub use crate::desk::{MakerPolicy, SidePolicy};
use crate::order::{OrderPart, OrderView};
use crate::ports::PeerProtocol;
use crate::record::OrderRecord;
pub use crate::requests::{
    AskAmount, AskFor, EngineError, LightningNews, MakerContact, Means, NoQuote, Quotes, StartSwap,
};
use crate::view::{SwapView, SwapsView};

pub(crate) type Reply<T> = oneshot::Sender<T>;

/// Everything that can reach the engine.
pub(crate) enum Input {
    Ask {
        ask: AskFor,
        makers: Vec<MakerContact>,
        reply: Reply<Result<Quotes, EngineError>>,
    },
    Start {
        request: StartSwap,
        reply: Reply<Result<SwapId, EngineError>>,
    },
    Means {
        means: Means,
        reply: Reply<Result<(), EngineError>>,
    },
    SaveOrder {
        order: Box<OrderRecord>,
        reply: Reply<()>,
    },
    Orders {
        most: usize,
        reply: Reply<Vec<OrderView>>,
    },
    Order {
        id: String,
        reply: Reply<Result<OrderView, EngineError>>,
    },
    Parts {
        order: SwapId,
        reply: Reply<Vec<OrderPart>>,
    },
    Cancel {
        id: String,
        reply: Reply<Result<String, EngineError>>,
    },
    Swaps {
        ended: usize,
        reply: Reply<SwapsView>,
    },
    Swap {
        id: String,
        reply: Reply<Result<SwapView, EngineError>>,
    },
    SetPolicy {
        policy: MakerPolicy,
        reply: Reply<()>,
    },
    Policy {
        reply: Reply<MakerPolicy>,
    },
    Peer {
        from: String,
        protocol: PeerProtocol,
        body: Vec<u8>,
        reply: Reply<Option<Vec<u8>>>,
    },
    Connected {
        block: Box<Block>,
        height: u32,
        reply: Reply<()>,
    },
    Disconnected {
        fork: u32,
        hash: bitcoin::BlockHash,
        reply: Reply<()>,
    },
    MempoolSpend {
        tx: Transaction,
        reply: Reply<()>,
    },
    MempoolLost {
        outpoint: bitcoin::OutPoint,
        reply: Reply<()>,
    },
    Lightning {
        news: LightningNews,
        reply: Reply<()>,
    },
    Wake {
        reply: Reply<()>,
    },
    Market(MarketInput),
    Internal(crate::internal::Internal),
    Stop {
        reply: Reply<()>,
    },
}

/// A way to speak to the engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EngineHandle {
    inputs: mpsc::Sender<Input>,
    changes: watch::Receiver<u64>,
    failed: watch::Receiver<Option<String>>,
    best_block: Option<(u32, bitcoin::BlockHash)>,
}

impl EngineHandle {
    pub(crate) const fn new(
        inputs: mpsc::Sender<Input>,
        changes: watch::Receiver<u64>,
        failed: watch::Receiver<Option<String>>,
        best_block: Option<(u32, bitcoin::BlockHash)>,
    ) -> Self {
        Self {
            inputs,
            changes,
            failed,
            best_block,
        }
    }

    /// Resolves with the reason when the engine had to stop by itself, because something could not be stored.
    pub async fn failed(&self) -> String {
        let mut failed = self.failed.clone();
        let reason = failed
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|r| r.clone());
        reason.unwrap_or_else(|| "the engine has ended".to_owned())
    }

    pub(crate) async fn send<T>(
        &self,
        make: impl FnOnce(Reply<T>) -> Input,
    ) -> Result<T, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.inputs
            .send(make(reply))
            .await
            .map_err(|_| EngineError::Stopped)?;
        answer.await.map_err(|_| EngineError::Stopped)
    }

    /// The block the engine had seen everything up to when it was started; none on the first start.
    #[must_use]
    pub const fn best_block(&self) -> Option<(u32, bitcoin::BlockHash)> {
        self.best_block
    }

    /// Asks these makers for firm quotes, side by side.
    ///
    /// # Errors
    /// When the amount cannot be meant or the engine has stopped. Makers that do not answer are listed, not an error.
    pub async fn quotes(
        &self,
        ask: AskFor,
        makers: Vec<MakerContact>,
    ) -> Result<Quotes, EngineError> {
        self.send(|reply| Input::Ask { ask, makers, reply }).await?
    }

    /// Starts a swap on a quote; returns once its terms are agreed and stored.
    ///
    /// # Errors
    /// [`EngineError`]; nothing is locked then.
    pub async fn start(&self, request: StartSwap) -> Result<SwapId, EngineError> {
        self.send(|reply| Input::Start { request, reply }).await?
    }

    /// Whether this node's channels and wallet could carry this now.
    ///
    /// # Errors
    /// When they could not, with the reason.
    pub async fn check_means(&self, means: Means) -> Result<(), EngineError> {
        self.send(|reply| Input::Means { means, reply }).await?
    }

    /// Writes an order down; returns once it is durable.
    ///
    /// # Errors
    /// When the engine has stopped: nothing was written then.
    pub(crate) async fn save_order(&self, order: OrderRecord) -> Result<(), EngineError> {
        let order = Box::new(order);
        self.send(|reply| Input::SaveOrder { order, reply }).await
    }

    /// The swaps of an order, oldest first.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub(crate) async fn order_parts(&self, order: SwapId) -> Result<Vec<OrderPart>, EngineError> {
        self.send(|reply| Input::Parts { order, reply }).await
    }

    /// The orders of this node that are open and the latest so many others, newest first.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub(crate) async fn orders(&self, most: usize) -> Result<Vec<OrderView>, EngineError> {
        self.send(|reply| Input::Orders { most, reply }).await
    }

    /// One order by its id or an unambiguous beginning of it.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub(crate) async fn order(&self, id: &str) -> Result<OrderView, EngineError> {
        self.send(|reply| Input::Order {
            id: id.to_owned(),
            reply,
        })
        .await?
    }

    /// Ends a swap as far as it still can be. The answer says what that means for the money.
    ///
    /// # Errors
    /// When there is no such swap, or it is too late: with the reason.
    pub async fn cancel(&self, id: &str) -> Result<String, EngineError> {
        self.send(|reply| Input::Cancel {
            id: id.to_owned(),
            reply,
        })
        .await?
    }

    /// All swaps that are open and as many of the others as are ever listed, newest first.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn swaps(&self) -> Result<Vec<SwapView>, EngineError> {
        Ok(self.latest(usize::MAX).await?.swaps)
    }

    /// Every swap that is open, and so many of those that ended, newest first.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn latest(&self, ended: usize) -> Result<SwapsView, EngineError> {
        self.send(|reply| Input::Swaps { ended, reply }).await
    }

    /// One swap by its id or an unambiguous beginning of it.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub async fn swap(&self, id: &str) -> Result<SwapView, EngineError> {
        self.send(|reply| Input::Swap {
            id: id.to_owned(),
            reply,
        })
        .await?
    }

    /// Counts up with every change of any swap.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    /// Sets the maker's business from now on. Open swaps go on as agreed.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn set_policy(&self, policy: MakerPolicy) -> Result<(), EngineError> {
        self.send(|reply| Input::SetPolicy { policy, reply }).await
    }

    /// The maker's business.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn policy(&self) -> Result<MakerPolicy, EngineError> {
        self.send(|reply| Input::Policy { reply }).await
    }

    /// A request of another node; the answer's bytes, or none when it deserves none.
    pub async fn peer_request(
        &self,
        from: String,
        protocol: PeerProtocol,
        body: Vec<u8>,
    ) -> Option<Vec<u8>> {
        self.send(|reply| Input::Peer {
            from,
            protocol,
            body,
            reply,
        })
        .await
        .ok()
        .flatten()
    }

    /// A block was connected. Returns once everything it means is durable and Lightning was told; only then may
    /// Lightning be given the block.
    ///
    /// # Errors
    /// When the engine has stopped: Lightning must then not be given the block.
    pub async fn connected(&self, block: Block, height: u32) -> Result<(), EngineError> {
        self.send(|reply| Input::Connected {
            block: Box::new(block),
            height,
            reply,
        })
        .await
    }

    /// Every block above `fork` was disconnected.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn disconnected(
        &self,
        fork: u32,
        hash: bitcoin::BlockHash,
    ) -> Result<(), EngineError> {
        self.send(|reply| Input::Disconnected { fork, hash, reply })
            .await
    }

    /// An unconfirmed transaction spends a watched outpoint.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn spent_in_mempool(&self, tx: Transaction) -> Result<(), EngineError> {
        self.send(|reply| Input::MempoolSpend { tx, reply }).await
    }

    /// The unconfirmed spend of a watched outpoint is gone, and no block has it.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn lost_from_mempool(&self, outpoint: bitcoin::OutPoint) -> Result<(), EngineError> {
        self.send(|reply| Input::MempoolLost { outpoint, reply })
            .await
    }

    /// Lightning has news. Returns once it is stored; only then may Lightning forget it.
    ///
    /// # Errors
    /// When the engine has stopped: Lightning must keep the event and say it again.
    pub async fn lightning(&self, news: LightningNews) -> Result<(), EngineError> {
        self.send(|reply| Input::Lightning { news, reply }).await
    }

    /// The node around the engine runs: from now on the engine acts on what its swaps wish for. Before this it only takes
    /// events in and repeats claims.
    pub async fn wake(&self) {
        let _ = self.send(|reply| Input::Wake { reply }).await;
    }

    /// Stops in good order: claims that must not wait go out, everything else is on the disk already.
    pub async fn stop(&self) {
        let _ = self.send(|reply| Input::Stop { reply }).await;
    }
}
