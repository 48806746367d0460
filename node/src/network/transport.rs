//! How bytes travel: TCP with names resolved by the system, Noise, Yamux. Addresses of the form
//! `/memory/<n>` connect swarms inside one process.

use std::time::Duration;

use futures::{AsyncRead, AsyncWrite};
use libp2p::{
    PeerId, Transport,
    core::{
        muxing::StreamMuxerBox,
        transport::{Boxed, MemoryTransport},
        upgrade::Version,
    },
    dns,
    identity::Keypair,
    noise, tcp, yamux,
};

use super::error::NetworkError;

/// How long a connection may take until it is encrypted and usable.
const SETUP_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams one connection may have open; three protocols of 32 each, gossip, identify and ping.
const STREAMS_PER_CONNECTION: usize = 128;

/// Builds the transport for `key`.
///
/// # Errors
/// When the encryption layer refuses the key.
pub(super) fn build(key: &Keypair) -> Result<Boxed<(PeerId, StreamMuxerBox)>, NetworkError> {
    match dns::tokio::Transport::system(tcp()) {
        Ok(resolving) => secure(MemoryTransport::new().or_transport(resolving), key),
        Err(error) => {
            tracing::warn!(%error, "no system resolver: peers are reached by numeric address only");
            secure(MemoryTransport::new().or_transport(tcp()), key)
        }
    }
}

fn tcp() -> tcp::tokio::Transport {
    tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
}

fn secure<T>(raw: T, key: &Keypair) -> Result<Boxed<(PeerId, StreamMuxerBox)>, NetworkError>
where
    T: Transport + Send + Unpin + 'static,
    T::Output: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T::Error: Send + Sync + 'static,
    T::Dial: Send + 'static,
    T::ListenerUpgrade: Send + 'static,
{
    let noise = noise::Config::new(key).map_err(|e| NetworkError::Setup(e.to_string()))?;
    let mut yamux = yamux::Config::default();
    yamux.set_max_num_streams(STREAMS_PER_CONNECTION);
    Ok(raw
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(yamux)
        .timeout(SETUP_TIMEOUT)
        .boxed())
}
