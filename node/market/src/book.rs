//! The book: at most one standing offer of each maker, checked before it is kept, in bounded room.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};

use bitcoin::Network;
use bitcoin::secp256k1::PublicKey;
use cambista_protocol::market::offer::{MAX_LIFETIME, Offer};
use cambista_protocol::message::{BookReply, MAX_BOOK_OFFERS};
use cambista_protocol::words::Direction;

use crate::bucket::Bucket;
use crate::entry::{ANNOUNCEMENTS, Entry, Standing};
use crate::lines::{Lines, Survey};
use crate::places::Opinion;
use crate::rank::Ranked;
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
pub(crate) type Key = [u8; 33];

/// The offers this node knows of.
#[derive(Debug)]
pub struct Book {
    network: Network,
    salt: u64,
    capacity: usize,
    own: Option<Key>,
    entries: BTreeMap<Key, Entry>,
    /// The same entries, those that give way first in front.
    oldest: BTreeSet<(u64, Key)>,
    /// The prices of the standing offers, for the ranking.
    out: Lines,
    into: Lines,
}

/// What a maker the book does not know may have of a full one.
#[derive(Clone, Copy)]
enum Room {
    /// The place of the offer made longest ago.
    Made,
    /// Nothing.
    Free,
}

/// What a book keeps over a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered<'a> {
    /// A signed offer, as it came in.
    Offer(&'a [u8]),
    /// A maker whose offer stands no longer.
    Sequence {
        /// Its key.
        maker: [u8; 33],
        /// Its highest sequence.
        sequence: u64,
        /// From this second on no offer made before that one can stand.
        forget_at: u64,
    },
}

