//! How much each peer may bring, whoever made it: two limits, because renewals of known makers and first offers of unknown
//! ones are worth protecting from each other.
//!
//! A new identity costs a little work, so who has machines can make many. If all offers shared one limit, those would
//! take the place of everybody's renewals. So the limit before decoding is wide and only guards the processor; the narrow
//! one is for makers the book does not know yet. Of these, each grade of work has a limit of its own: whoever wants to shut out
//! all new makers has to do more work than they do.

use std::hash::Hash;

use cambista_protocol::market::pow::MOST_GRADE;

use crate::bucket::{Bucket, Rules};
use crate::senders::SenderLimits;

/// Messages one peer may bring, before they are looked at: at once, and per minute in the long run.
const MESSAGES: (u32, u32) = (2_000, 1_800);
/// First offers of unknown makers one peer may bring of each grade of work: at once, and per minute.
const NEWCOMERS: (u32, u32) = (200, 60);
/// First offers of unknown makers taken of each grade of work from all peers together: what they cost a home's line. A maker
/// renews its offer within the hour; so many new ones an hour leave it in a book of [`crate::MAX_OFFERS`], which gives up the
/// oldest.
const ALL_NEWCOMERS: Rules = Rules {
    burst: 1_000,
    per_minute: 120,
};
/// Offers out of the books of peers that are looked at: of one peer at once, which is a whole book, and per minute.
const PAGED: (u32, u32) = (100_000, 2_000);
/// Unknown makers taken over from the book of one peer: at once and per minute.
const PAGED_NEWCOMERS: (u32, u32) = (10_000, 6);
/// Unknown makers taken over from the books of all peers together. In the six hours an offer may stand that is less than half a
/// book: whoever is asked cannot fill one.
const ALL_PAGED_NEWCOMERS: Rules = Rules {
    burst: 40_000,
    per_minute: 25,
};
/// Peers whose pace is remembered.
const SENDERS: usize = 1_024;
/// Grades of work.
const GRADES: usize = MOST_GRADE as usize + 1;

/// The limits of every peer.
#[derive(Debug)]
pub struct Gate<K> {
    messages: SenderLimits<K>,
    newcomers: SenderLimits<(K, u8)>,
    all_newcomers: [Option<Bucket>; GRADES],
    paged: SenderLimits<K>,
    paged_newcomers: SenderLimits<K>,
    all_paged_newcomers: Option<Bucket>,
}

impl<K: Clone + Eq + Hash> Default for Gate<K> {
    fn default() -> Self {
        let (once, minute) = NEWCOMERS;
        Self {
            messages: SenderLimits::new(MESSAGES.0, MESSAGES.1, SENDERS),
            newcomers: SenderLimits::new(once, minute, SENDERS * GRADES),
            all_newcomers: [None; GRADES],
            paged: SenderLimits::new(PAGED.0, PAGED.1, SENDERS),
            paged_newcomers: SenderLimits::new(PAGED_NEWCOMERS.0, PAGED_NEWCOMERS.1, SENDERS),
            all_paged_newcomers: None,
        }
    }
}

impl<K: Clone + Eq + Hash> Gate<K> {
    /// Whether `sender` may bring one more message at `now` (Unix seconds). Asked before anything else.
    #[must_use]
    pub fn message(&mut self, sender: &K, now: u64) -> bool {
        self.messages.take(sender, now)
    }

    /// Whether one more maker that nobody here knows, with work of this grade, may come from `sender` at `now` (Unix
    /// seconds). Asked last, when all else about the offer is right.
    #[must_use]
    pub fn newcomer(&mut self, sender: &K, grade: u8, now: u64) -> bool {
        if !self.newcomers.take(&(sender.clone(), grade), now) {
            return false;
        }
        let Some(all) = self.all_newcomers.get_mut(usize::from(grade)) else {
            return false;
        };
        all.get_or_insert_with(|| Bucket::full(ALL_NEWCOMERS, now))
            .take(ALL_NEWCOMERS, now)
    }

    /// Whether one more offer out of the book of `sender` is looked at, at `now` (Unix seconds). Asked before anything else.
    #[must_use]
    pub fn paged(&mut self, sender: &K, now: u64) -> bool {
        self.paged.take(sender, now)
    }

    /// Whether one more maker that nobody here knows is taken over from the book of `sender` at `now` (Unix seconds). Asked last,
    /// when all else about the offer is right.
    #[must_use]
    pub fn paged_newcomer(&mut self, sender: &K, now: u64) -> bool {
        self.paged_newcomers.take(sender, now)
            && self
                .all_paged_newcomers
                .get_or_insert_with(|| Bucket::full(ALL_PAGED_NEWCOMERS, now))
                .take(ALL_PAGED_NEWCOMERS, now)
    }

