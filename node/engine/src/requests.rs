//! What the engine is asked and told, and why it may not do it.

use bitcoin::{Amount, ScriptBuf};
use cambista_protocol::money::Msat;
use cambista_protocol::words::{Direction, SwapId};
use serde::{Deserialize, Serialize};

use crate::ports::PeerAddress;
use crate::view::QuoteView;

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
    /// Whether the maker answered at all.
    #[serde(default)]
    pub answered: bool,
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
    /// `out`, when `confirmations` is not said: at least so many, and more where what is open with the maker asks for more.
    pub least_confirmations: u32,
    /// A name.
    pub label: Option<String>,
    /// The order it is part of, stored before; one of its own when not said.
    pub order: Option<SwapId>,
}

/// What swaps that are to begin need at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Means {
    /// Which way.
    pub direction: Direction,
    /// What is sent (`out`) or received (`in`) over Lightning.
    pub lightning: Amount,
    /// What the wallet funds; zero when it funds nothing.
    pub chain: Amount,
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
