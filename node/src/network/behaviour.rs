//! The swarm's protocols, put together.

use libp2p::{
    gossipsub::IdentTopic, identify, identity::Keypair, memory_connection_limits, ping,
    swarm::NetworkBehaviour,
};

use super::{
    config::NetworkConfig,
    error::NetworkError,
    exchange::{self, Exchange, Protocol},
    identify as identity,
    limits::{self, Connections},
    offers::{self, Gossip},
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
}

impl Behaviour {
    /// # Errors
    /// When a protocol refuses its configuration.
    pub(super) fn new(
        config: &NetworkConfig,
        key: &Keypair,
        topic: &IdentTopic,
    ) -> Result<Self, NetworkError> {
        Ok(Self {
            limits: Connections::new(config.limits.clone()),
            memory: limits::memory(),
            identify: identity::new(config.network, key, !config.external.is_empty()),
            ping: identity::ping(),
            offers: offers::new(topic)?,
            quote: exchange::new(Protocol::Quote),
            swap: exchange::new(Protocol::Swap),
            book: exchange::new(Protocol::Book),
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
