//! Real swarms talking over loopback, or inside this process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use tokio::{
    sync::{Mutex, Semaphore, mpsc},
    time::{Instant, sleep, timeout},
};

use super::*;

mod connecting;
mod finding;
mod flooding;
mod gossip;
mod hundred;
mod reaching;
mod requests;

/// Long enough for what is certain to happen, also on a machine that runs other tests.
const SOON: Duration = Duration::from_secs(60);
/// Long enough for gossip to arrive if it were on its way.
const A_WHILE: Duration = Duration::from_secs(3);

/// Answers with what it got, remembers what it saw. An offer's first byte decides its fate: `a`
/// accept, `r` reject, anything else ignore.
struct Recorder {
    offers: mpsc::Sender<(PeerId, Vec<u8>)>,
    peers: mpsc::Sender<PeerId>,
    /// A request whose first byte is `w` waits for a permit here.
    gate: Arc<Semaphore>,
    /// Has a permit for every one that has come to the gate.
    waiting: Arc<Semaphore>,
}

impl Handler for Recorder {
    fn offer<'a>(&'a self, from: PeerId, payload: Vec<u8>) -> BoxFuture<'a, Verdict> {
        async move {
            let verdict = match payload.first() {
                Some(b'a') => Verdict::Accept,
                Some(b'r') => Verdict::Reject,
                _ => Verdict::Ignore,
            };
            self.offers.send((from, payload)).await.unwrap();
            verdict
        }
        .boxed()
    }

    fn request<'a>(
        &'a self,
        _: PeerId,
        protocol: Protocol,
        body: Vec<u8>,
    ) -> BoxFuture<'a, Option<Vec<u8>>> {
        async move {
            match body.first() {
                Some(b'n') => None,
                Some(b's') => Some(b"short".to_vec()),
                Some(b'x') => Some(vec![0; protocol.max_bytes() + 1]),
                Some(b'w') => {
                    self.waiting.add_permits(1);
                    self.gate.acquire().await.unwrap().forget();
                    Some(body)
                }
                _ => Some([protocol.name().as_bytes(), b" ", &body].concat()),
            }
        }
        .boxed()
    }

    fn connected<'a>(&'a self, peer: PeerId) -> BoxFuture<'a, ()> {
        async move { self.peers.send(peer).await.unwrap() }.boxed()
    }
}

struct Node {
    net: NetworkHandle,
    offers: Mutex<mpsc::Receiver<(PeerId, Vec<u8>)>>,
    peers: Mutex<mpsc::Receiver<PeerId>>,
    gate: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Node {
    async fn start(config: NetworkConfig) -> Self {
        // Says what happens when RUST_LOG asks for it.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .try_init();
        let (offers, offers_seen) = mpsc::channel(1000);
        let (peers, peers_seen) = mpsc::channel(1000);
        let [gate, waiting] = [(); 2].map(|()| Arc::new(Semaphore::new(0)));
        let recorder = Recorder {
            offers,
            peers,
            gate: gate.clone(),
            waiting: waiting.clone(),
        };
        let net = Network::start(config, Arc::new(recorder)).await.unwrap();
        Self {
            net,
            offers: Mutex::new(offers_seen),
            peers: Mutex::new(peers_seen),
            gate,
            waiting,
        }
    }

    async fn listening() -> Self {
        Self::start(listening()).await
    }

    async fn with_bootstrap(other: &Node) -> Self {
        let mut config = listening();
        config.bootstrap = vec![other.full_address()];
        Self::start(config).await
    }

    fn id(&self) -> PeerId {
        self.net.local_peer_id()
    }

    fn address(&self) -> Multiaddr {
        self.net.listen_addrs().remove(0)
    }

    fn full_address(&self) -> Multiaddr {
        let peer = libp2p::multiaddr::Protocol::P2p(self.id());
        self.address().with(peer)
    }

    async fn ask(
        &self,
        other: &Node,
        protocol: Protocol,
        body: &[u8],
    ) -> Result<Vec<u8>, RequestError> {
        let addresses = vec![other.address()];
        self.net
            .request(other.id(), addresses, protocol, body.to_vec())
            .await
    }

    async fn next_offer(&self) -> (PeerId, Vec<u8>) {
        let mut offers = self.offers.lock().await;
        timeout(SOON, offers.recv()).await.unwrap().unwrap()
    }

    async fn sees_no_offer(&self) {
        let mut offers = self.offers.lock().await;
        let seen = timeout(A_WHILE, offers.recv()).await;
        assert!(seen.is_err(), "unexpected offer {seen:?}");
    }

    /// Waits until so many peers are connected.
    async fn has_peers(&self, count: usize) {
        let deadline = Instant::now() + SOON;
        while self.net.peers().len() != count {
            assert!(Instant::now() < deadline, "{:?}", self.net.peers());
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the handler is told of a peer.
    async fn next_peer(&self) -> PeerId {
        let mut peers = self.peers.lock().await;
        timeout(SOON, peers.recv()).await.unwrap().unwrap()
    }
}

fn listening() -> NetworkConfig {
    let mut config = NetworkConfig::new(bitcoin::Network::Regtest);
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    config
}
