//! TCP with all calls made through a proxy. Being called is not affected: an onion service hands its
//! callers to a port on this machine.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use libp2p::{
    Multiaddr, Transport, TransportError,
    core::transport::{DialOpts, ListenerId, TransportEvent},
    tcp,
};
use tokio::net::TcpStream;

use super::{
    Proxy,
    handshake::{self, Target},
};

/// The transport.
pub(in super::super) struct Proxied {
    proxy: Proxy,
    listening: tcp::tokio::Transport,
}

impl Proxied {
    pub(in super::super) const fn new(proxy: Proxy, listening: tcp::tokio::Transport) -> Self {
        Self { proxy, listening }
    }
}

type Stream = <tcp::tokio::Transport as Transport>::Output;

impl Transport for Proxied {
    type Output = Stream;
    type Error = io::Error;
    type ListenerUpgrade = <tcp::tokio::Transport as Transport>::ListenerUpgrade;
    type Dial = BoxFuture<'static, io::Result<Stream>>;

    fn listen_on(
        &mut self,
        id: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<io::Error>> {
        self.listening.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.listening.remove_listener(id)
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        _: DialOpts,
    ) -> Result<Self::Dial, TransportError<io::Error>> {
        let Some(target) = Target::of(&address) else {
            return Err(TransportError::MultiaddrNotSupported(address));
        };
        let proxy = self.proxy.clone();
        Ok(Box::pin(async move {
            let mut stream = TcpStream::connect(proxy.address).await.map_err(|error| {
                let why = format!("the proxy at {} does not answer: {error}", proxy.address);
                io::Error::new(error.kind(), why)
            })?;
            stream.set_nodelay(true)?;
            handshake::connect(&mut stream, &proxy, &target).await?;
            Ok(tcp::tokio::TcpStream(stream))
        }))
    }

    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        Pin::new(&mut self.listening).poll(context)
    }
}
