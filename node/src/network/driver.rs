//! The loop that owns the swarm: takes calls from handles, results from the handler and events
//! from the wire, one at a time. Nothing in it waits for anything else.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, Swarm,
    core::transport::ListenerId,
    gossipsub::{self, IdentTopic},
    request_response::OutboundRequestId,
    swarm::{
        ConnectionId,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout},
};

use super::{
    address,
    behaviour::Behaviour,
    bootstrap::Bootstrap,
    config::Limits,
    error::{DialError, NetworkError, PublishError, RequestError},
    exchange::Protocol,
    flood::Floods,
    handle::{Ask, Command, Published},
    handler::Verdict,
    leads::Leads,
    offers::{self, MAX_OFFER_BYTES},
    peers::View,
    relay::Relay,
    reservations::Reservations,
    work::{Done, Work},
};

/// How long an offer waits for a first peer. Makers announce again sooner than that.
const OFFER_WAITS: Duration = Duration::from_secs(30 * 60);
/// How long peers are given to take note of the goodbye.
const GOODBYE: Duration = Duration::from_millis(500);
/// Between two looks at whether there are enough peers, and how many are.
const LOOK: Duration = Duration::from_secs(30);
const ENOUGH: usize = 8;
/// Peers met before that are called at one go.
const CALLED_FIRST: usize = 16;

pub(super) struct Driver {
    pub(super) swarm: Swarm<Behaviour>,
    pub(super) topic: IdentTopic,
    pub(super) network: bitcoin::Network,
    pub(super) limits: Limits,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) work: Work,
    pub(super) done: mpsc::Receiver<Done>,
    /// Our requests without an answer yet.
    pub(super) requests: HashMap<(Protocol, OutboundRequestId), Waiting>,
    /// Calls asked for through a handle.
    pub(super) dials: HashMap<ConnectionId, Dial>,
    pub(super) bootstrap: Bootstrap,
    pub(super) leads: Leads,
    /// Peers met before that were called at the start and have not been heard of yet.
    pub(super) called_first: HashSet<PeerId>,
    pub(super) reservations: Reservations,
    pub(super) lends: Relay,
    /// As configured.
    pub(super) listen: Vec<Multiaddr>,
    pub(super) floods: Floods,
    pub(super) look_at: Instant,
    /// The newest offer that nobody has received yet.
    pub(super) offer: Option<(Vec<u8>, Instant)>,
    pub(super) view: Arc<View>,
    /// Until all listeners are open.
    pub(super) starting: Option<Starting>,
}

pub(super) struct Waiting {
    pub(super) peer: PeerId,
    pub(super) reply: oneshot::Sender<Result<Vec<u8>, RequestError>>,
}

pub(super) struct Dial {
    pub(super) address: Multiaddr,
    pub(super) reply: oneshot::Sender<Result<PeerId, DialError>>,
}

/// Who waits for which listeners.
pub(super) struct Starting {
    pub(super) listeners: HashMap<ListenerId, Multiaddr>,
    pub(super) ready: oneshot::Sender<Result<(), NetworkError>>,
}

impl Starting {
    pub(super) fn new(ready: oneshot::Sender<Result<(), NetworkError>>) -> Self {
        Self {
            listeners: HashMap::new(),
            ready,
        }
    }
}

impl Driver {
    /// Runs until told to stop, or until all handles are gone.
    pub(super) async fn run(&mut self) {
        self.report_ready();
        self.reachability_again();
        self.call_known_peers();
        loop {
            let call = self.bootstrap.next_call();
            let relay = self.reservations.due();
            tokio::select! {
                biased; // local work first: it is bounded, and it is what frees the bounds
                command = self.commands.recv() => match command {
                    None | Some(Command::Shutdown) => break,
                    Some(command) => self.on_command(command),
                },
                Some(done) = self.done.recv() => self.on_done(done),
                () = sleep_until(call.unwrap_or_else(Instant::now)), if call.is_some() => {
                    self.call_bootstrap_peers();
                }
                () = sleep_until(relay.unwrap_or_else(Instant::now)), if relay.is_some() => {
                    self.ask_relays();
                }
                () = sleep_until(self.look_at) => self.look_for_peers(),
                event = self.swarm.select_next_some() => self.on_event(event),
            }
        }
        self.say_goodbye().await;
    }

