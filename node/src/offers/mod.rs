//! This node's part in the market's gossip: taking offers in, passing the book on, announcing its own.

mod announce;
mod choice;
mod compose;
mod inbox;
mod market;
mod memory;
mod need;
pub mod peers;
mod places;
pub mod shelf;
mod strength;
pub mod sync;

pub use announce::{Announcer, SEQUENCE_KEY};
pub use choice::{best, resting_until};
pub use inbox::Inbox;
pub use market::Market;
pub use memory::{KeptFault, Memory};
pub use places::{Known, places};

/// Whether this node sees the chain as it is now. A swap begun otherwise would rest on an old height, and nothing it needs
/// could be broadcast.
#[must_use]
pub fn in_touch(node: &cambista_ldk::Node) -> bool {
    let chain = node.chain().status();
    chain.last_error.is_none() && !chain.initial_block_download
}
