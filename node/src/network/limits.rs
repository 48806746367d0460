//! How many connections there may be, and when memory forbids more.
//!
//! The count is our own: the library's remembers every peer that ever connected, and does not look
//! at addresses.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    convert::Infallible,
    net::IpAddr,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{ConnectedPoint, Endpoint, transport::PortUse},
    memory_connection_limits,
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, dummy,
    },
};
use tokio::time::Instant;

use super::{
    address,
    config::Limits,
    flood::{Outside, home},
};

/// Bounds the memory with which connections are still taken: hundredths of the machine's.
#[expect(clippy::float_arithmetic, reason = "the library's measure; no money")]
pub(super) fn memory(percent: u8) -> memory_connection_limits::Behaviour {
    memory_connection_limits::Behaviour::with_max_percentage(f64::from(percent) / 100.0)
}

/// Peers a place is kept for at most: those remembered, and the owner's.
const MOST_KNOWN: usize = 256;

/// Bounds the number of connections: by direction, peer and address. Holds nothing but the
/// connections there are, so it is itself bounded by what it allows.
pub(super) struct Connections {
    limits: Limits,
    calling: HashSet<ConnectionId>,
    called: HashMap<ConnectionId, Option<IpAddr>>,
    established: HashMap<ConnectionId, Established>,
    known: VecDeque<PeerId>,
    outside: Outside,
}

struct Established {
    peer: PeerId,
    inbound: bool,
    relayed: bool,
    /// Of those who called us.
    address: Option<IpAddr>,
}

/// One that is not let in.
#[derive(Debug, thiserror::Error)]
#[error("it sent too much lately and is not let in")]
struct Out;

/// Which bound a connection would have exceeded.
#[derive(Debug, thiserror::Error)]
#[error("too many connections {kind}: at most {max} are allowed")]
struct Exceeded {
    kind: &'static str,
    max: usize,
}

impl Connections {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            calling: HashSet::new(),
            called: HashMap::new(),
            established: HashMap::new(),
            known: VecDeque::new(),
            outside: Outside::default(),
        }
    }

    /// Refuses this peer from now on, and for a shorter while the address it called from. False when it was refused before.
    pub(super) fn put_outside(&mut self, peer: PeerId, address: Option<IpAddr>) -> bool {
        let now = Instant::now();
        if self.outside.has_peer(&peer, now) {
            return false;
        }
        self.outside.put(peer, address, now);
        true
    }

    /// Keeps a place for this peer, when it calls. Only for those that strangers cannot name: the last so many as remembered.
    pub(super) fn know(&mut self, peer: PeerId) {
        self.known.retain(|known| *known != peer);
        if self.known.len() >= MOST_KNOWN {
            self.known.pop_front();
        }
        self.known.push_back(peer);
    }

    fn check_established(
        &self,
        peer: &PeerId,
        inbound: bool,
        relayed: bool,
    ) -> Result<(), ConnectionDenied> {
        if self.outside.has_peer(peer, Instant::now()) {
            return Err(ConnectionDenied::new(Out));
        }
        let all = self.established.values();
        let of_peer = all.clone().filter(|c| c.peer == *peer).count();
        check("with one peer", of_peer, self.limits.per_peer)?;
        let same_way = all.clone().filter(|c| c.inbound == inbound).count();
        if inbound {
            if relayed {
                let over_relays = all.filter(|c| c.inbound && c.relayed).count();
                check("over relays", over_relays, self.limits.relayed)?;
            }
            let most = if self.known.contains(peer) {
                self.limits.inbound
            } else {
                let kept = self.limits.inbound_known;
                self.limits.inbound.saturating_sub(kept)
            };
            check("from others", same_way, most)
        } else {
            check("to others", same_way, self.limits.outbound)
        }
    }

    /// Those being accepted from there, and those that are.
    fn count_from(&self, address: IpAddr) -> (usize, usize) {
        let pending = self.called.values().filter(|a| **a == Some(address));
        let established = self.established.values();
        let established = established.filter(|c| c.address == Some(address));
        (pending.count(), established.count())
    }
}

