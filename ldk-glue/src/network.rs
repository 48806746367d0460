//! Background work on the peer network: listening, connecting again, announcing.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::SocketAddress;
use lightning::routing::gossip::NodeId;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::chain::{Stop, stopped};
use crate::errors::StartError;
use crate::node::Node;
use crate::peers::dial;
use crate::places::Places;
use crate::types::Peers;

/// Attempts to connect under way at a time.
const DIALS: usize = 16;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often the network is reminded of us. It forgets nodes after two weeks.
const ANNOUNCE_EVERY: Duration = Duration::from_secs(6 * 3600);

impl Node {
    /// Opens the listening sockets and accepts peers on them.
    pub(crate) async fn listen(&self) -> Result<(), StartError> {
        let places = Places::new();
        for address in &self.config.listen {
            let failed = |source| StartError::Listen {
                address: *address,
                source,
            };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            let bound = listener.local_addr().map_err(failed)?;
            self.listening
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(bound);
            let part = accept(
                listener,
                Arc::clone(&self.peers),
                Arc::clone(&places),
                self.outer.told(),
            );
            self.outer.vital("listening for peers", part);
        }
        Ok(())
    }
}

async fn accept(listener: TcpListener, peers: Arc<Peers>, places: Arc<Places>, mut stop: Stop) {
    loop {
        let (stream, from) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, mostly: it passes.
                    tracing::warn!(%error, "a peer's connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
            },
            () = stopped(&mut stop) => return,
        };
        let Some(place) = places.enter(from.ip()) else {
            continue;
        };
        if let Ok(stream) = stream.set_nodelay(true).and_then(|()| stream.into_std()) {
            let closed = lightning_net_tokio::setup_inbound(Arc::clone(&peers), stream);
            tokio::spawn(async move {
                closed.await;
                drop(place);
            });
        }
    }
}

struct Attempt {
    next: Instant,
    pause: Duration,
}

/// Connects to remembered peers, and to peers we have channels with, whenever they are not connected: first after a
/// second, then ever more rarely, at least once a minute.
pub(crate) async fn keep_connected(node: Arc<Node>, mut stop: Stop) {
    let dials = Arc::new(Semaphore::new(DIALS));
    let mut attempts: HashMap<PublicKey, Attempt> = HashMap::new();
    let mut tick = tokio::time::interval(FIRST_PAUSE);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stopped(&mut stop) => return,
        }
        let mut missing = node.missing_peers();
        attempts.retain(|peer, _| missing.contains_key(peer));
        let now = Instant::now();
        for (peer, address) in missing.drain() {
            let attempt = attempts.entry(peer).or_insert(Attempt {
                next: now,
                pause: FIRST_PAUSE,
            });
            if attempt.next > now {
                continue;
            }
            let Ok(permit) = Arc::clone(&dials).try_acquire_owned() else {
                break;
            };
            attempt.next = now + attempt.pause;
            attempt.pause = (attempt.pause * 2).min(LONGEST_PAUSE);
            let node = Arc::clone(&node);
            tokio::spawn(async move {
                let dialled = dial(&node.peers, &node.gate, peer, &address).await;
                if let Err(error) = dialled {
                    tracing::debug!(%error, "reconnecting");
                }
                drop(permit);
            });
        }
    }
}

/// Tells the network about us as long as we have an announced channel.
pub(crate) async fn keep_announced(node: Arc<Node>, mut stop: Stop) {
    let mut told: Option<Instant> = None;
    loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(30)) => {}
            () = stopped(&mut stop) => return,
        }
        if told.is_some_and(|told| told.elapsed() < ANNOUNCE_EVERY) {
            continue;
        }
        let channels = node.manager.list_channels();
        if channels
            .iter()
            .any(|channel| channel.is_announced && channel.is_usable)
        {
            node.announce();
            told = Some(Instant::now());
        }
    }
}

impl Node {
    fn missing_peers(&self) -> HashMap<PublicKey, String> {
        let mut wanted = self.book.all();
        for channel in self.manager.list_channels() {
            let peer = channel.counterparty.node_id;
            if !channel.is_usable
                && !wanted.contains_key(&peer)
                && let Some(address) = self.gossiped_address(&peer)
            {
                wanted.insert(peer, address);
            }
        }
        if !wanted.is_empty() {
            for peer in self.peers.list_peers() {
                wanted.remove(&peer.counterparty_node_id);
            }
        }
        wanted
    }

    /// Whether a node, by its 33-byte key, has a channel that all of Lightning was told of.
    pub fn is_in_graph(&self, node: &[u8; 33]) -> bool {
        let Ok(id) = NodeId::from_slice(node) else {
            return false;
        };
        let graph = self.graph.read_only();
        graph
            .node(&id)
            .is_some_and(|node| !node.channels.is_empty())
    }

    /// Names every node in the gossip, by its 33-byte key, in no order.
    pub fn each_in_graph(&self, mut of: impl FnMut(&[u8; 33])) {
        let graph = self.graph.read_only();
        for id in graph.nodes().unordered_keys() {
            of(id.as_array());
        }
    }

    fn gossiped_address(&self, peer: &PublicKey) -> Option<String> {
        let graph = self.graph.read_only();
        let node = graph.node(&NodeId::from_pubkey(peer))?;
        let announcement = node.announcement_info.as_ref()?;
        let mut addresses = announcement.addresses().iter();
        addresses
            .find(|address| {
                matches!(
                    address,
                    SocketAddress::TcpIpV4 { .. }
                        | SocketAddress::TcpIpV6 { .. }
                        | SocketAddress::Hostname { .. }
                )
            })
            .map(ToString::to_string)
    }

    fn announce(&self) {
        let mut alias = [0; 32];
        for (to, from) in alias.iter_mut().zip(self.config.alias.bytes()) {
            *to = from;
        }
        let addresses = self.config.announce.iter().take(10);
        let addresses = addresses.copied().map(SocketAddress::from).collect();
        self.peers
            .broadcast_node_announcement([0xf7, 0x93, 0x1a], alias, addresses);
    }
}
