//! How the rest of the node talks to the swarm.

use std::{sync::Arc, time::Duration};

use libp2p::{Multiaddr, PeerId};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep, timeout_at},
};

use super::{
    cache::KnownPeer,
    error::{DialError, PublishError, RequestError},
    exchange::Protocol,
    offers::MAX_OFFER_BYTES,
    peers::{PeerInfo, View},
    traffic::{Meter, Traffic},
};

/// Pause before the one further try to reach a peer.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
/// Addresses of one peer that are tried: they come from strangers, who must not make this node
/// call half the world.
const MAX_ADDRESSES: usize = 8;

/// What became of an offer handed to [`NetworkHandle::publish_offer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// On its way to at least one peer.
    Sent,
    /// No peer listens yet. The newest such offer goes out as soon as one does.
    Waiting,
}

pub(super) enum Command {
    Publish(Vec<u8>, oneshot::Sender<Result<Published, PublishError>>),
    Request(Ask),
    Dial(Multiaddr, oneshot::Sender<Result<PeerId, DialError>>),
    Shutdown,
}

pub(super) struct Ask {
    pub(super) peer: PeerId,
    pub(super) addresses: Vec<Multiaddr>,
    pub(super) protocol: Protocol,
    pub(super) body: Vec<u8>,
    pub(super) reply: oneshot::Sender<Result<Vec<u8>, RequestError>>,
}

/// A running swarm. Clones lead to the same one; it ends when asked to, or with the last clone.
#[derive(Clone)]
pub struct NetworkHandle {
    pub(super) local: PeerId,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) view: Arc<View>,
    pub(super) meter: Meter,
    pub(super) stopped: watch::Receiver<()>,
}

impl NetworkHandle {
    /// This node's identity in the swarm.
    #[must_use]
    pub fn local_peer_id(&self) -> PeerId {
        self.local
    }

    /// The addresses listened on, with the ports really used. `0.0.0.0` appears as the addresses
    /// of the machine's interfaces.
    #[must_use]
    pub fn listen_addrs(&self) -> Vec<Multiaddr> {
        self.view.listen()
    }

    /// The addresses to give to others: the configured external ones; else those at which others
    /// were found to reach this node, relays included; else those listened on (loopback only when
    /// there is nothing else). None behind a proxy unless configured, and off regtest no private one that is not.
    #[must_use]
    pub fn contact_addrs(&self) -> Vec<Multiaddr> {
        self.view.contact().borrow().clone()
    }

    /// The addresses to show the owner: as [`Self::contact_addrs`]; where there is none, those listened on, for the owner's
    /// other nodes.
    #[must_use]
    pub fn shown_addrs(&self) -> Vec<Multiaddr> {
        let contact = self.contact_addrs();
        if contact.is_empty() && !self.view.is_hidden() {
            return self.listen_addrs();
        }
        contact
    }

    /// As [`Self::contact_addrs`], for waiting until they change.
    #[must_use]
    pub fn contact(&self) -> watch::Receiver<Vec<Multiaddr>> {
        self.view.contact()
    }

    /// The peers met so far, in this run or before, the best first; to be remembered for the next.
    #[must_use]
    pub fn known_peers(&self) -> Vec<KnownPeer> {
        self.view.cache().peers().to_vec()
    }

    /// The peers connected right now.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerInfo> {
        self.view.peers()
    }

    /// Whether `peer` is connected because this node called it.
    #[must_use]
    pub fn has_called(&self, peer: &PeerId) -> bool {
        self.view.peer(peer).is_some_and(|info| info.called)
    }

    /// What went over all connections since the start.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.meter.read()
    }

    /// Gives an offer to all peers. While nobody listens the newest offer waits (for half an hour
    /// at most) and goes out to the first peer that does.
    ///
    /// # Errors
    /// When the offer exceeds [`MAX_OFFER_BYTES`] or the swarm is stopped.
    pub async fn publish_offer(&self, payload: Vec<u8>) -> Result<Published, PublishError> {
        if payload.len() > MAX_OFFER_BYTES {
            return Err(PublishError::TooLarge {
                size: payload.len(),
                max: MAX_OFFER_BYTES,
            });
        }
        let (reply, answer) = oneshot::channel();
        let command = Command::Publish(payload, reply);
        let sent = self.commands.send(command).await;
        sent.map_err(|_| PublishError::Stopped)?;
        answer.await.unwrap_or(Err(PublishError::Stopped))
    }

    /// Sends a request and waits for the answer, no longer than [`Protocol::timeout`]. A peer that
    /// is not connected is called first, under `addresses` and those it told us before.
    ///
    /// # Errors
    /// See [`RequestError`]; its [`RequestError::may_have_arrived`] tells whether the peer may have
    /// acted on the request.
    pub async fn request(
        &self,
        peer: PeerId,
        mut addresses: Vec<Multiaddr>,
        protocol: Protocol,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, RequestError> {
        if body.len() > protocol.max_bytes() {
            return Err(RequestError::TooLarge {
                protocol,
                size: body.len(),
                max: protocol.max_bytes(),
            });
        }
        if peer == self.local {
            return Err(RequestError::Unreachable);
        }
        addresses.truncate(MAX_ADDRESSES);
        let deadline = Instant::now() + protocol.timeout();
        let no_retry_after = Instant::now() + protocol.timeout() / 2;

        let first = self.ask(peer, addresses.clone(), protocol, body.clone());
        match timeout_at(deadline, first).await {
            Err(_) => return Err(RequestError::Timeout),
            // A call under old addresses may have been under way, and its failure ended ours too.
            Ok(Err(RequestError::Unreachable)) if Instant::now() < no_retry_after => {}
            Ok(result) => return result,
        }
        sleep(RETRY_PAUSE).await;
        let second = self.ask(peer, addresses, protocol, body);
        let result = timeout_at(deadline, second).await;
        result.unwrap_or(Err(RequestError::Timeout))
    }

    async fn ask(
        &self,
        peer: PeerId,
        addresses: Vec<Multiaddr>,
        protocol: Protocol,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, RequestError> {
        let (reply, answer) = oneshot::channel();
        let ask = Ask {
            peer,
            addresses,
            protocol,
            body,
            reply,
        };
        let sent = self.commands.send(Command::Request(ask)).await;
        sent.map_err(|_| RequestError::Stopped)?;
        answer.await.unwrap_or(Err(RequestError::Stopped))
    }

    /// Connects to `address` and tells who answered. With `/p2p/<peer id>` at its end, only that
    /// peer will do, and being connected with it already is enough.
    ///
    /// # Errors
    /// When nobody answers there, or somebody else.
    pub async fn dial(&self, address: Multiaddr) -> Result<PeerId, DialError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(Command::Dial(address, reply)).await;
        sent.map_err(|_| DialError::Stopped)?;
        answer.await.unwrap_or(Err(DialError::Stopped))
    }

    /// Closes all connections and listeners; returns when that is done. Requests still waiting end
    /// with [`RequestError::Stopped`].
    pub async fn shutdown(&self) {
        // Failing to send means that it has stopped already.
        let _ = self.commands.send(Command::Shutdown).await;
        self.ended().await;
    }

    /// Returns once the swarm is gone, for whatever reason.
    pub async fn ended(&self) {
        let mut stopped = self.stopped.clone();
        // Nothing is ever sent: the channel closes when the swarm is gone.
        while stopped.changed().await.is_ok() {}
    }
}