    /// The lowest grade of work with which an unknown maker has come through of late and would again; the highest where
    /// none has.
    #[must_use]
    pub fn room(&self, now: u64) -> u8 {
        let has_room = |grade: &u8| {
            let all = self
                .all_newcomers
                .get(usize::from(*grade))
                .copied()
                .flatten();
            all.is_none_or(|mut all| {
                // A look: what is taken is taken from a copy.
                all.take(ALL_NEWCOMERS, now) && all.spent(ALL_NEWCOMERS) <= ALL_NEWCOMERS.burst / 2
            })
        };
        (0..=MOST_GRADE).find(has_room).unwrap_or(MOST_GRADE)
    }
}

#[cfg(test)]
mod tests {
    use cambista_protocol::market::offer::MAX_LIFETIME;

    use super::*;

    #[test]
    fn a_flood_of_unknown_makers_leaves_room_for_renewals() {
        let mut gate = Gate::default();
        let flood = (0..1_000).filter(|_| gate.message(&1, 100) && gate.newcomer(&1, 0, 100));
        assert_eq!(flood.count(), 200);
        assert!(
            gate.message(&1, 100),
            "a known maker's offer still comes in"
        );
        assert!(gate.newcomer(&2, 0, 100), "and another peer's newcomers");
    }

    #[test]
    fn all_peers_together_bring_so_many_unknown_makers_and_no_more() {
        let mut gate = Gate::default();
        let taken = (0..100_u32).flat_map(|peer| (0..200).map(move |_| peer));
        let taken = taken.filter(|peer| gate.newcomer(peer, 0, 100));
        assert_eq!(taken.count(), 1_000);
        let later = (0..1_000_u32).filter(|peer| gate.newcomer(&(peer + 100), 0, 160));
        assert_eq!(later.count(), 120);
    }

    #[test]
    fn more_work_gets_past_those_that_do_less() {
        let mut gate = Gate::default();
        let flood = |gate: &mut Gate<u32>, grade, now| {
            let all = (0..100).flat_map(|peer| (0..200).map(move |_| peer));
            all.filter(|peer| gate.newcomer(peer, grade, now)).count()
        };
        assert_eq!(gate.room(100), 0);
        assert_eq!(flood(&mut gate, 0, 100), 1_000);
        assert_eq!(gate.room(100), 1);
        assert!(gate.newcomer(&1, 1, 100), "by the same peer");
        assert_eq!(gate.room(100), 1, "one does not fill it");
        assert_eq!(flood(&mut gate, 1, 100), 999);
        assert_eq!(gate.room(100), 2);
        let later = 100 + 60 * u64::from(ALL_NEWCOMERS.burst / 2 / ALL_NEWCOMERS.per_minute + 1);
        assert_eq!(gate.room(later), 0, "when it is over less is enough again");
        for grade in 0..=MOST_GRADE {
            flood(&mut gate, grade, 100);
        }
        assert_eq!(gate.room(100), MOST_GRADE);
        assert!(!gate.newcomer(&1, MOST_GRADE + 1, 100), "there is no more");
    }

    #[test]
    fn the_books_of_all_peers_together_fill_less_than_half_a_book() {
        let mut gate = Gate::default();
        let taken = |gate: &mut Gate<u32>, peer: u32, now| {
            (0..20_000)
                .filter(|_| gate.paged_newcomer(&peer, now))
                .count()
        };
        assert_eq!(taken(&mut gate, 0, 100), 10_000);
        assert_eq!(taken(&mut gate, 0, 100), 0, "asked again, the same peer");
        let all: usize = (1..50).map(|peer| taken(&mut gate, peer, 100)).sum();
        assert_eq!(all, 30_000);
        assert!(gate.newcomer(&0, 0, 100), "gossip has limits of its own");
        let stands = u32::try_from(MAX_LIFETIME / 60);
        let most = stands
            .map(|minutes| ALL_PAGED_NEWCOMERS.burst + ALL_PAGED_NEWCOMERS.per_minute * minutes);
        assert!(most.is_ok_and(|most| most < 50_000));
    }

    #[test]
    fn a_full_book_of_newcomers_still_holds_an_offer_renewed_within_the_hour() {
        let hourly = ALL_NEWCOMERS.burst + ALL_NEWCOMERS.per_minute * 60;
        assert!(usize::try_from(hourly).is_ok_and(|new| new * GRADES < crate::MAX_OFFERS / 2));
    }
}
