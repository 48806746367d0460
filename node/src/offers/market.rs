//! The book behind a lock, with the clock and the limits around it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bitcoin::Network;
use bitcoin::secp256k1::PublicKey;
use cambista_engine::ports::{Clock as _, Entropy as _};
use cambista_market::{Book, Gate, Opinion, Pool, Ranked};
use cambista_protocol::cbor;
use cambista_protocol::market::offer::{MAX_OFFER, Offer};
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
        if bytes.len() > MAX_OFFER {
            return Verdict::Reject;
        }
        let now = now();
        if !lock(&self.gate).message(from, now) {
            return Verdict::Ignore;
        }
        let newcomer = |grade| lock(&self.gate).newcomer(from, grade, now);
        said(lock(&self.book).ingest_from(bytes, now, newcomer))
    }

    /// An offer out of the book of a peer. None when no more is taken from this one for now.
    pub(super) fn paged(&self, from: &PeerId, bytes: &[u8]) -> Option<Verdict> {
        use cambista_market::{Ignored, Verdict as Judged};

        if bytes.len() > MAX_OFFER {
            return Some(Verdict::Reject);
        }
        let now = now();
        if !lock(&self.gate).paged(from, now) {
            return None;
        }
        let newcomer = || lock(&self.gate).paged_newcomer(from, now);
        match lock(&self.book).ingest_paged(bytes, now, newcomer) {
            Judged::Ignore(Ignored::Crowd) => None,
            verdict => Some(said(verdict)),
        }
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

    /// Takes in this node's own offer before others hear it.
    ///
    /// # Errors
    /// When no other node would take it, and all would blame this one: what is wrong with it, for its owner.
    pub(super) fn own(&self, bytes: &[u8]) -> Result<(), String> {
        match lock(&self.book).ingest(bytes, now()) {
            cambista_market::Verdict::Reject(reason) => Err(format!(
                "{reason}, so no other node would take it and it was not sent. Open swaps are not affected; set the maker's terms \
                 anew with `cambista maker set`"
            )),
            cambista_market::Verdict::Accept | cambista_market::Verdict::Ignore(_) => Ok(()),
        }
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

    /// How many offers stand.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.book).live(now()).count()
    }

    /// Whether an offer of anybody else stands.
    #[must_use]
    pub fn has_others(&self) -> bool {
        lock(&self.book).live(now()).any(|listed| !listed.own)
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

    /// The offers for this amount (sat) that may have a place among the makers that are asked; see [`Book::pool`].
    #[must_use]
    pub fn pool(
        &self,
        direction: Direction,
        amount_sat: u64,
        opinion: &impl Opinion,
        draw: u64,
    ) -> Pool {
        lock(&self.book).pool(direction, amount_sat, now(), opinion, draw)
    }

    /// The `k` cheapest offers of others for this amount (sat) among the makers that are wanted, by their 33-byte keys.
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

    #[test]
    fn what_is_too_long_counts_against_who_brings_it_however_much_it_has_brought() {
        let market = stranger();
        let peer = PeerId::random();
        let long = vec![0; MAX_OFFER + 1];
        let short = &long[..MAX_OFFER];
        let ignored = (0..10_000).find(|_| market.gossiped(&peer, short) == Verdict::Ignore);
        assert!(ignored.is_some(), "it is within its limit for ever");
        assert_eq!(market.gossiped(&peer, &long), Verdict::Reject);
        assert_eq!(market.paged(&peer, &long), Some(Verdict::Reject));
    }

    #[test]
    fn one_peers_book_brings_so_many_unknown_makers_and_no_more() {
        let market = stranger();
        let peer = PeerId::random();
        let known = made_up(1, 0);
        assert_eq!(market.paged(&peer, &known), Some(Verdict::Accept));
        assert_eq!(market.paged(&peer, &known), Some(Verdict::Ignore));
        let gate = |market: &Market| lock(&market.gate).paged_newcomer(&peer, now());
        assert!((0..20_000).any(|_| !gate(&market)));
        assert_eq!(market.paged(&peer, &made_up(2, 0)), None);
        let other = PeerId::random();
        assert_eq!(market.paged(&other, &made_up(2, 0)), Some(Verdict::Accept));
    }

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
