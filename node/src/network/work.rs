//! The handler's work: done in tasks of its own, never in the swarm's loop.

use std::sync::Arc;

use libp2p::{PeerId, gossipsub::MessageId};
use tokio::sync::mpsc;

use super::{
    budget::Budget,
    exchange::{AnswerChannel, Protocol},
    handler::{Handler, Verdict},
    offers,
};

/// Results that wait for the swarm's attention.
const RESULTS: usize = 256;
/// Peers being greeted at one time, and waiting for it.
const GREETING: usize = 8;
const TO_GREET: usize = 512;

/// What a task of the handler came to.
pub(super) enum Done {
    Verdict {
        message: MessageId,
        from: PeerId,
        verdict: Verdict,
    },
    Answer {
        protocol: Protocol,
        channel: AnswerChannel,
        body: Vec<u8>,
    },
}

/// Runs the handler's futures within their budgets.
pub(super) struct Work {
    handler: Arc<dyn Handler>,
    offers: Budget,
    greetings: Budget,
    quote: Budget,
    swap: Budget,
    book: Budget,
    results: mpsc::Sender<Done>,
}

impl Work {
    pub(super) fn new(handler: Arc<dyn Handler>) -> (Self, mpsc::Receiver<Done>) {
        let (results, done) = mpsc::channel(RESULTS);
        let budget = |protocol: Protocol| {
            let rules = protocol.rules();
            Budget::new(rules.running, rules.waiting, rules.waiting_per_peer)
        };
        let work = Self {
            handler,
            offers: Budget::new(offers::RUNNING, offers::WAITING, offers::WAITING_PER_PEER),
            greetings: Budget::new(GREETING, TO_GREET, 1),
            quote: budget(Protocol::Quote),
            swap: budget(Protocol::Swap),
            book: budget(Protocol::Book),
            results,
        };
        (work, done)
    }

    /// Has an offer judged. False when there is no room for it.
    #[must_use]
    pub(super) fn judge(&self, from: PeerId, message: MessageId, payload: Vec<u8>) -> bool {
        let Some(place) = self.offers.enter(from) else {
            return false;
        };
        let (handler, results) = (self.handler.clone(), self.results.clone());
        tokio::spawn(place.run(async move {
            let verdict = handler.offer(from, payload).await;
            let done = Done::Verdict {
                message,
                from,
                verdict,
            };
            // Nobody to tell: the swarm has stopped.
            let _ = results.send(done).await;
        }));
        true
    }

    /// Has a request answered. Without room for it, or without an answer, the stream closes.
    pub(super) fn answer(
        &self,
        from: PeerId,
        protocol: Protocol,
        body: Vec<u8>,
        channel: AnswerChannel,
    ) {
        let budget = match protocol {
            Protocol::Quote => &self.quote,
            Protocol::Swap => &self.swap,
            Protocol::Book => &self.book,
        };
        let Some(place) = budget.enter(from) else {
            tracing::debug!(%from, %protocol, "too many requests, one dropped");
            return;
        };
        let (handler, results) = (self.handler.clone(), self.results.clone());
        tokio::spawn(place.run(async move {
            if !channel.is_open() {
                return; // it waited too long for its turn, nobody listens any more
            }
            if let Some(body) = handler.request(from, protocol, body).await {
                let done = Done::Answer {
                    protocol,
                    channel,
                    body,
                };
                let _ = results.send(done).await;
            }
        }));
    }

    /// Tells the handler of a new peer.
    pub(super) fn greet(&self, peer: PeerId) {
        let Some(place) = self.greetings.enter(peer) else {
            return;
        };
        let handler = self.handler.clone();
        tokio::spawn(place.run(async move { handler.connected(peer).await }));
    }
}
