//! What is chosen about a node before it first runs.

use std::path::PathBuf;

/// What is chosen about a node before it first runs.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// The fixed fee rate (sat/vB) of everything it sends; 0 leaves it to bitcoind's estimates.
    pub fee_rate: u32,
    /// Marketplace peers it knows from the start (multiaddresses).
    pub bootstrap: Vec<String>,
    /// Confirmations of a channel's funding before it is used.
    pub channel_confirmations: u32,
    /// Where its folder goes; a temporary one when not said.
    pub dir: Option<PathBuf>,
    /// Whether it is the program with failpoints.
    pub failpoints: bool,
    /// Another program than the one under test.
    pub program: Option<PathBuf>,
    /// The network namespace it runs in; this machine's own when not said.
    pub namespace: Option<String>,
    /// The address it listens on.
    pub ip: String,
    /// Whether its part of the market's network listens by QUIC instead of TCP.
    pub quic: bool,
    /// The address bitcoind is at.
    pub bitcoind_ip: String,
    /// More lines for the settings under `[p2p]`.
    pub p2p: Vec<String>,
}

impl Default for NodeOptions {
    fn default() -> Self {
        Self {
            fee_rate: 3,
            bootstrap: Vec::new(),
            channel_confirmations: 1,
            dir: None,
            failpoints: false,
            program: None,
            namespace: None,
            ip: "127.0.0.1".to_owned(),
            quic: false,
            bitcoind_ip: "127.0.0.1".to_owned(),
            p2p: Vec::new(),
        }
    }
}
