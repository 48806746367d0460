//! The book behind a lock, with the clock and the limits around it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bitcoin::Network;
use bitcoin::secp256k1::PublicKey;
use cambista_engine::ports::{Clock as _, Entropy as _};
use cambista_market::{Book, Ranked, SenderLimits};
use cambista_protocol::cbor;
use cambista_protocol::market::offer::Offer;
use cambista_protocol::message::{BookReply, BookRequest, MAX_BOOK_MESSAGE};
use cambista_protocol::words::Direction;

use crate::adapters::system::{SystemClock, SystemEntropy};
use crate::network::{PeerId, Verdict};

/// Offers one peer may bring at once.
const BURST: u32 = 200;
/// Offers one peer may bring in the long run.
const PER_MINUTE: u32 = 120;
/// Peers whose pace is remembered.
const SENDERS: usize = 1_024;

/// The standing offers this node knows.
pub struct Market {
    network: Network,
    book: Mutex<Book>,
    senders: Mutex<SenderLimits<PeerId>>,
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
            senders: Mutex::new(SenderLimits::new(BURST, PER_MINUTE, SENDERS)),
        }
    }

    /// The network it is for.
    #[must_use]
    pub const fn network(&self) -> Network {
        self.network
    }

    /// An offer that a peer passed on.
    pub fn gossiped(&self, from: &PeerId, bytes: &[u8]) -> Verdict {
        if !lock(&self.senders).take(from, now()) {
            return Verdict::Ignore;
        }
        self.ingest(bytes)
    }

    /// An offer from wherever.
    pub fn ingest(&self, bytes: &[u8]) -> Verdict {
        match lock(&self.book).ingest(bytes, now()) {
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
}
