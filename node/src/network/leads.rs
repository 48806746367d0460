//! Where calls may lead. Addresses are a stranger's words: those in an offer, those a peer says it listens at, those it wants
//! to be met at. Off regtest none of them may lead into the owner's own network.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, Transport,
    core::transport::{DialOpts, ListenerId, TransportError, TransportEvent},
};

use super::{address, transport::Connections};

/// Addresses that are called though they are not public: the last so many.
const MOST: usize = 512;

/// The addresses that may be called. Clones share them.
#[derive(Clone)]
pub(super) struct Leads {
    anywhere: bool,
    named: Arc<Mutex<Vec<Multiaddr>>>,
}

impl Leads {
    /// On regtest everything may be called, and everything public elsewhere.
    pub(super) fn new(network: bitcoin::Network) -> Self {
        Self {
            anywhere: network == bitcoin::Network::Regtest,
            named: Arc::default(),
        }
    }

    /// Lets this address be called too: the owner named it, it answered there before, or it was found in the same home.
    pub(super) fn allow(&self, at: &Multiaddr) {
        if self.anywhere || address::is_public(at) {
            return;
        }
        let at = address::without_peer(at);
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.retain(|known| *known != at);
        if named.len() >= MOST {
            named.remove(0);
        }
        named.push(at);
    }

    /// A way over a relay is judged when the relay is called.
    fn may_be_called(&self, at: &Multiaddr) -> bool {
        if self.anywhere || address::is_relayed(at) || address::is_public(at) {
            return true;
        }
        let at = address::without_peer(at);
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.contains(&at)
    }
}

/// A call that is not made.
#[derive(Debug, thiserror::Error)]
#[error("this address is in a private network, and nobody but a stranger has named it")]
struct Private;

/// A transport that calls only where it may.
pub(super) struct Guarded {
    inner: Connections,
    leads: Leads,
}

impl Guarded {
    pub(super) const fn new(inner: Connections, leads: Leads) -> Self {
        Self { inner, leads }
    }
}

impl Transport for Guarded {
    type Output = <Connections as Transport>::Output;
    type Error = io::Error;
    type ListenerUpgrade = <Connections as Transport>::ListenerUpgrade;
    type Dial = <Connections as Transport>::Dial;

    fn listen_on(
        &mut self,
        id: ListenerId,
        at: Multiaddr,
    ) -> Result<(), TransportError<Self::Error>> {
        self.inner.listen_on(id, at)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(
        &mut self,
        at: Multiaddr,
        how: DialOpts,
    ) -> Result<Self::Dial, TransportError<Self::Error>> {
        if !self.leads.may_be_called(&at) {
            tracing::debug!(address = %at, reason = %Private, "not called");
            return Err(TransportError::Other(io::Error::other(Private)));
        }
        self.inner.dial(at, how)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, Self::Error>> {
        Pin::new(&mut self.inner).poll(context)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use libp2p::{PeerId, multiaddr::Protocol};

    use super::*;

    fn at(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_what_is_public_or_was_named_is_called_and_on_regtest_everything() {
        let leads = Leads::new(bitcoin::Network::Bitcoin);
        let (router, open) = (at("/ip4/192.168.1.1/tcp/80"), at("/ip4/8.8.8.8/tcp/80"));
        let relay = router.clone().with(Protocol::P2p(PeerId::random()));
        let relayed = relay.clone().with(Protocol::P2pCircuit);
        assert!(leads.may_be_called(&open) && leads.may_be_called(&relayed));
        assert!(!leads.may_be_called(&router) && !leads.may_be_called(&relay));
        leads.allow(&relay);
        assert!(leads.may_be_called(&router) && leads.may_be_called(&relay));
        assert!(!leads.may_be_called(&at("/ip4/192.168.1.1/tcp/81")));
        for port in 1..=MOST {
            leads.allow(&at(&format!("/ip4/10.0.0.1/tcp/{port}")));
        }
        assert!(!leads.may_be_called(&router), "the oldest is forgotten");
        assert_eq!(leads.named.lock().unwrap().len(), MOST);
        assert!(Leads::new(bitcoin::Network::Regtest).may_be_called(&router));
    }
}
