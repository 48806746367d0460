//! The market as one node sees it: the book of standing offers, their ranking, and what peers may ask of it.
//!
//! Nothing here does input or output or reads a clock: bytes and seconds are handed in.

mod book;
mod bucket;
mod entry;
mod rank;
mod senders;
mod verdict;

pub use book::{Book, Listed, MAX_OFFERS};
pub use rank::Ranked;
pub use senders::SenderLimits;
pub use verdict::{Ignored, Rejected, Verdict};
