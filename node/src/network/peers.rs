//! What the swarm shows of itself to the rest of the node: peers and addresses.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

use libp2p::{Multiaddr, PeerId};

/// A connected peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// The peer's identity in the swarm.
    pub peer: PeerId,
    /// The address of the newest connection with it.
    pub address: Multiaddr,
    /// Whether this node made that connection.
    pub outbound: bool,
    /// Whether the peer has said who it is and belongs to the same network.
    pub identified: bool,
    /// Whether it is one of the configured bootstrap peers.
    pub bootstrap: bool,
}

/// Written by the swarm's task, read by everyone with a handle.
#[derive(Default)]
pub(super) struct View {
    peers: RwLock<BTreeMap<PeerId, PeerInfo>>,
    listen: RwLock<Vec<Multiaddr>>,
}

impl View {
    pub(super) fn peers(&self) -> Vec<PeerInfo> {
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        peers.values().cloned().collect()
    }

    pub(super) fn listen(&self) -> Vec<Multiaddr> {
        let listen = self.listen.read().unwrap_or_else(PoisonError::into_inner);
        listen.clone()
    }

    /// A connection was made. A peer already identified stays so.
    pub(super) fn connected(&self, mut info: PeerInfo) {
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = peers.get(&info.peer) {
            info.identified |= known.identified;
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
    }

    pub(super) fn not_listening(&self, address: &Multiaddr) {
        let mut listen = self.listen.write().unwrap_or_else(PoisonError::into_inner);
        listen.retain(|known| known != address);
    }

    pub(super) fn clear(&self) {
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        peers.clear();
    }
}