    fn on_command(&mut self, command: Command) {
        // A caller that is gone needs no reply.
        match command {
            Command::Publish(payload, reply) => {
                let _ = reply.send(self.publish(payload));
            }
            Command::Request(ask) => self.request(ask),
            Command::Dial(address, reply) => self.dial(Dial { address, reply }),
            Command::Shutdown => {}
        }
    }

    fn on_done(&mut self, done: Done) {
        match done {
            Done::Verdict {
                message,
                from,
                verdict,
            } => {
                let acceptance = offers::acceptance(verdict);
                let gossip = &mut self.swarm.behaviour_mut().offers;
                gossip.report_message_validation_result(&message, &from, acceptance);
                if verdict == Verdict::Reject
                    && gossip.peer_score(&from).is_some_and(offers::is_out)
                {
                    self.put_outside(from, "its offers break the rules");
                }
            }
            Done::Answer {
                protocol,
                channel,
                body,
            } => {
                if body.len() > protocol.max_bytes() {
                    tracing::error!(%protocol, size = body.len(), "answer too large, not sent");
                    return;
                }
                let exchange = self.swarm.behaviour_mut().exchange(protocol);
                if exchange.send_response(channel, body).is_err() {
                    tracing::debug!(%protocol, "the answer came too late");
                }
            }
        }
    }

    fn publish(&mut self, payload: Vec<u8>) -> Result<Published, PublishError> {
        use gossipsub::PublishError as Gossip;

        let topic = self.topic.hash();
        let size = payload.len();
        let gossip = &mut self.swarm.behaviour_mut().offers;
        match gossip.publish(topic, payload.clone()) {
            // With all queues full it still goes out with the next heartbeat's list of messages.
            Ok(_) | Err(Gossip::Duplicate | Gossip::AllQueuesFull(_)) => {
                self.offer = None;
                Ok(Published::Sent)
            }
            Err(Gossip::NoPeersSubscribedToTopic) => {
                self.offer = Some((payload, Instant::now()));
                Ok(Published::Waiting)
            }
            Err(Gossip::MessageTooLarge) => Err(PublishError::TooLarge {
                size,
                max: MAX_OFFER_BYTES,
            }),
            Err(error) => Err(PublishError::Refused(error.to_string())),
        }
    }

    /// Somebody listens now: sends the offer that waits, if any.
    pub(super) fn publish_waiting(&mut self) {
        let Some((payload, since)) = self.offer.take() else {
            return;
        };
        if since.elapsed() > OFFER_WAITS {
            return;
        }
        match self.publish(payload) {
            Ok(Published::Sent) => {}
            Ok(Published::Waiting) => {
                // It goes on waiting from when it was handed in, not from now.
                if let Some(offer) = &mut self.offer {
                    offer.1 = since;
                }
            }
            Err(error) => tracing::warn!(%error, "the waiting offer was not published"),
        }
    }

    fn request(&mut self, ask: Ask) {
        if self.requests.len() >= self.limits.requests {
            self.requests
                .retain(|_, waiting| !waiting.reply.is_closed());
        }
        let of_peer = self.requests.values().filter(|w| w.peer == ask.peer);
        if self.requests.len() >= self.limits.requests
            || of_peer.count() >= self.limits.requests_per_peer
        {
            let _ = ask.reply.send(Err(RequestError::Busy));
            return;
        }
        let exchange = self.swarm.behaviour_mut().exchange(ask.protocol);
        let id = exchange.send_request_with_addresses(&ask.peer, ask.body, ask.addresses);
        let waiting = Waiting {
            peer: ask.peer,
            reply: ask.reply,
        };
        self.requests.insert((ask.protocol, id), waiting);
    }

