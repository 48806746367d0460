//! Calling others through a SOCKS5 proxy, such as Tor's.

mod handshake;
mod transport;
mod url;

pub(super) use transport::Proxied;
pub use url::{Proxy, ProxyError};
