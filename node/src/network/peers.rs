//! What the swarm shows of itself to the rest of the node: peers and addresses.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError, RwLock},
};

use libp2p::{Multiaddr, PeerId};
use tokio::sync::watch;

use super::{cache::Cache, reach};

/// A connected peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// The peer's identity in the swarm.
    pub peer: PeerId,
    /// The address of the newest connection with it.
    pub address: Multiaddr,
    /// Whether this node made that connection.
    pub outbound: bool,
    /// Whether it is connected because this node called it: not one that had called before. What the owner configured counts
    /// as called.
    pub called: bool,
    /// Whether the peer has said who it is and belongs to the same network.
    pub identified: bool,
    /// Whether it is one of the configured bootstrap peers.
    pub bootstrap: bool,
}

/// Written by the swarm's task, read by everyone with a handle.
pub(super) struct View {
    peers: RwLock<BTreeMap<PeerId, PeerInfo>>,
    listen: RwLock<Vec<Multiaddr>>,
    /// Where others have been found to reach this node, newest first.
    confirmed: RwLock<Vec<Multiaddr>>,
    contact: watch::Sender<Vec<Multiaddr>>,
    /// Addresses listened on are not for others to know.
    hidden: bool,
    /// Nobody calls private addresses.
    public_only: bool,
    fixed: Vec<Multiaddr>,
    cache: Mutex<Cache>,
}

/// Confirmed addresses that are remembered.
const CONFIRMED: usize = 16;

impl View {
    /// `fixed` are the addresses the owner gave; with `hidden`, no other is ever told, and with `public_only` no private one.
    pub(super) fn new(
        fixed: Vec<Multiaddr>,
        hidden: bool,
        public_only: bool,
        cache: Cache,
    ) -> Self {
        let view = Self {
            peers: RwLock::default(),
            listen: RwLock::default(),
            confirmed: RwLock::default(),
            contact: watch::Sender::new(Vec::new()),
            hidden,
            public_only,
            fixed,
            cache: Mutex::new(cache),
        };
        view.contact_again();
        view
    }

    pub(super) fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The addresses to give to others, and their changes.
    pub(super) fn contact(&self) -> watch::Receiver<Vec<Multiaddr>> {
        self.contact.subscribe()
    }

    fn contact_again(&self) {
        let confirmed = self
            .confirmed
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let contact = if self.fixed.is_empty() && !self.hidden {
            reach::contact(&confirmed, &self.listen(), self.public_only)
        } else {
            reach::contact(&self.fixed, &[], false)
        };
        self.contact.send_if_modified(|old| {
            let changed = *old != contact;
            *old = contact;
            changed
        });
    }

    /// Others reach this node at `address`.
    pub(super) fn confirm(&self, address: Multiaddr) {
        {
            let mut confirmed = self
                .confirmed
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            confirmed.retain(|known| *known != address);
            confirmed.insert(0, address);
            confirmed.truncate(CONFIRMED);
        }
        self.contact_again();
    }

    /// Others no longer reach this node at `address`.
    pub(super) fn expire(&self, address: &Multiaddr) {
        {
            let mut confirmed = self
                .confirmed
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            confirmed.retain(|known| known != address);
        }
        self.contact_again();
    }

    pub(super) const fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// Whether others can call this node without a relay.
    pub(super) fn is_reachable(&self) -> bool {
        let confirmed = self
            .confirmed
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        !self.fixed.is_empty() || confirmed.iter().any(|a| !super::address::is_relayed(a))
    }

    pub(super) fn peers(&self) -> Vec<PeerInfo> {
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        peers.values().cloned().collect()
    }

    pub(super) fn listen(&self) -> Vec<Multiaddr> {
        let listen = self.listen.read().unwrap_or_else(PoisonError::into_inner);
        listen.clone()
    }

    pub(super) fn peer(&self, peer: &PeerId) -> Option<PeerInfo> {
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        peers.get(peer).cloned()
    }

    /// A connection was made. A peer already identified stays so.
    pub(super) fn connected(&self, mut info: PeerInfo) {
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = peers.get(&info.peer) {
            info.identified |= known.identified;
            info.called = known.called;
        }
        peers.insert(info.peer, info);
    }

    /// The peer said who it is. True only the first time since it connected.
    pub(super) fn identified(&self, peer: &PeerId) -> bool {
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        match peers.get_mut(peer) {
            Some(info) if !info.identified => {
                info.identified = true;
                true
            }
            _ => false,
        }
    }

    pub(super) fn gone(&self, peer: &PeerId) {
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        peers.remove(peer);
    }

    pub(super) fn listening(&self, address: Multiaddr) {
        let mut listen = self.listen.write().unwrap_or_else(PoisonError::into_inner);
        if !listen.contains(&address) {
            listen.push(address);
        }
        drop(listen);
        self.contact_again();
    }

    pub(super) fn not_listening(&self, address: &Multiaddr) {
        let mut listen = self.listen.write().unwrap_or_else(PoisonError::into_inner);
        listen.retain(|known| known != address);
        drop(listen);
        self.contact_again();
    }

    pub(super) fn clear(&self) {
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        peers.clear();
    }
}
