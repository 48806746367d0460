//! What the swarm is told at its start.

use std::time::Duration;

use libp2p::Multiaddr;

use super::{cache::KnownPeer, relay::Relay, socks::Proxy};

/// Being tried out by a peer takes a few seconds; the peer has to be found first.
const NAT_PATIENCE: Duration = Duration::from_secs(20);

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
    /// Peers met in earlier runs ([`super::NetworkHandle::known_peers`]): called first, before the
    /// bootstrap peers.
    pub known: Vec<KnownPeer>,
    /// All calls go through this proxy, and only calls over TCP are made. What would tell others where
    /// this node is stays off then, whatever is said below.
    pub proxy: Option<Proxy>,
    /// Whether to find out if others can call this node, to be reached over relays if they cannot, and
    /// to turn relayed connections into direct ones.
    pub nat: bool,
    /// How long it may take to find out that others can call this node, before relays are asked.
    pub nat_patience: Duration,
    /// Whether to carry connections of nodes that cannot be called.
    pub relay: Relay,
    /// Whether to ask the router to open the ports listened on.
    pub upnp: bool,
    /// Whether to look for nodes in the same home.
    pub mdns: bool,
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
            known: Vec::new(),
            proxy: None,
            nat: false,
            nat_patience: NAT_PATIENCE,
            relay: Relay::Off,
            upnp: false,
            mdns: false,
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
            .field("known", &self.known.len())
            .field("proxy", &self.proxy)
            .field("nat", &self.nat)
            .field("relay", &self.relay)
            .field("upnp", &self.upnp)
            .field("mdns", &self.mdns)
            .field("limits", &self.limits)
            .finish()
    }
}

/// Bounds on what peers and callers can make the swarm hold at one time.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Established connections accepted from others.
    pub inbound: usize,
    /// Of these, places for peers the owner named and those this node has reached by calling: nobody else fills them.
    pub inbound_known: usize,
    /// Established connections made by this node.
    pub outbound: usize,
    /// Outbound connections that may be open before searches for peers make no more of them.
    pub searching: usize,
    /// Connections that are still being set up, in each direction.
    pub pending: usize,
    /// Of those being accepted, from one IP address (counted as for `per_address`).
    pub pending_per_address: usize,
    /// Established connections with one peer, both directions together.
    pub per_peer: usize,
    /// Connections accepted from one IP address, those being set up included; an IPv6 /64 counts as
    /// one address, loopback is not counted.
    pub per_address: usize,
    /// Connections accepted over relays, whoever they come from.
    pub relayed: usize,
    /// Offers and requests one peer may send at once, and in the long run within a minute. A peer that
    /// sends more is disconnected and not let in again for ten minutes.
    pub messages_at_once: u32,
    /// See `messages_at_once`.
    pub messages_per_minute: u32,
    /// Bytes that may come over one connection at once, and within a second in the long run, whatever they are. A peer that
    /// sends more is disconnected and not let in again for ten minutes.
    pub bytes_at_once: u64,
    /// See `bytes_at_once`.
    pub bytes_per_second: u64,
    /// Streams a peer may open on one connection at once, and within a second in the long run; see `bytes_at_once`.
    pub streams_at_once: u64,
    /// See `streams_at_once`.
    pub streams_per_second: u64,
    /// No new connections while this process holds more than this share of the machine's memory
    /// (hundredths): the rest belongs to the swaps already running.
    pub memory_percent: u8,
    /// Requests of this node that wait for an answer.
    pub requests: usize,
    /// Requests of this node that wait for an answer from one peer.
    pub requests_per_peer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inbound: 256,
            inbound_known: 32,
            outbound: 128,
            searching: 24,
            pending: 64,
            pending_per_address: 8,
            per_peer: 4,
            per_address: 32,
            relayed: 64,
            messages_at_once: 3_000,
            messages_per_minute: 3_000,
            // A whole book, as asked for, and what else is said meanwhile.
            bytes_at_once: 128 << 20,
            bytes_per_second: 1 << 20,
            // Twice the messages that are counted.
            streams_at_once: 6_000,
            streams_per_second: 100,
            memory_percent: 75,
            requests: 256,
            requests_per_peer: 16,
        }
    }
}