/// An offer as the book lists it.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// The offer.
    pub offer: &'a Offer,
    /// Whether it is this node's own.
    pub own: bool,
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
            out: Lines::default(),
            into: Lines::default(),
        }
    }

    /// Says which maker is this node itself: its offer is listed and passed on, never ranked and never crowded out.
    pub fn set_own(&mut self, maker: &PublicKey) {
        self.own = Some(maker.serialize());
    }

    /// Judges a signed offer at `now` (Unix seconds) and keeps it if it is good. The cheapest checks come first, and
    /// nothing is written for a maker before its signature was seen.
    pub fn ingest(&mut self, bytes: &[u8], now: u64) -> Verdict {
        self.ingest_from(bytes, now, |_| true)
    }

    /// As [`Self::ingest`]; a maker the book does not know is taken in only if `newcomer` says so, which is asked
    /// last, with the grade of the offer's work.
    pub fn ingest_from(
        &mut self,
        bytes: &[u8],
        now: u64,
        newcomer: impl FnOnce(u8) -> bool,
    ) -> Verdict {
        self.take(bytes, now, newcomer, Room::Made)
    }

    /// As [`Self::ingest_from`] for an offer out of a page of somebody's book, which this node asked for. A maker the book
    /// does not know is taken in only while there is room: nobody gives way to what one peer says it knows.
    pub fn ingest_paged(
        &mut self,
        bytes: &[u8],
        now: u64,
        newcomer: impl FnOnce() -> bool,
    ) -> Verdict {
        self.take(bytes, now, |_| newcomer(), Room::Free)
    }

    fn take(
        &mut self,
        bytes: &[u8],
        now: u64,
        newcomer: impl FnOnce(u8) -> bool,
        room: Room,
    ) -> Verdict {
        match self.judge(bytes, now, newcomer) {
            Ok((offer, announcements)) => {
                let key = offer.maker.serialize();
                let entry = Entry::new(offer, bytes, announcements, self.salt, now);
                self.keep(key, entry, room)
            }
            Err(verdict) => verdict,
        }
    }

    fn judge(
        &self,
        bytes: &[u8],
        now: u64,
        newcomer: impl FnOnce(u8) -> bool,
    ) -> Result<(Offer, Bucket), Verdict> {
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
        let grade = offer.check_work(&signed).map_err(Verdict::Reject)?;
        offer.check_signature(&signed).map_err(Verdict::Reject)?;
        let mut announcements = match known {
            Some(known) => known.announcements,
            None => Bucket::full(ANNOUNCEMENTS, now),
        };
        if !announcements.take(ANNOUNCEMENTS, now) {
            return Err(Verdict::Ignore(Ignored::TooOften));
        }
        if known.is_none() && !newcomer(grade) {
            return Err(Verdict::Ignore(Ignored::Crowd));
        }
        Ok((offer, announcements))
    }

    fn keep(&mut self, key: Key, entry: Entry, room: Room) -> Verdict {
        if !self.entries.contains_key(&key) && !self.make_room(&key, entry.since, room) {
            return Verdict::Ignore(Ignored::Full);
        }
        self.oldest.insert((entry.since, key));
        if let Some(Standing { offer, .. }) = &entry.standing {
            let (expires, tie) = (offer.expires, entry.tie);
            self.out.set(key, offer.out.as_ref(), expires, tie);
            self.into.set(key, offer.into.as_ref(), expires, tie);
        }
        let (since, replaced) = (entry.since, self.entries.insert(key, entry));
        if let Some(replaced) = replaced.filter(|replaced| replaced.since != since) {
            self.oldest.remove(&(replaced.since, key));
        }
        Verdict::Accept
    }

    /// Makes room for a new maker, at the cost of the offer made longest ago, if that is older than the new one.
    fn make_room(&mut self, new: &Key, since: u64, room: Room) -> bool {
        if self.entries.len() < self.capacity || self.own.as_ref() == Some(new) {
            return true;
        }
        if matches!(room, Room::Free) {
            return false;
        }
        let own = self.own;
        let victim = self.oldest.iter().find(|(_, key)| own != Some(*key));
        match victim.copied() {
            Some(victim) if victim.0 < since => {
                self.forget(victim);
                true
            }
            _ => false,
        }
    }

    /// Drops the offers that stand no longer at `now` (Unix seconds), and forgets makers none of whose offers can
    /// come back. To be called every minute or so.
    pub fn expire(&mut self, now: u64) {
        let over = self.entries.iter().filter(|(_, e)| e.forget_at <= now);
        let over: Vec<(u64, Key)> = over.map(|(key, entry)| (entry.since, *key)).collect();
        over.into_iter().for_each(|one| self.forget(one));
        for (key, entry) in &mut self.entries {
            if entry.standing.is_some() && entry.at(now).is_none() {
                entry.standing = None;
                self.out.remove(key);
                self.into.remove(key);
            }
        }
    }

    fn forget(&mut self, (since, key): (u64, Key)) {
        self.oldest.remove(&(since, key));
        self.entries.remove(&key);
        self.out.remove(&key);
        self.into.remove(&key);
    }

    /// The lowest fees for an amount and whose they are; see [`Lines::lowest`].
    pub(crate) fn lowest(
        &self,
        direction: Direction,
        amount_sat: u64,
        now: u64,
        k: usize,
        wanted: impl Fn(&Key) -> bool,
    ) -> Vec<(i64, Key)> {
        let lines = self.lines(direction);
        lines.lowest(amount_sat, now, k, self.own.as_ref(), wanted)
    }

    /// What is to be known of all offers when somebody is chosen; see [`Lines::survey`].
    pub(crate) fn survey(
        &self,
        direction: Direction,
        amount_sat: u64,
        now: u64,
        k: usize,
        draw: u64,
        opinion: &impl Opinion,
    ) -> Survey {
        let lines = self.lines(direction);
        lines.survey(amount_sat, now, k, self.own.as_ref(), draw, opinion)
    }

    /// The lowest fees among these makers, this node itself left out; see [`Lines::lowest_of`].
    pub(crate) fn lowest_of<'a>(
        &self,
        makers: impl Iterator<Item = &'a Key>,
        direction: Direction,
        amount_sat: u64,
        now: u64,
        k: usize,
    ) -> Vec<(i64, Key)> {
        let others = makers.filter(|maker| self.own.as_ref() != Some(*maker));
        self.lines(direction).lowest_of(others, amount_sat, now, k)
    }

    /// The offers behind such fees.
    pub(crate) fn ranked(
        &self,
        found: impl IntoIterator<Item = (i64, Key)>,
        now: u64,
    ) -> Vec<Ranked> {
        let found = found.into_iter().filter_map(|(est_fee_sat, key)| {
            let standing = self.entries.get(&key)?.at(now)?;
            Some(Ranked {
                offer: standing.offer.clone(),
                est_fee_sat,
            })
        });
        found.collect()
    }

    const fn lines(&self, direction: Direction) -> &Lines {
        match direction {
            Direction::Out => &self.out,
            Direction::In => &self.into,
        }
    }

    /// The offers that stand at `now` (Unix seconds), in the order of their makers' keys.
    pub fn live(&self, now: u64) -> impl Iterator<Item = Listed<'_>> {
        self.entries.iter().filter_map(move |(key, entry)| {
            entry.at(now).map(|standing| Listed {
                offer: &standing.offer,
                own: self.own.as_ref() == Some(key),
            })
        })
    }

    /// The offer of one maker, if it stands at `now` (Unix seconds).
    #[must_use]
    pub fn get(&self, maker: &PublicKey, now: u64) -> Option<&Offer> {
        let standing = self.entries.get(&maker.serialize())?.at(now)?;
        Some(&standing.offer)
    }

    /// Everything worth keeping over a restart: the offers that stand at `now` (Unix seconds) as they came in, and of makers
    /// whose offer has expired the sequence, so that no older offer can come back.
    pub fn remembered(&self, now: u64) -> impl Iterator<Item = Remembered<'_>> {
        self.entries
            .iter()
            .map(move |(key, entry)| match entry.at(now) {
                Some(standing) => Remembered::Offer(&standing.bytes),
                None => Remembered::Sequence {
                    maker: *key,
                    sequence: entry.sequence,
                    forget_at: entry.forget_at,
                },
            })
    }

    /// Takes a maker's last sequence in again, from before a restart; it is remembered until `forget_at` (Unix seconds).
    /// Only for what this node wrote down itself.
    pub fn recall(&mut self, maker: &PublicKey, sequence: u64, forget_at: u64, now: u64) {
        let key = maker.serialize();
        let latest = now.saturating_add(MAX_AHEAD).saturating_add(MAX_LIFETIME);
        let known = self.entries.contains_key(&key) || self.entries.len() >= self.capacity;
        if known || forget_at <= now || forget_at > latest {
            return;
        }
        let entry = Entry::recalled(sequence, forget_at, now);
        self.oldest.insert((entry.since, key));
        self.entries.insert(key, entry);
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
