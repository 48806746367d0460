//! A library's protocol on a leash: what it may hear and whom it may call.

use std::task::{Context, Poll};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, DialError, FromSwarm, NetworkBehaviour, THandler,
        THandlerInEvent, THandlerOutEvent, ToSwarm, behaviour::DialFailure, dial_opts::DialOpts,
    },
};

/// What a protocol is held to.
pub(super) trait Rule: 'static {
    /// Whether the protocol hears of this. Connections and calls must always be heard of.
    fn hears(&mut self, _: &FromSwarm<'_>) -> bool {
        true
    }

    /// Whether the protocol may make this call.
    fn may_call(&mut self, _: &DialOpts) -> bool {
        true
    }

    /// Whether a call, the protocol's own or another's, may go to these addresses.
    fn may_reach(&mut self, _: ConnectionId, _: &[Multiaddr]) -> bool {
        true
    }

    /// Whether the protocol may add this address to a call.
    fn may_add(&self, _: &Multiaddr) -> bool {
        true
    }
}

/// A protocol and the rule it is held to.
pub(super) struct Bounded<B, R> {
    inner: B,
    rule: R,
}

/// A call to an address the rule does not allow.
#[derive(Debug, thiserror::Error)]
#[error("a stranger asked for a call to an address that is not public")]
struct NotPublic;

impl<B, R> Bounded<B, R> {
    pub(super) const fn new(inner: B, rule: R) -> Self {
        Self { inner, rule }
    }

    pub(super) const fn get(&mut self) -> &mut B {
        &mut self.inner
    }
}

impl<B: NetworkBehaviour, R: Rule> NetworkBehaviour for Bounded<B, R> {
    type ConnectionHandler = B::ConnectionHandler;
    type ToSwarm = B::ToSwarm;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.inner
            .handle_pending_inbound_connection(id, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner
            .handle_established_inbound_connection(id, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if !self.rule.may_reach(id, addresses) {
            return Err(ConnectionDenied::new(NotPublic));
        }
        let mut added = self
            .inner
            .handle_pending_outbound_connection(id, peer, addresses, role)?;
        added.retain(|address| self.rule.may_add(address));
        Ok(added)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner
            .handle_established_outbound_connection(id, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if self.rule.hears(&event) {
            self.inner.on_swarm_event(event);
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        id: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.inner.on_connection_handler_event(peer, id, event);
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        loop {
            match self.inner.poll(context) {
                Poll::Ready(ToSwarm::Dial { opts }) if !self.rule.may_call(&opts) => {
                    // For the protocol it is a call that failed.
                    self.inner
                        .on_swarm_event(FromSwarm::DialFailure(DialFailure {
                            peer_id: opts.get_peer_id(),
                            error: &DialError::Aborted,
                            connection_id: opts.connection_id(),
                        }));
                }
                other => return other,
            }
        }
    }
}
