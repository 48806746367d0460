//! The wire: what two nodes say to each other about quotes and swaps, in CBOR. Spec 04.
//!
//! Every message is small and bounded, carries all it means, and may arrive twice.

mod accept;
mod book;
mod quote;
mod swap;

pub use accept::{Acceptance, MAX_ACCEPT};
pub use book::{BookReply, BookRequest, MAX_BOOK_MESSAGE, MAX_BOOK_OFFERS};
pub use quote::{MAX_QUOTE_MESSAGE, QuoteReply, QuoteRequest};
pub use swap::{MAX_SWAP_MESSAGE, SwapReply, SwapRequest};

use minicbor::{Decode, Encode};

/// Why a request was not granted. The text is for a person and not to be trusted or parsed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Refusal {
    /// What kind of refusal.
    #[n(0)]
    pub code: RefusalCode,
    /// One sentence for a person; escaped before it reaches a terminal.
    #[n(1)]
    pub text: String,
}

impl Refusal {
    /// A refusal with its sentence.
    #[must_use]
    pub fn new(code: RefusalCode, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }
}

/// The kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum RefusalCode {
    /// Not a message of this protocol.
    #[n(0)]
    Malformed,
    /// Not offering this direction now.
    #[n(1)]
    NotOffered,
    /// Below or above the limits.
    #[n(2)]
    Amount,
    /// Not enough liquidity now.
    #[n(3)]
    Liquidity,
    /// Too many swaps or requests under way.
    #[n(4)]
    Busy,
    /// The quote is unknown, used or expired.
    #[n(5)]
    Quote,
    /// The terms differ from what this side computes.
    #[n(6)]
    Terms,
    /// The swap is unknown, or not in a state where this message means anything.
    #[n(7)]
    Swap,
    /// Something failed on this side.
    #[n(8)]
    Internal,
}
