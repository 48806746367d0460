//! The peers port: bytes to another Cambista node and back.

use std::future::Future;

use serde::{Deserialize, Serialize};

/// Where a node can be reached. Opaque text to the engine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PeerAddress {
    /// The node's peer id.
    pub peer_id: String,
    /// Its addresses, if it can be dialled.
    pub addresses: Vec<String>,
}

/// Which protocol a request is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeerProtocol {
    /// `/cambista/quote/1`.
    Quote,
    /// `/cambista/swap/1`.
    Swap,
}

/// No answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other node could not be reached: {0}")]
pub struct PeerError(pub String);

/// Other Cambista nodes.
pub trait Peers: Send + Sync + 'static {
    /// Sends a request and waits for the answer, for a bounded time.
    fn request(
        &self,
        peer: &PeerAddress,
        protocol: PeerProtocol,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<Vec<u8>, PeerError>> + Send;
}
