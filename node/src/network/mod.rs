//! The swarm: carries offers, quotes and swap messages between nodes as plain bytes.
//!
//! It knows peers, connections and limits, but nothing of what the bytes say: whoever starts it
//! hands in a [`Handler`] that judges offers and answers requests. Everything in here is bounded:
//! connections, streams, message sizes, queued work and waiting requests.
//!
//! After coins are locked no swap needs this module; it only makes things cheaper and faster.

mod behaviour;
mod book;
mod bootstrap;
mod budget;
mod config;
mod driver;
mod error;
mod events;
mod exchange;
mod frame;
mod handle;
mod handler;
mod identify;
mod limits;
mod offers;
mod peers;
mod quote;
mod start;
mod swap;
mod transport;
mod work;

#[cfg(test)]
mod tests;

pub use config::{Limits, NetworkConfig};
pub use error::{DialError, NetworkError, PublishError, RequestError};
pub use exchange::Protocol;
pub use handle::{NetworkHandle, Published};
pub use handler::{Handler, Verdict};
pub use libp2p::{Multiaddr, PeerId};
pub use offers::MAX_OFFER_BYTES;
pub use peers::PeerInfo;
pub use start::Network;
