//! The swarm: carries offers, quotes and swap messages between nodes as plain bytes.
//!
//! It knows peers, connections and limits, but nothing of what the bytes say: whoever starts it
//! hands in a [`Handler`] that judges offers and answers requests. Everything in here is bounded:
//! connections, streams, message sizes, queued work and waiting requests.
//!
//! After coins are locked no swap needs this module; it only makes things cheaper and faster.

mod address;
mod autonat;
mod behaviour;
mod book;
mod bootstrap;
mod bounded;
mod budget;
mod cache;
mod config;
mod driver;
mod error;
mod events;
mod exchange;
mod flood;
mod frame;
mod handle;
mod handler;
mod identify;
mod kad;
mod leads;
mod limits;
mod local;
mod muxer;
mod offers;
mod pace;
mod peers;
mod quic;
mod quote;
mod reach;
mod relay;
mod reservations;
mod socks;
mod start;
mod swap;
mod traffic;
mod transport;
mod work;

#[cfg(test)]
mod tests;

pub use cache::KnownPeer;
pub use config::{Limits, NetworkConfig};
pub use error::{DialError, NetworkError, PublishError, RequestError};
pub use exchange::Protocol;
pub use handle::{NetworkHandle, Published};
pub use handler::{Handler, Verdict};
pub use libp2p::{Multiaddr, PeerId};
pub use offers::MAX_OFFER_BYTES;
pub use peers::PeerInfo;
pub use relay::Relay;
pub use socks::{Proxy, ProxyError};
pub use start::Network;
pub use traffic::Traffic;
