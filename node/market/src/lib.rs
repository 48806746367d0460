//! The market as one node sees it: the book of standing offers, their ranking, and what peers may ask of it.
//!
//! Nothing here does input or output or reads a clock: bytes and seconds are handed in.

mod book;
mod bucket;
pub mod caps;
mod entry;
mod experience;
pub mod fault;
mod gate;
mod lines;
mod makers;
mod places;
pub mod plan;
pub mod pricing;
mod rank;
mod senders;
mod verdict;

pub use book::{Book, Listed, MAX_OFFERS, Remembered};
pub use experience::{Experience, Lesson, MOST_MAKERS, NEWCOMERS_SHARE, Record, Totals};
pub use gate::Gate;
pub use makers::{Makers, Sieve};
pub use places::{Opinion, Pool};
pub use rank::Ranked;
pub use senders::SenderLimits;
pub use verdict::{Ignored, Rejected, Verdict};
