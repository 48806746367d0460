//! This node's part in the market's gossip: taking offers in, passing the book on, announcing its own.

mod announce;
mod inbox;
mod market;
pub mod peers;
mod sync;

pub use announce::{Announcer, SEQUENCE_KEY};
pub use inbox::Inbox;
pub use market::Market;

/// Whether this node sees the chain as it is now. A swap begun otherwise would rest on an old height, and nothing it needs
/// could be broadcast.
#[must_use]
pub fn in_touch(node: &cambista_ldk::Node) -> bool {
    let chain = node.chain().status();
    chain.last_error.is_none() && !chain.initial_block_download
}
