//! What other Cambista nodes say to this one.

use std::sync::{Arc, OnceLock};

use cambista_engine::EngineHandle;
use cambista_engine::ports::PeerProtocol;
use cambista_ldk::Node;
use futures::future::BoxFuture;
use tokio::sync::watch;

use super::{Market, in_touch, sync};
use crate::network::{Handler, NetworkHandle, PeerId, Protocol, Verdict};

/// Hands offers to the book and requests to the engine. It exists before the swarm and the engine do, and declines until
/// it is told of them.
pub struct Inbox {
    market: Arc<Market>,
    inner: OnceLock<(EngineHandle, Arc<Node>)>,
    network: watch::Sender<Option<NetworkHandle>>,
}

impl Inbox {
    /// For this book.
    #[must_use]
    pub fn new(market: Arc<Market>) -> Self {
        Self {
            market,
            inner: OnceLock::new(),
            network: watch::Sender::new(None),
        }
    }

    /// From now on requests go to this engine, and no price is given while this node is out of touch with the chain.
    pub fn use_engine(&self, engine: EngineHandle, node: Arc<Node>) {
        // A second engine would be a mistake in this program; the first stays.
        let _ = self.inner.set((engine, node));
    }

    /// From now on peers can be asked for their books.
    pub fn use_network(&self, network: NetworkHandle) {
        self.network.send_replace(Some(network));
    }

    async fn ask(&self, from: PeerId, protocol: PeerProtocol, body: Vec<u8>) -> Option<Vec<u8>> {
        let (engine, node) = self.inner.get()?;
        if protocol == PeerProtocol::Quote && !in_touch(node) {
            return None;
        }
        engine.peer_request(from.to_string(), protocol, body).await
    }
}

impl Handler for Inbox {
    fn offer<'a>(&'a self, from: PeerId, payload: Vec<u8>) -> BoxFuture<'a, Verdict> {
        Box::pin(async move { self.market.gossiped(&from, &payload) })
    }

    fn request<'a>(
        &'a self,
        from: PeerId,
        protocol: Protocol,
        body: Vec<u8>,
    ) -> BoxFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            match protocol {
                Protocol::Quote => self.ask(from, PeerProtocol::Quote, body).await,
                Protocol::Swap => self.ask(from, PeerProtocol::Swap, body).await,
                Protocol::Book => self.market.page(&body),
            }
        })
    }

    fn connected<'a>(&'a self, peer: PeerId) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let mut known = self.network.subscribe();
            let network = match known.wait_for(Option::is_some).await {
                Ok(network) => network.clone(),
                Err(_) => None,
            };
            // Who called this node would bring a book of its own making before all others.
            if let Some(network) = network.filter(|network| network.has_called(&peer)) {
                sync::book(&self.market, &network, peer).await;
            }
        })
    }
}
