//! `/cambista/quote/1`: one question, one signed answer.

use bitcoin::Network;
use minicbor::{Decode, Encode};

use super::Refusal;
use crate::cbor;
use crate::signed::Signed;
use crate::words::Direction;

/// The longest message of this protocol (bytes).
pub const MAX_QUOTE_MESSAGE: usize = 2048;

/// What a taker asks.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct QuoteRequest {
    /// The network.
    #[cbor(n(0), with = "cbor::network")]
    pub network: Network,
    /// Which way the taker's money moves.
    #[cbor(n(1), with = "cbor::direction")]
    pub direction: Direction,
    /// SAT (sat).
    #[n(2)]
    pub amount_sat: u64,
    /// `in`: the taker funds from outside this node, and may take longer to do so.
    #[n(3)]
    pub external: bool,
}

/// What the maker answers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum QuoteReply {
    /// A firm quote.
    #[n(0)]
    Quote(#[n(0)] Signed),
    /// None, and why.
    #[n(1)]
    Refused(#[n(0)] Refusal),
}
