//! What happens on the wire, and what the loop makes of it.

use std::io;

use libp2p::{
    PeerId,
    core::ConnectedPoint,
    gossipsub, identify, ping,
    request_response::{self, Message, OutboundFailure},
    swarm::{ConnectionError, ConnectionId, SwarmEvent},
};
use tokio::time::Instant;

use super::{
    behaviour::BehaviourEvent,
    driver::Driver,
    error::{DialError, NetworkError, RequestError},
    exchange::{ExchangeEvent, Protocol},
    handler::Verdict,
    identify::version,
    offers,
    pace::is_too_much,
    peers::PeerInfo,
};

impl Driver {
    pub(super) fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::ConnectionClosed {
                peer_id,
                num_established,
                cause: Some(ConnectionError::IO(error)),
                ..
            } if is_too_much(&error) => {
                self.put_outside(peer_id, "more came from it than any honest peer sends");
                if num_established == 0 {
                    self.on_gone(&peer_id);
                }
            }
            SwarmEvent::Behaviour(event) => self.on_behaviour(event),
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => self.on_established(peer_id, connection_id, &endpoint),
            SwarmEvent::ConnectionClosed {
                peer_id,
                num_established: 0,
                cause,
                ..
            } => {
                tracing::debug!(peer = %peer_id, ?cause, "peer gone");
                self.on_gone(&peer_id);
            }
            SwarmEvent::OutgoingConnectionError {
                connection_id,
                peer_id,
                error,
            } => {
                if peer_id.is_some_and(|peer| self.bootstrap.contains(&peer)) {
                    tracing::info!(peer = ?peer_id, %error, "bootstrap peer not reached, trying on");
                }
                if let Some(peer) = &peer_id {
                    // Without any peer it is this node that is offline, not all the others.
                    let online = self.swarm.connected_peers().next().is_some();
                    if online && !self.swarm.is_connected(peer) {
                        self.view.cache().failed(peer);
                    }
                    self.heard_of_first(Some(peer));
                }
                if let Some(dial) = self.dials.remove(&connection_id) {
                    let _ = dial.reply.send(Err(DialError::Failed {
                        address: dial.address,
                        reason: error.to_string(),
                    }));
                }
            }
            SwarmEvent::NewListenAddr {
                listener_id,
                address,
            } => {
                tracing::info!(%address, "listening for peers");
                self.view.listening(address.clone());
                self.on_listening(address);
                if let Some(starting) = &mut self.starting {
                    starting.listeners.remove(&listener_id);
                }
                self.report_ready();
            }
            SwarmEvent::ExternalAddrConfirmed { address } => self.on_confirmed(address),
            SwarmEvent::ExternalAddrExpired { address } => self.on_expired(&address),
            SwarmEvent::ExpiredListenAddr { address, .. } => self.view.not_listening(&address),
            SwarmEvent::ListenerClosed {
                listener_id,
                addresses,
                reason,
            } => {
                for address in &addresses {
                    self.view.not_listening(address);
                }
                let why = reason.err().map_or_else(String::new, |e| e.to_string());
                if self.on_relay_closed(&listener_id, &why) {
                    return;
                }
                tracing::error!(
                    ?addresses,
                    why,
                    "no longer listening: new peers cannot call us"
                );
                let failed =
                    |s: &mut super::driver::Starting| s.listeners.contains_key(&listener_id);
                if let Some(mut starting) = self.starting.take_if(failed)
                    && let Some(address) = starting.listeners.remove(&listener_id)
                {
                    let error = NetworkError::Listen {
                        address,
                        reason: why,
                    };
                    let _ = starting.ready.send(Err(error));
                }
            }
            _ => {}
        }
    }

    fn on_gone(&mut self, peer: &PeerId) {
        self.view.gone(peer);
        self.floods.gone(peer);
        self.reservations.gone(peer);
        self.bootstrap.lost(peer, Instant::now());
    }

    fn on_established(&mut self, peer: PeerId, connection: ConnectionId, end: &ConnectedPoint) {
        tracing::debug!(%peer, address = %end.get_remote_address(), "connected");
        self.view.connected(PeerInfo {
            peer,
            address: end.get_remote_address().clone(),
            outbound: end.is_dialer(),
            called: end.is_dialer() || self.bootstrap.contains(&peer),
            identified: false,
            bootstrap: self.bootstrap.contains(&peer),
        });
        if let ConnectedPoint::Listener { send_back_addr, .. } = end {
            self.floods.called(peer, send_back_addr);
        }
        self.bootstrap.connected(&peer, Instant::now());
        self.heard_of_first(Some(&peer));
        if let Some(dial) = self.dials.remove(&connection) {
            let _ = dial.reply.send(Ok(peer));
        }
    }

    fn on_behaviour(&mut self, event: BehaviourEvent) {
        if let Some(peer) = said_by(&event)
            && self.floods.is_too_much(&peer)
        {
            if self.swarm.is_connected(&peer) {
                self.put_outside(peer, "it sends too much");
            }
            return;
        }
        match event {
            BehaviourEvent::Offers(event) => self.on_gossip(event),
            BehaviourEvent::Identify(event) => self.on_identify(event),
            BehaviourEvent::Ping(event) => self.on_ping(&event),
            BehaviourEvent::Quote(event) => self.on_exchange(Protocol::Quote, event),
            BehaviourEvent::Swap(event) => self.on_exchange(Protocol::Swap, event),
            BehaviourEvent::Book(event) => self.on_exchange(Protocol::Book, event),
            BehaviourEvent::Asking(event) => self.on_tried(&event),
            BehaviourEvent::Router(event) => self.on_router(&event),
            BehaviourEvent::Neighbours(event) => self.on_neighbours(event),
            BehaviourEvent::Punching(event) => {
                let done = event.result.is_ok();
                tracing::debug!(peer = %event.remote_peer_id, done, "direct instead of over a relay");
            }
            // What they come to shows in connections and addresses. Records are never kept.
            BehaviourEvent::Table(_)
            | BehaviourEvent::Relay(_)
            | BehaviourEvent::Relayed(_)
            | BehaviourEvent::Answering(_) => {}
            BehaviourEvent::Limits(never) => match never {},
            BehaviourEvent::Memory(never) => match never {},
        }
    }

    fn on_gossip(&mut self, event: gossipsub::Event) {
        match event {
            gossipsub::Event::Message {
                propagation_source,
                message_id,
                message,
            } => {
                let queued = self
                    .work
                    .judge(propagation_source, message_id.clone(), message.data);
                if !queued {
                    let gossip = &mut self.swarm.behaviour_mut().offers;
                    gossip.report_message_validation_result(
                        &message_id,
                        &propagation_source,
                        offers::acceptance(Verdict::Ignore),
                    );
                }
            }
            gossipsub::Event::Subscribed { .. } => self.publish_waiting(),
            _ => {}
        }
    }

    fn on_identify(&mut self, event: identify::Event) {
        let identify::Event::Received { peer_id, info, .. } = event else {
            return;
        };
        let ours = version(self.network);
        if info.protocol_version != ours {
            tracing::debug!(
                peer = %peer_id,
                theirs = info.protocol_version,
                ours,
                "another network or version: disconnecting"
            );
            let _ = self.swarm.disconnect_peer_id(peer_id);
            return;
        }
        self.on_abilities(peer_id, &info);
        // The addresses the peer told are remembered by the identify protocol itself.
        if self.view.identified(&peer_id) {
            self.work.greet(peer_id);
        }
    }

    fn on_ping(&mut self, event: &ping::Event) {
        if let Err(ping::Failure::Timeout) = event.result {
            tracing::debug!(peer = %event.peer, "no sign of life: closing the connection");
            self.swarm.close_connection(event.connection);
        }
    }

    fn on_exchange(&mut self, protocol: Protocol, event: ExchangeEvent) {
        match event {
            request_response::Event::Message { peer, message, .. } => match message {
                Message::Request {
                    request, channel, ..
                } => self.work.answer(peer, protocol, request, channel),
                Message::Response {
                    request_id,
                    response,
                } => {
                    if let Some(waiting) = self.requests.remove(&(protocol, request_id)) {
                        let _ = waiting.reply.send(Ok(response));
                    }
                }
            },
            request_response::Event::OutboundFailure {
                request_id, error, ..
            } => {
                if let Some(waiting) = self.requests.remove(&(protocol, request_id)) {
                    let _ = waiting.reply.send(Err(failure(protocol, error)));
                }
            }
            request_response::Event::InboundFailure { peer, error, .. } => {
                tracing::debug!(%peer, %protocol, %error, "request not answered");
            }
            request_response::Event::ResponseSent { .. } => {}
        }
    }
}

/// Whose message it is, when it is one that costs this node work.
fn said_by(event: &BehaviourEvent) -> Option<PeerId> {
    match event {
        BehaviourEvent::Offers(gossipsub::Event::Message {
            propagation_source, ..
        }) => Some(*propagation_source),
        BehaviourEvent::Quote(event)
        | BehaviourEvent::Swap(event)
        | BehaviourEvent::Book(event) => match event {
            request_response::Event::Message {
                peer,
                message: Message::Request { .. },
                ..
            }
            | request_response::Event::InboundFailure { peer, .. } => Some(*peer),
            _ => None,
        },
        _ => None,
    }
}

fn failure(protocol: Protocol, error: OutboundFailure) -> RequestError {
    match error {
        OutboundFailure::DialFailure => RequestError::Unreachable,
        OutboundFailure::Timeout => RequestError::Timeout,
        OutboundFailure::ConnectionClosed => RequestError::Lost,
        OutboundFailure::UnsupportedProtocols => RequestError::Unsupported(protocol),
        OutboundFailure::Io(error) => match error.kind() {
            io::ErrorKind::InvalidData => RequestError::Malformed(error.to_string()),
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::WriteZero => RequestError::Declined,
            _ => RequestError::Lost,
        },
    }
}
