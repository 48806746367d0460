//! What the swarm is told at its start.

use libp2p::Multiaddr;

/// How the swarm is set up.
#[derive(Clone)]
pub struct NetworkConfig {
    /// The Bitcoin network traded on. Nodes of different networks do not talk to each other.
    pub network: bitcoin::Network,
    /// Seed of the ed25519 identity, from which the peer id follows. Makers keep one; `None` draws
    /// a new identity for this run.
    pub identity: Option<[u8; 32]>,
    /// Addresses to listen on, for example `/ip4/0.0.0.0/tcp/9740`; port 0 takes a free one.
    /// None at all is fine for someone who only takes swaps.
    pub listen: Vec<Multiaddr>,
    /// Addresses under which others reach this node, when they differ from `listen`. With any set,
    /// the listen addresses themselves are not told to peers.
    pub external: Vec<Multiaddr>,
    /// Peers to stay connected to. Each address ends in `/p2p/<peer id>`; several addresses of one
    /// peer are tried together.
    pub bootstrap: Vec<Multiaddr>,
    /// Bounds on connections and waiting work.
    pub limits: Limits,
}

impl NetworkConfig {
    /// A swarm on `network` with a throwaway identity that neither listens nor knows a peer.
    #[must_use]
    pub fn new(network: bitcoin::Network) -> Self {
        Self {
            network,
            identity: None,
            listen: Vec::new(),
            external: Vec::new(),
            bootstrap: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// Printing a configuration must not print the identity's secret.
impl std::fmt::Debug for NetworkConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetworkConfig")
            .field("network", &self.network)
            .field("identity", &self.identity.map(|_| "set"))
            .field("listen", &self.listen)
            .field("external", &self.external)
            .field("bootstrap", &self.bootstrap)
            .field("limits", &self.limits)
            .finish()
    }
}

/// Bounds on what peers and callers can make the swarm hold at one time.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Established connections accepted from others.
    pub inbound: usize,
    /// Established connections made by this node.
    pub outbound: usize,
    /// Connections that are still being set up, in each direction.
    pub pending: usize,
    /// Established connections with one peer, both directions together.
    pub per_peer: usize,
    /// Connections accepted from one IP address, those being set up included; an IPv6 /64 counts as
    /// one address, loopback is not counted.
    pub per_address: usize,
    /// Requests of this node that wait for an answer.
    pub requests: usize,
    /// Requests of this node that wait for an answer from one peer.
    pub requests_per_peer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inbound: 256,
            outbound: 128,
            pending: 64,
            per_peer: 4,
            per_address: 32,
            requests: 256,
            requests_per_peer: 16,
        }
    }
}
