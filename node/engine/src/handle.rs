//! How the rest of the node speaks to the engine: one bounded queue, every question answered.

use bitcoin::{Amount, Block, ScriptBuf, Transaction};
use cambista_protocol::money::{Msat, Price};
use cambista_protocol::words::{Direction, SwapId};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use crate::ports::{PeerAddress, PeerProtocol};
use crate::view::{QuoteView, SwapView};

/// Why the engine did not do what it was asked. Says what it means for the money and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The request cannot be meant: an amount, an address, a limit.
    #[error("{0}")]
    Invalid(String),
    /// There is no such swap or quote.
    #[error("{0}")]
    NotFound(String),
    /// Price, limits or the maker stand against it. Nothing began.
    #[error("{0}")]
    Refused(String),
    /// Something this node needs is not there now. Nothing began.
    #[error("{0}")]
    Unavailable(String),
    /// The engine has stopped; open swaps go on when the daemon is started again.
    #[error("the node is stopping; open swaps go on when it is started again")]
    Stopped,
}

/// A maker to ask: who it is and where it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MakerContact {
    /// Its Lightning node, which must sign the quote.
    pub node_id: bitcoin::secp256k1::PublicKey,
    /// Where it is reached.
    pub peer: PeerAddress,
}

/// What one maker answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoQuote {
    /// The maker's Lightning node (hex).
    pub maker: String,
    /// Why there is no quote, for a person.
    pub reason: String,
}

/// The answers to a round of asking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotes {
    /// Firm quotes, cheapest first.
    pub quotes: Vec<QuoteView>,
    /// The others.
    pub refused: Vec<NoQuote>,
}

/// What a taker asks a price for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskFor {
    /// Which way.
    pub direction: Direction,
    /// How much.
    pub amount: AskAmount,
    /// `out`: where the coins will go, when it is known: it decides what claiming weighs.
    pub destination: Option<ScriptBuf>,
    /// `in`: the funding will come from outside this node.
    pub external: bool,
}

/// Which amount is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskAmount {
    /// The amount of the swap (SAT).
    Swap(Amount),
    /// `out`: exactly this should arrive at the destination; the claim's fee comes on top.
    Receive(Amount),
}

/// What a taker starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartSwap {
    /// [`QuoteView::id`].
    pub quote_id: String,
    /// `out`: where the coins go; this node's own wallet when not said.
    pub destination: Option<ScriptBuf>,
    /// The most the own transaction may pay to miners; the quote's limit when not said.
    pub max_miner_fee: Option<Amount>,
    /// The most routing may cost; the quote's limit when not said.
    pub max_routing_fee: Option<Msat>,
    /// The most all of it may cost if it works.
    pub max_fee: Option<Amount>,
    /// `out`: the channels the payment may leave by.
    pub first_hops: Option<Vec<[u8; 32]>>,
    /// `in`: the node the payment should arrive from.
    pub last_hop: Option<bitcoin::secp256k1::PublicKey>,
    /// `out`: confirmations to wait for; by amount when not said.
    pub confirmations: Option<u32>,
    /// A name.
    pub label: Option<String>,
}

/// One direction of a maker's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SidePolicy {
    /// The price, before this maker's own chain costs, which are added at the fee rate of the moment.
    pub price: Price,
    /// The smallest swap (sat).
    pub min_sat: u64,
    /// The largest swap (sat).
    pub max_sat: u64,
}

/// A maker's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MakerPolicy {
    /// Whether new swaps are taken on.
    pub enabled: bool,
    /// Lightning -> on-chain, when offered.
    pub out: Option<SidePolicy>,
    /// On-chain -> Lightning, when offered.
    #[serde(rename = "in")]
    pub into: Option<SidePolicy>,
    /// T counts so many blocks.
    pub refund_delta: u32,
    /// Open swaps with takers at most.
    pub max_open: u32,
    /// Seconds a quote is good for.
    pub quote_secs: u32,
    /// `in` funded from outside: whether it is offered, and for how many millionths of the amount more.
    #[serde(default)]
    pub external_ppm: Option<u32>,
}

impl Default for MakerPolicy {
    fn default() -> Self {
        Self {
            enabled: false,
            out: None,
            into: None,
            refund_delta: cambista_protocol::timelock::DEFAULT_REFUND_DELTA,
            max_open: 50,
            quote_secs: 60,
            external_ppm: None,
        }
    }
}

impl MakerPolicy {
    /// The policy of one direction, if it is offered now.
    #[must_use]
    pub const fn side(&self, direction: Direction) -> Option<SidePolicy> {
        match direction {
            _ if !self.enabled => None,
            Direction::Out => self.out,
            Direction::In => self.into,
        }
    }
}

/// Something Lightning says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LightningNews {
    /// A payment is held on a hash.
    Held {
        /// The hash.
        payment_hash: [u8; 32],
        /// Names this set of HTLCs.
        payment_id: [u8; 32],
        /// The sum of its parts (msat).
        amount: Msat,
        /// Claimable below this height.
        claim_deadline: u32,
        /// The parts (msat) and whether each came over an anchor channel.
        parts: Vec<(Msat, bool)>,
        /// Whether it carries records this node does not understand.
        custom_records: bool,
    },
    /// A held payment was claimed durably.
    Claimed {
        /// The hash.
        payment_hash: [u8; 32],
    },
    /// A held payment was given up by Lightning itself.
    Dropped {
        /// The hash.
        payment_hash: [u8; 32],
    },
    /// A payment of ours was settled.
    Sent {
        /// The hash.
        payment_hash: [u8; 32],
        /// Routing fee.
        fee: Msat,
    },
    /// A payment of ours failed for good.
    Failed {
        /// The hash.
        payment_hash: [u8; 32],
        /// Why, for a person.
        reason: String,
    },
}

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
    Cancel {
        id: String,
        reply: Reply<Result<String, EngineError>>,
    },
    Swaps {
        reply: Reply<Vec<SwapView>>,
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
    Lightning {
        news: LightningNews,
        reply: Reply<()>,
    },
    Wake {
        reply: Reply<()>,
    },
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

    async fn send<T>(&self, make: impl FnOnce(Reply<T>) -> Input) -> Result<T, EngineError> {
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

    /// All swaps, newest first.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn swaps(&self) -> Result<Vec<SwapView>, EngineError> {
        self.send(|reply| Input::Swaps { reply }).await
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
