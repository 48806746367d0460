//! How bytes travel: QUIC, or TCP with Noise and Yamux, with names resolved by the system; or TCP
//! through a proxy and nothing else; or over a relay. Addresses of the form `/memory/<n>` connect
//! swarms inside one process.

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
    noise, quic, relay, tcp,
};

use super::{
    error::NetworkError,
    leads::{Guarded, Leads},
    muxer::Streams,
    quic as quic_config,
    socks::{Proxied, Proxy},
    traffic::Meter,
};

/// How long a connection may take until it is encrypted and usable; over a relay or a proxy, whose own
/// connections may have to be made first.
const SETUP_TIMEOUT: Duration = Duration::from_secs(10);
const DETOUR_TIMEOUT: Duration = Duration::from_secs(30);
/// Streams one connection may have open: those of the request protocols, gossip, identify, ping and
/// what finds and reaches peers.
pub(super) const STREAMS_PER_CONNECTION: u32 = 128;

/// A transport with everything a connection needs.
pub(super) type Connections = Boxed<(PeerId, StreamMuxerBox)>;

/// Builds the transport for `key`, which calls only where `leads` lets it.
///
/// # Errors
/// When the encryption layer refuses the key.
pub(super) fn build(
    key: &Keypair,
    proxy: Option<&Proxy>,
    relay: relay::client::Transport,
    meter: &Meter,
    leads: Leads,
) -> Result<Connections, NetworkError> {
    let network = match proxy {
        Some(proxy) => secure(Proxied::new(proxy.clone(), tcp()), key, DETOUR_TIMEOUT)?,
        None => direct(key)?,
    };
    let memory = secure(MemoryTransport::new(), key, SETUP_TIMEOUT)?;
    // The relay's part comes first: it alone knows its addresses, and leaves all others to the rest.
    let meter = meter.clone();
    let all = secure(relay, key, DETOUR_TIMEOUT)?
        .or_transport(memory)
        .map(|either, _| either.into_inner())
        .or_transport(network)
        .map(move |either, _| {
            let (peer, connection) = either.into_inner();
            (peer, meter.on(connection))
        })
        .boxed();
    Ok(Guarded::new(all, leads).boxed())
}

fn direct(key: &Keypair) -> Result<Connections, NetworkError> {
    let numeric = || -> Result<_, NetworkError> {
        let tcp = secure(tcp(), key, SETUP_TIMEOUT)?;
        let quic = quic::tokio::Transport::new(quic_config::config(key))
            .map(|(peer, connection), _| (peer, StreamMuxerBox::new(connection)));
        Ok(tcp
            .or_transport(quic)
            .map(|either, _| either.into_inner())
            .boxed())
    };
    match dns::tokio::Transport::system(numeric()?) {
        Ok(resolving) => Ok(resolving.boxed()),
        Err(error) => {
            tracing::warn!(%error, "no system resolver: peers are reached by numeric address only");
            numeric()
        }
    }
}

fn tcp() -> tcp::tokio::Transport {
    tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
}

fn secure<T>(raw: T, key: &Keypair, within: Duration) -> Result<Connections, NetworkError>
where
    T: Transport + Send + Unpin + 'static,
    T::Output: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T::Error: Send + Sync + 'static,
    T::Dial: Send + 'static,
    T::ListenerUpgrade: Send + 'static,
{
    let noise = noise::Config::new(key).map_err(|e| NetworkError::Setup(e.to_string()))?;
    Ok(raw
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(Streams::new())
        .timeout(within)
        .boxed())
}
