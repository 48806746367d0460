//! Who has a place among the makers that are asked.
//!
//! An offer costs its maker a second of work, and a few of them at prices nobody keeps, with nobody at their addresses, would
//! take all places. So half of them are for makers that have shown themselves in a way that costs more, one is drawn among
//! those never tried, and who gave no price lately is asked where a place is left over.

use std::collections::HashSet;

use cambista_protocol::words::Direction;

use crate::book::{Book, Key};
use crate::makers::{Makers, Sieve};
use crate::rank::Ranked;

/// So many of the lowest fees of each kind are looked at more closely.
const POOL: usize = 48;
/// With fewer places than this none is drawn.
const DRAWN_FROM: usize = 4;

/// What this node thinks of makers, told by their 33-byte keys.
pub trait Opinion {
    /// Who is not asked at all.
    fn left_out(&self) -> &Makers;
    /// Who gave no price the last time, and comes after all others for a while.
    fn quiet(&self) -> &Makers;
    /// With whom a swap was begun at some time.
    fn tried(&self) -> &Makers;
    /// Whether this maker has shown itself in a way that costs more than an offer: a swap done, channels.
    fn known(&self, maker: &[u8; 33]) -> bool;
    /// What lets all known makers pass, and few others.
    fn known_sieve(&self) -> &Sieve;
}

/// The offers for one amount that may have a place, each list the cheapest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    known: Vec<Ranked>,
    /// Known ones that gave no price the last time: after the other known ones, and before any crowd.
    known_quiet: Vec<Ranked>,
    open: Vec<Ranked>,
    quiet: Vec<Ranked>,
    drawn: Option<Ranked>,
}

impl Book {
    /// The offers that stand at `now` (Unix seconds) for `amount_sat` in `direction` and are worth a closer look. `draw` is a
    /// random number.
    #[must_use]
    pub fn pool(
        &self,
        direction: Direction,
        amount_sat: u64,
        now: u64,
        opinion: &impl Opinion,
        draw: u64,
    ) -> Pool {
        let survey = self.survey(direction, amount_sat, now, POOL, draw, opinion);
        let silent = |known: bool| {
            let quiet = opinion.quiet().iter();
            let quiet = quiet.filter(|maker| !opinion.left_out().contains(maker));
            let like = quiet.filter(move |maker| !known || opinion.known(maker));
            self.lowest_of(like, direction, amount_sat, now, POOL)
        };
        Pool {
            known: self.ranked(survey.known, now),
            known_quiet: self.ranked(silent(true), now),
            open: self.ranked(survey.open, now),
            quiet: self.ranked(silent(false), now),
            drawn: self.ranked(survey.drawn, now).pop(),
        }
    }
}

impl Pool {
    /// The same with no more than `limit` of each list, those expected to cost least: for what takes too long to be found out
    /// of all. `beside` is what each is expected to cost beside its fee (sat).
    #[must_use]
    pub fn shortened(mut self, limit: usize, beside: impl Fn(&Ranked) -> u64) -> Self {
        for list in [
            &mut self.known,
            &mut self.known_quiet,
            &mut self.open,
            &mut self.quiet,
        ] {
            list.sort_by_cached_key(|r| r.est_fee_sat.saturating_add_unsigned(beside(r)));
            list.truncate(limit);
        }
        self
    }

    /// The `limit` makers to ask, those expected to cost least first: half of them known, where there are so many, one drawn
    /// among those never tried, the rest the cheapest of all. `beside` is what each is expected to cost beside its fee (sat).
    #[must_use]
    pub fn places(self, limit: usize, beside: impl Fn(&Ranked) -> u64) -> Vec<Ranked> {
        let cost = |ranked: &Ranked| ranked.est_fee_sat.saturating_add_unsigned(beside(ranked));
        let by_cost = |list: Vec<Ranked>| {
            let mut list: Vec<(i64, Ranked)> = list.into_iter().map(|r| (cost(&r), r)).collect();
            list.sort_by_key(|(cost, _)| *cost);
            list
        };
        let mut asked: Vec<(i64, Ranked)> = by_cost(self.known);
        asked.extend(by_cost(self.known_quiet));
        asked.truncate(limit.div_ceil(2));
        let mut seen: HashSet<Key> = asked
            .iter()
            .map(|(_, ranked)| ranked.offer.maker.serialize())
            .collect();
        let drawn = self.drawn.filter(|_| limit >= DRAWN_FROM);
        let drawn = drawn.map(|ranked| (cost(&ranked), ranked));
        let more = by_cost(self.open).into_iter().chain(by_cost(self.quiet));
        for (cost, ranked) in drawn.into_iter().chain(more) {
            if asked.len() >= limit {
                break;
            }
            if seen.insert(ranked.offer.maker.serialize()) {
                asked.push((cost, ranked));
            }
        }
        asked.sort_by_key(|(cost, _)| *cost);
        asked.into_iter().map(|(_, ranked)| ranked).collect()
    }
}
