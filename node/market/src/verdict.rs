//! What the book makes of an offer it was brought.

use cambista_protocol::market::offer::OfferError;

/// Whether an offer went into the book, and what its bringer deserves for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// New, valid and kept: pass it on.
    Accept,
    /// Of no use here, but an honest peer may well have sent it.
    Ignore(Ignored),
    /// No honest peer passes this on.
    Reject(Rejected),
}

/// Why an offer was left aside without blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// For another network.
    #[error("the offer is for another network")]
    Network,
    /// It stands no longer.
    #[error("the offer has expired")]
    Expired,
    /// Made later than now, beyond what clocks differ.
    #[error("the offer is from the future: one of the two clocks is wrong")]
    Early,
    /// This one or a newer one of the same maker is known.
    #[error("this or a newer offer of the maker is known")]
    Stale,
    /// Its maker announces more often than it may.
    #[error("the maker announces too often")]
    TooOften,
    /// Too many unknown makers came this way lately.
    #[error("too many new makers at once")]
    Crowd,
    /// The book is full of offers made later.
    #[error("the book is full")]
    Full,
}

/// Why an offer counts against the peer that brought it: what is wrong with it.
pub type Rejected = OfferError;
