//! QUIC, with bounds like those of TCP connections.

use std::time::Duration;

use libp2p::{identity::Keypair, quic};

use super::transport::STREAMS_PER_CONNECTION;

const SETUP_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes a peer may send before they are read: on one stream, on all of a connection.
const STREAM_BYTES: u32 = 256 * 1024;
const CONNECTION_BYTES: u32 = 2 * 1024 * 1024;

pub(super) fn config(key: &Keypair) -> quic::Config {
    let mut config = quic::Config::new(key);
    config.handshake_timeout = SETUP_TIMEOUT;
    config.max_concurrent_stream_limit = STREAMS_PER_CONNECTION;
    config.max_stream_data = STREAM_BYTES;
    config.max_connection_data = CONNECTION_BYTES;
    config
}
