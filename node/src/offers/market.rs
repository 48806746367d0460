//! The book behind a lock, with the clock and the limits around it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bitcoin::Network;
use bitcoin::secp256k1::PublicKey;
use cambista_engine::ports::{Clock as _, Entropy as _};
use cambista_market::{Book, Gate, Ranked};
use cambista_protocol::cbor;
use cambista_protocol::market::offer::Offer;
use cambista_protocol::message::{BookReply, BookRequest, MAX_BOOK_MESSAGE};
use cambista_protocol::words::Direction;

use crate::adapters::system::{SystemClock, SystemEntropy};
use crate::network::{PeerId, Verdict};

/// The standing offers this node knows.
pub struct Market {
    network: Network,
    book: Mutex<Book>,
    gate: Mutex<Gate<PeerId>>,
}

/// The book holds whole offers only, so a panic elsewhere cannot have left half of one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> u64 {
    SystemClock.now()
}

impl Market {
    /// An empty book for the node with this key.
    #[must_use]
    pub fn new(network: Network, own: &PublicKey) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = SystemEntropy.bytes32();
        let mut book = Book::new(network, u64::from_le_bytes([a, b, c, d, e, f, g, h]));
        book.set_own(own);
        Self {
            network,
            book: Mutex::new(book),
            gate: Mutex::default(),
        }
    }

    /// The network it is for.
    #[must_use]
    pub const fn network(&self) -> Network {
        self.network
    }

    /// An offer that a peer passed on.
    pub fn gossiped(&self, from: &PeerId, bytes: &[u8]) -> Verdict {
        let now = now();
        if !lock(&self.gate).message(from, now) {
            return Verdict::Ignore;
        }
        let newcomer = |grade| lock(&self.gate).newcomer(from, grade, now);
        said(lock(&self.book).ingest_from(bytes, now, newcomer))
    }

    /// The least grade of work with which the offer of an unknown maker is heard now.
    #[must_use]
    pub fn room(&self) -> u8 {
        lock(&self.gate).room(now())
    }

    /// An offer from wherever.
    pub fn ingest(&self, bytes: &[u8]) -> Verdict {
        said(lock(&self.book).ingest(bytes, now()))
    }

    /// The answer to a request for a page of the book; none when the request is not one.
    #[must_use]
    pub fn page(&self, request: &[u8]) -> Option<Vec<u8>> {
        let request: BookRequest = cbor::from_slice(request, MAX_BOOK_MESSAGE).ok()?;
        let page = if request.network == self.network {
            lock(&self.book).page(request.after.as_ref(), MAX_BOOK_MESSAGE, now())
        } else {
            BookReply::default()
        };
        Some(cbor::to_vec(&page))
    }

    /// Hands out everything worth keeping over a restart.
    pub fn each_remembered(&self, mut each: impl FnMut(cambista_market::Remembered<'_>)) {
        let now = now();
        for one in lock(&self.book).remembered(now) {
            each(one);
        }
    }

    /// Takes a maker's last sequence in again, from before a restart.
    pub fn recall(&self, maker: &PublicKey, sequence: u64, forget_at: u64) {
        lock(&self.book).recall(maker, sequence, forget_at, now());
    }

    /// Forgets what stands no longer.
    pub fn expire(&self) {
        lock(&self.book).expire(now());
    }

    /// Every standing offer and whether it is this node's own.
    #[must_use]
    pub fn offers(&self) -> Vec<(Offer, bool)> {
        lock(&self.book)
            .live(now())
            .map(|listed| (listed.offer.clone(), listed.own))
            .collect()
    }

    /// The standing offer of one maker.
    #[must_use]
    pub fn offer_of(&self, maker: &PublicKey) -> Option<Offer> {
        lock(&self.book).get(maker, now()).cloned()
    }

    /// The `k` cheapest offers of others for this amount (sat).
    #[must_use]
    pub fn best(&self, direction: Direction, amount_sat: u64, k: usize) -> Vec<Ranked> {
        lock(&self.book).rank(direction, amount_sat, now(), k)
    }

    /// The same among the makers that are wanted, by their 33-byte keys.
    #[must_use]
    pub fn best_among(
        &self,
        direction: Direction,
        amount_sat: u64,
        k: usize,
        wanted: impl Fn(&[u8; 33]) -> bool,
    ) -> Vec<Ranked> {
        lock(&self.book).rank_among(direction, amount_sat, now(), k, wanted)
    }
}

/// The book's verdict in the swarm's words.
fn said(verdict: cambista_market::Verdict) -> Verdict {
    match verdict {
        cambista_market::Verdict::Accept => Verdict::Accept,
        cambista_market::Verdict::Ignore(reason) => {
            tracing::debug!(%reason, "offer left aside");
            Verdict::Ignore
        }
        cambista_market::Verdict::Reject(reason) => {
            tracing::debug!(%reason, "offer refused");
            Verdict::Reject
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::announce::tests::{made_up, stranger};
    use super::*;

    /// Six peers bring as many made-up makers as all together may. Another new one is heard with sixteen times the work.
    #[test]
    fn a_new_maker_is_heard_past_a_crowd_by_its_work() {
        let market = stranger();
        let peers: Vec<PeerId> = (0..6).map(|_| PeerId::random()).collect();
        let of = |number: u32| &peers[usize::try_from(number).unwrap() % peers.len()];
        let refused = (1..2_000)
            .find(|number| market.gossiped(of(*number), &made_up(*number, 0)) == Verdict::Ignore);
        assert!(refused.is_some_and(|number| number > 1_000), "{refused:?}");
        assert_eq!(market.room(), 1);
        let new = PeerId::random();
        assert_eq!(market.gossiped(&new, &made_up(2_000, 1)), Verdict::Accept);
    }
}
