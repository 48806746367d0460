//! What the engine's own helpers tell it when their work is done.

use bitcoin::{Amount, OutPoint, ScriptBuf, Txid};
use cambista_protocol::market::quote::Quote;
use cambista_protocol::message::Acceptance;
use cambista_protocol::signed::Signed;
use cambista_protocol::words::SwapId;

use crate::handle::{EngineError, MakerContact, NoQuote, Quotes, Reply};
use crate::ports::NewSwap;

/// A quote this node received and may still open.
#[derive(Clone, Debug)]
pub(crate) struct HeldQuote {
    pub(crate) signed: Signed,
    pub(crate) quote: Quote,
    pub(crate) maker: MakerContact,
    /// What should arrive exactly, if that was asked for.
    pub(crate) receive: Option<Amount>,
    /// Where it was said to go.
    pub(crate) destination: Option<ScriptBuf>,
}

/// A swap whose terms are agreed as far as this side needs before it is written down.
#[derive(Debug)]
pub(crate) struct Agreed {
    pub(crate) new: Box<NewSwap>,
    /// `in`: this side's terms go to the maker only once the swap is stored. What the maker must sign then, with both sides'.
    pub(crate) second: Option<Box<Acceptance>>,
}

pub(crate) enum Internal {
    /// A round of asking is over.
    Quoted {
        held: Vec<HeldQuote>,
        refused: Vec<NoQuote>,
        reply: Reply<Result<Quotes, EngineError>>,
    },
    /// Terms were agreed with a maker, or not.
    Agreed {
        result: Result<Agreed, EngineError>,
        reply: Reply<Result<SwapId, EngineError>>,
    },
    /// The maker answered the taker's own terms.
    TermsAnswered {
        id: SwapId,
        result: Result<(), EngineError>,
        reply: Reply<Result<SwapId, EngineError>>,
    },
    /// Lightning's state has been written since a payment was held.
    Written { id: SwapId },
    /// The claim of an output was tested by the mempool.
    ClaimTested {
        id: SwapId,
        outpoint: OutPoint,
        result: Result<(), String>,
    },
    /// Outbox items are done.
    Done { id: SwapId, items: Vec<i64> },
    /// The funding was taken by the mempool.
    FundingSent { id: SwapId, item: i64 },
    /// A spend was refused by the mempool.
    SweepRefused {
        id: SwapId,
        txid: Txid,
        reason: String,
    },
    /// The spend that ends a late funding was handed to the network.
    TakeBackSent { id: SwapId, refused: bool },
    /// A message could not be delivered now.
    NotSaid { id: SwapId, item: i64 },
    /// A funding the peer told us of was handed to the network.
    PeerFundingSent {
        id: SwapId,
        result: Result<(), String>,
    },
    /// The maker knows where to reach this taker.
    Resumed { id: SwapId, ok: bool },
}
