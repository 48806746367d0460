//! The swarm's protocols, put together.

use libp2p::{
    dcutr,
    gossipsub::IdentTopic,
    identify,
    identity::Keypair,
    mdns, memory_connection_limits, ping, relay,
    swarm::{NetworkBehaviour, behaviour::toggle::Toggle},
    upnp,
};

use super::{
    autonat,
    config::NetworkConfig,
    error::NetworkError,
    exchange::{self, Exchange, Protocol},
    identify as identity, kad,
    limits::{self, Connections},
    local as home,
    offers::{self, Gossip},
    relay::{self as lending, Relay},
};

/// All protocols. The limits come first: a connection they refuse is seen by nobody else, so no
/// waiting request is handed to a connection that never comes to be.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub(super) limits: Connections,
    pub(super) memory: memory_connection_limits::Behaviour,
    pub(super) identify: identify::Behaviour,
    pub(super) ping: ping::Behaviour,
    pub(super) offers: Gossip,
    pub(super) quote: Exchange,
    pub(super) swap: Exchange,
    pub(super) book: Exchange,
    pub(super) table: kad::Table,
    pub(super) relayed: relay::client::Behaviour,
    pub(super) relay: Toggle<relay::Behaviour>,
    pub(super) punching: Toggle<dcutr::Behaviour>,
    pub(super) asking: Toggle<autonat::Asker>,
    pub(super) answering: Toggle<autonat::Answerer>,
    pub(super) router: Toggle<upnp::tokio::Behaviour>,
    pub(super) neighbours: Toggle<mdns::tokio::Behaviour>,
}

impl Behaviour {
    /// # Errors
    /// When a protocol refuses its configuration.
    pub(super) fn new(
        config: &NetworkConfig,
        key: &Keypair,
        topic: &IdentTopic,
        relayed: relay::client::Behaviour,
    ) -> Result<Self, NetworkError> {
        let local = key.public().to_peer_id();
        // Behind a proxy nothing is done that tells others where this node is.
        let open = config.proxy.is_none();
        let listens = open && !config.listen.is_empty();
        let lends = open && config.relay != Relay::Off;
        let finds_out = listens && config.nat && config.external.is_empty();
        let hides = !open || !config.external.is_empty();
        Ok(Self {
            limits: Connections::new(config.limits.clone()),
            memory: limits::memory(config.limits.memory_percent),
            identify: identity::new(config.network, key, hides),
            ping: identity::ping(),
            offers: offers::new(topic)?,
            quote: exchange::new(Protocol::Quote),
            swap: exchange::new(Protocol::Swap),
            book: exchange::new(Protocol::Book),
            table: kad::new(config.network, local, config.limits.searching)?,
            relayed,
            relay: lends.then(|| lending::new(local)).into(),
            punching: (open && config.nat)
                .then(|| dcutr::Behaviour::new(local))
                .into(),
            asking: finds_out.then(|| autonat::asker(config.network)).into(),
            answering: lends.then(|| autonat::answerer(config.network)).into(),
            router: (listens && config.upnp).then(home::router).into(),
            neighbours: (open && config.mdns)
                .then(|| home::neighbours(local))
                .flatten()
                .into(),
        })
    }

    pub(super) fn exchange(&mut self, protocol: Protocol) -> &mut Exchange {
        match protocol {
            Protocol::Quote => &mut self.quote,
            Protocol::Swap => &mut self.swap,
            Protocol::Book => &mut self.book,
        }
    }
}
