//! The loop that owns the swarm: takes calls from handles, results from the handler and events
//! from the wire, one at a time. Nothing in it waits for anything else.

use std::{collections::HashMap, sync::Arc, time::Duration};

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
    behaviour::Behaviour,
    bootstrap::{self, Bootstrap},
    config::Limits,
    error::{DialError, NetworkError, PublishError, RequestError},
    exchange::Protocol,
    handle::{Ask, Command, Published},
    offers::{self, MAX_OFFER_BYTES},
    peers::View,
    work::{Done, Work},
};

/// How long an offer waits for a first peer. Makers announce again sooner than that.
const OFFER_WAITS: Duration = Duration::from_secs(30 * 60);
/// How long peers are given to take note of the goodbye.
const GOODBYE: Duration = Duration::from_millis(500);

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
        loop {
            let call = self.bootstrap.next_call();
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
        let peer = bootstrap::peer_of(&dial.address);
        if let Some(peer) = peer.filter(|peer| self.swarm.is_connected(peer)) {
            let _ = dial.reply.send(Ok(peer));
            return;
        }
        if self.dials.len() >= self.limits.pending {
            let _ = dial.reply.send(Err(DialError::Busy));
            return;
        }
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
        for call in self.bootstrap.due(Instant::now()) {
            if let Err(error) = self.swarm.dial(call) {
                tracing::debug!(%error, "bootstrap peer not called");
            }
        }
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
