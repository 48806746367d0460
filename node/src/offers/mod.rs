//! This node's part in the market's gossip: taking offers in, passing the book on, announcing its own.

mod announce;
mod inbox;
mod market;
pub mod peers;
mod sync;

pub use announce::{Announcer, SEQUENCE_KEY};
pub use inbox::Inbox;
pub use market::Market;
