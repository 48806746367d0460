//! The book: at most one standing offer of each maker, checked before it is kept, in bounded room.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};

use bitcoin::Network;
use bitcoin::secp256k1::PublicKey;
use cambista_protocol::market::offer::Offer;
use cambista_protocol::message::{BookReply, MAX_BOOK_OFFERS};

use crate::bucket::Bucket;
use crate::entry::{ANNOUNCEMENTS, Entry};
use crate::verdict::{Ignored, Verdict};

/// The most makers a book remembers.
pub const MAX_OFFERS: usize = 100_000;
/// How far another clock may be ahead of ours (seconds).
const MAX_AHEAD: u64 = 600;
/// What a page's own framing takes at most: two array heads and the cursor (bytes).
const PAGE_FRAME: usize = 48;
/// What precedes each offer in a page at most (bytes).
const OFFER_FRAME: usize = 3;

/// A maker's 33-byte key. The order of these bytes is the order of the book.
type Key = [u8; 33];

/// The offers this node knows of.
#[derive(Debug)]
pub struct Book {
    network: Network,
    salt: u64,
    capacity: usize,
    own: Option<Key>,
    entries: BTreeMap<Key, Entry>,
    /// The same entries, those to be forgotten first in front.
    oldest: BTreeSet<(u64, Key)>,
}

/// An offer as the book lists it.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// The offer.
    pub offer: &'a Offer,
    /// Whether it is this node's own.
    pub own: bool,
    pub(crate) tie: u64,
}

impl Book {
    /// An empty book. `salt` is a random number: it puts offers of equal price in an order no maker can aim at.
    #[must_use]
    pub fn new(network: Network, salt: u64) -> Self {
        Self::with_capacity(network, salt, MAX_OFFERS)
    }

    /// An empty book for at most `capacity` makers.
    #[must_use]
    pub fn with_capacity(network: Network, salt: u64, capacity: usize) -> Self {
        Self {
            network,
            salt,
            capacity: capacity.min(MAX_OFFERS),
            own: None,
            entries: BTreeMap::new(),
            oldest: BTreeSet::new(),
        }
    }

    /// Says which maker is this node itself: its offer is listed and passed on, never ranked and never crowded out.
    pub fn set_own(&mut self, maker: &PublicKey) {
        self.own = Some(maker.serialize());
    }

    /// Judges a signed offer at `now` (Unix seconds) and keeps it if it is good. The cheapest checks come first, and
    /// nothing is written for a maker before its signature was seen.
    pub fn ingest(&mut self, bytes: &[u8], now: u64) -> Verdict {
        match self.judge(bytes, now) {
            Ok((offer, announcements)) => self.keep(offer, bytes, announcements),
            Err(verdict) => verdict,
        }
    }

    fn judge(&self, bytes: &[u8], now: u64) -> Result<(Offer, Bucket), Verdict> {
        let (signed, offer) = Offer::read(bytes).map_err(Verdict::Reject)?;
        if offer.network != self.network {
            return Err(Verdict::Ignore(Ignored::Network));
        }
        if offer.expires <= now {
            return Err(Verdict::Ignore(Ignored::Expired));
        }
        if offer.issued > now.saturating_add(MAX_AHEAD) {
            return Err(Verdict::Ignore(Ignored::Early));
        }
        let known = self.entries.get(&offer.maker.serialize());
        if known.is_some_and(|known| known.sequence >= offer.sequence) {
            return Err(Verdict::Ignore(Ignored::Stale));
        }
        offer.check_work(&signed).map_err(Verdict::Reject)?;
        offer.check_signature(&signed).map_err(Verdict::Reject)?;
        let mut announcements = match known {
            Some(known) => known.announcements,
            None => Bucket::full(ANNOUNCEMENTS, now),
        };
        if !announcements.take(ANNOUNCEMENTS, now) {
            return Err(Verdict::Ignore(Ignored::TooOften));
        }
        Ok((offer, announcements))
    }

    fn keep(&mut self, offer: Offer, bytes: &[u8], announcements: Bucket) -> Verdict {
        let key = offer.maker.serialize();
        let entry = Entry::new(offer, bytes, announcements, self.salt);
        if !self.entries.contains_key(&key) && !self.make_room(&key, entry.forget_at) {
            return Verdict::Ignore(Ignored::Full);
        }
        self.oldest.insert((entry.forget_at, key));
        let (forget_at, replaced) = (entry.forget_at, self.entries.insert(key, entry));
        if let Some(replaced) = replaced.filter(|replaced| replaced.forget_at != forget_at) {
            self.oldest.remove(&(replaced.forget_at, key));
        }
        Verdict::Accept
    }

    /// Makes room for a new maker, at the cost of the offer made longest ago, if that is older than the new one.
    fn make_room(&mut self, new: &Key, forget_at: u64) -> bool {
        if self.entries.len() < self.capacity || self.own.as_ref() == Some(new) {
            return true;
        }
        let own = self.own;
        let victim = self.oldest.iter().find(|(_, key)| own != Some(*key));
        match victim.copied() {
            Some(victim) if victim.0 < forget_at => {
                self.oldest.remove(&victim);
                self.entries.remove(&victim.1);
                true
            }
            _ => false,
        }
    }

    /// Drops the offers that stand no longer at `now` (Unix seconds), and forgets makers none of whose offers can
    /// come back. To be called every minute or so.
    pub fn expire(&mut self, now: u64) {
        while let Some((forget_at, key)) = self.oldest.first().copied() {
            if forget_at > now {
                break;
            }
            self.oldest.pop_first();
            self.entries.remove(&key);
        }
        for entry in self.entries.values_mut() {
            if entry.at(now).is_none() {
                entry.standing = None;
            }
        }
    }

    /// The offers that stand at `now` (Unix seconds), in the order of their makers' keys.
    pub fn live(&self, now: u64) -> impl Iterator<Item = Listed<'_>> {
        self.entries.iter().filter_map(move |(key, entry)| {
            entry.at(now).map(|standing| Listed {
                offer: &standing.offer,
                own: self.own.as_ref() == Some(key),
                tie: entry.tie,
            })
        })
    }

    /// The offer of one maker, if it stands at `now` (Unix seconds).
    #[must_use]
    pub fn get(&self, maker: &PublicKey, now: u64) -> Option<&Offer> {
        let standing = self.entries.get(&maker.serialize())?.at(now)?;
        Some(&standing.offer)
    }

    /// How many makers are remembered, those whose offer no longer stands included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no maker is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The offers that stand at `now` (Unix seconds) of the makers after a key, as many as fit in an answer of `limit`
    /// bytes.
    #[must_use]
    pub fn page(&self, after: Option<&PublicKey>, limit: usize, now: u64) -> BookReply {
        let start = after.map_or(Unbounded, |key| Excluded(key.serialize()));
        let mut reply = BookReply::default();
        let mut room = limit.saturating_sub(PAGE_FRAME);
        let mut last = None;
        for entry in self.entries.range((start, Unbounded)).map(|(_, e)| e) {
            let Some(standing) = entry.at(now) else {
                continue;
            };
            let needed = standing.bytes.len() + OFFER_FRAME;
            if needed > room || reply.offers.len() == MAX_BOOK_OFFERS {
                reply.more = last;
                break;
            }
            room -= needed;
            reply.offers.push(standing.bytes.to_vec());
            last = Some(standing.offer.maker);
        }
        reply
    }
}