fn check(kind: &'static str, current: usize, max: usize) -> Result<(), ConnectionDenied> {
    if current < max {
        Ok(())
    } else {
        Err(ConnectionDenied::new(Exceeded { kind, max }))
    }
}

impl NetworkBehaviour for Connections {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        check("being accepted", self.called.len(), self.limits.pending)?;
        let address = home(remote);
        if let Some(address) = address {
            if self.outside.has_address(&address, Instant::now()) {
                return Err(ConnectionDenied::new(Out));
            }
            let (pending, established) = self.count_from(address);
            let most = self.limits.pending_per_address;
            check("being accepted from one address", pending, most)?;
            let all = pending.saturating_add(established);
            check("from one address", all, self.limits.per_address)?;
        }
        self.called.insert(id, address);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.called.remove(&id);
        self.check_established(&peer, true, address::is_relayed(local))?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        id: ConnectionId,
        _: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        check("being made", self.calling.len(), self.limits.pending)?;
        self.calling.insert(id);
        Ok(Vec::new())
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.calling.remove(&id);
        self.check_established(&peer, false, false)?;
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(event) => {
                let (inbound, address) = match event.endpoint {
                    ConnectedPoint::Listener { send_back_addr, .. } => (true, home(send_back_addr)),
                    ConnectedPoint::Dialer { .. } => (false, None),
                };
                let established = Established {
                    peer: event.peer_id,
                    inbound,
                    relayed: event.endpoint.is_relayed(),
                    address,
                };
                self.established.insert(event.connection_id, established);
            }
            FromSwarm::ConnectionClosed(event) => {
                self.established.remove(&event.connection_id);
            }
            FromSwarm::DialFailure(event) => {
                self.calling.remove(&event.connection_id);
            }
            FromSwarm::ListenFailure(event) => {
                self.called.remove(&event.connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use libp2p::swarm::{
        ListenError,
        behaviour::{ConnectionClosed, ConnectionEstablished, ListenFailure},
    };

    use super::*;

    fn connections(change: impl FnOnce(&mut Limits)) -> Connections {
        let mut limits = Limits::default();
        change(&mut limits);
        Connections::new(limits)
    }

    /// A call from `address` up to the established connection.
    fn accept(
        connections: &mut Connections,
        number: usize,
        peer: PeerId,
        address: &str,
    ) -> Result<(), ConnectionDenied> {
        let id = ConnectionId::new_unchecked(number);
        let (local, remote) = (Multiaddr::empty(), address.parse().unwrap());
        connections.handle_pending_inbound_connection(id, &local, &remote)?;
        connections.handle_established_inbound_connection(id, peer, &local, &remote)?;
        let endpoint = ConnectedPoint::Listener {
            local_addr: local,
            send_back_addr: remote,
        };
        let established = ConnectionEstablished {
            peer_id: peer,
            connection_id: id,
            endpoint: &endpoint,
            failed_addresses: &[],
            other_established: 0,
        };
        connections.on_swarm_event(FromSwarm::ConnectionEstablished(established));
        Ok(())
    }

    fn close(connections: &mut Connections, number: usize, peer: PeerId) {
        let endpoint = ConnectedPoint::Listener {
            local_addr: Multiaddr::empty(),
            send_back_addr: Multiaddr::empty(),
        };
        let closed = ConnectionClosed {
            peer_id: peer,
            connection_id: ConnectionId::new_unchecked(number),
            endpoint: &endpoint,
            cause: None,
            remaining_established: 0,
        };
        connections.on_swarm_event(FromSwarm::ConnectionClosed(closed));
    }

    #[test]
    fn one_address_cannot_take_all_places() {
        let mut all = connections(|l| l.per_address = 2);
        for number in 0..2 {
            accept(&mut all, number, PeerId::random(), "/ip4/192.0.2.1/tcp/1").unwrap();
        }
        accept(&mut all, 2, PeerId::random(), "/ip4/192.0.2.1/tcp/2").unwrap_err();
        accept(&mut all, 3, PeerId::random(), "/ip4/192.0.2.2/tcp/1").unwrap();
        // An IPv6 home has a whole /64 and is still one home.
        accept(&mut all, 4, PeerId::random(), "/ip6/2001:db8::1/tcp/1").unwrap();
        accept(&mut all, 5, PeerId::random(), "/ip6/2001:db8::2/tcp/1").unwrap();
        accept(&mut all, 6, PeerId::random(), "/ip6/2001:db8::3/tcp/1").unwrap_err();
        accept(&mut all, 7, PeerId::random(), "/ip6/2001:db8:0:1::/tcp/1").unwrap();
        for number in 10..20 {
            accept(&mut all, number, PeerId::random(), "/ip4/127.0.0.1/tcp/1").unwrap();
        }
    }

    #[test]
    fn one_peer_cannot_take_all_places() {
        let mut all = connections(|l| l.per_peer = 2);
        let peer = PeerId::random();
        for number in 0..2 {
            accept(&mut all, number, peer, "/ip4/192.0.2.1/tcp/1").unwrap();
        }
        accept(&mut all, 2, peer, "/ip4/192.0.2.1/tcp/1").unwrap_err();
        close(&mut all, 0, peer);
        accept(&mut all, 3, peer, "/ip4/192.0.2.1/tcp/1").unwrap();
    }

    #[test]
    fn two_addresses_that_never_finish_their_calls_do_not_keep_others_out() {
        let mut all = connections(|_| {});
        let mut number = 0;
        let mut call = |from: &str| {
            number += 1;
            let id = ConnectionId::new_unchecked(number);
            let remote = from.parse().unwrap();
            all.handle_pending_inbound_connection(id, &Multiaddr::empty(), &remote)
        };
        for from in ["/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.2/tcp/1"] {
            let begun = (0..100).filter(|_| call(from).is_ok()).count();
            assert_eq!(begun, 8);
        }
        call("/ip4/192.0.2.3/tcp/1").unwrap();
    }

    #[test]
    fn strangers_leave_places_for_those_this_node_has_called_before() {
        let mut all = connections(|l| {
            l.inbound = 4;
            l.inbound_known = 2;
        });
        let known = PeerId::random();
        all.know(known);
        let from = |n: usize| format!("/ip4/192.0.2.{n}/tcp/1");
        for number in 1..3 {
            accept(&mut all, number, PeerId::random(), &from(number)).unwrap();
        }
        accept(&mut all, 3, PeerId::random(), &from(3)).unwrap_err();
        accept(&mut all, 4, known, &from(4)).unwrap();
        (0..1000).for_each(|_| all.know(PeerId::random()));
        assert_eq!(all.known.len(), MOST_KNOWN);
        accept(&mut all, 5, known, &from(5)).unwrap_err();
    }

    #[test]
    fn nothing_is_remembered_of_those_who_left() {
        let mut all = connections(|_| {});
        for number in 0..1000 {
            let peer = PeerId::random();
            accept(&mut all, number, peer, "/ip4/192.0.2.1/tcp/1").unwrap();
            close(&mut all, number, peer);
        }
        assert!(all.established.is_empty() && all.called.is_empty() && all.calling.is_empty());
    }

    #[test]
    fn half_open_calls_are_bounded_and_forgotten_when_they_fail() {
        let mut all = connections(|l| l.pending = 2);
        let call = |all: &mut Connections, number| {
            let id = ConnectionId::new_unchecked(number);
            let remote = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
            all.handle_pending_inbound_connection(id, &Multiaddr::empty(), &remote)
        };
        call(&mut all, 0).unwrap();
        call(&mut all, 1).unwrap();
        call(&mut all, 2).unwrap_err();
        let failure = ListenFailure {
            local_addr: &Multiaddr::empty(),
            send_back_addr: &Multiaddr::empty(),
            error: &ListenError::Aborted,
            connection_id: ConnectionId::new_unchecked(0),
            peer_id: None,
        };
        all.on_swarm_event(FromSwarm::ListenFailure(failure));
        call(&mut all, 3).unwrap();
        call(&mut all, 4).unwrap_err();
    }
}