    fn dial(&mut self, dial: Dial) {
        let peer = address::peer_of(&dial.address);
        if let Some(peer) = peer.filter(|peer| self.swarm.is_connected(peer)) {
            let _ = dial.reply.send(Ok(peer));
            return;
        }
        if self.dials.len() >= self.limits.pending {
            let _ = dial.reply.send(Err(DialError::Busy));
            return;
        }
        // The owner named it.
        self.leads.allow(&dial.address);
        let call = match peer {
            Some(peer) => DialOpts::peer_id(peer)
                .addresses(vec![dial.address.clone()])
                .condition(PeerCondition::Disconnected)
                .build(),
            None => DialOpts::unknown_peer_id()
                .address(dial.address.clone())
                .build(),
        };
        let connection = call.connection_id();
        match self.swarm.dial(call) {
            Ok(()) => {
                self.dials.insert(connection, dial);
            }
            Err(error) => {
                let _ = dial.reply.send(Err(DialError::Failed {
                    address: dial.address,
                    reason: error.to_string(),
                }));
            }
        }
    }

    fn call_bootstrap_peers(&mut self) {
        let leads = &self.leads;
        for call in self.bootstrap.due(Instant::now(), |at| leads.allow(at)) {
            if let Err(error) = self.swarm.dial(call) {
                tracing::debug!(%error, "bootstrap peer not called");
            }
        }
    }

    /// Calls the best of those met before. The bootstrap peers wait for that, but not for long.
    fn call_known_peers(&mut self) {
        let best = self.view.cache().best(CALLED_FIRST);
        for (peer, addresses) in best {
            if peer != *self.swarm.local_peer_id() && self.call_known(peer, addresses) {
                self.called_first.insert(peer);
            }
        }
        self.heard_of_first(None);
    }

    fn call_known(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) -> bool {
        // Those in private networks are here only because it answered there.
        addresses.iter().for_each(|at| self.leads.allow(at));
        let call = DialOpts::peer_id(peer)
            .addresses(addresses)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .build();
        self.swarm.dial(call).is_ok()
    }

    /// One of those called first has answered or not. When that is known of all, the bootstrap peers
    /// are next.
    pub(super) fn heard_of_first(&mut self, peer: Option<&PeerId>) {
        let waited = peer.is_none_or(|peer| self.called_first.remove(peer));
        if waited && self.called_first.is_empty() {
            self.bootstrap.hurry(Instant::now());
        }
    }

    /// With too few peers, those met before are called again, and others searched for.
    fn look_for_peers(&mut self) {
        self.look_at = Instant::now() + LOOK;
        let peers = self.swarm.connected_peers().count();
        if peers >= ENOUGH {
            return;
        }
        let best = self.view.cache().best(usize::MAX);
        for (peer, addresses) in best
            .into_iter()
            .filter(|(peer, _)| !self.swarm.is_connected(peer))
            .take(ENOUGH - peers)
            .collect::<Vec<_>>()
        {
            self.call_known(peer, addresses);
        }
        // Without anyone in the table there is nobody to ask.
        let table = &mut self.swarm.behaviour_mut().table;
        let _ = table.get().bootstrap();
    }

    /// Shows a peer out: it is disconnected, and refused for a while.
    pub(super) fn put_outside(&mut self, peer: PeerId, why: &str) {
        // What it had sent before is heard after, and a connection takes a moment to close.
        let home = self.floods.home(&peer);
        if self.swarm.behaviour_mut().limits.put_outside(peer, home) {
            tracing::warn!(%peer, why, "peer disconnected, and refused for a while");
        }
        // The error only says that the connection is closed already.
        let _ = self.swarm.disconnect_peer_id(peer);
    }

    /// Tells the one who started the swarm once every listener is open.
    pub(super) fn report_ready(&mut self) {
        if let Some(starting) = self.starting.take_if(|s| s.listeners.is_empty()) {
            let _ = starting.ready.send(Ok(()));
        }
    }

    /// Closes connections in an orderly way, so that peers do not wait for a node that is gone.
    async fn say_goodbye(&mut self) {
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // The error only says that the connection is closed already.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let closed = async {
            while self.swarm.network_info().num_peers() > 0 {
                self.swarm.select_next_some().await;
            }
        };
        let _ = timeout(GOODBYE, closed).await;
        self.view.clear();
    }
}
