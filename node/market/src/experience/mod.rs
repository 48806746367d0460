//! What this node itself has lived through with each maker. Nobody else is asked or believed.
//!
//! Every record has two halves: totals for people, and weights that fade with a half-life of two weeks and decide. A
//! weight is a number of times in millionths; it fades once a day, so that it does not matter how often it is looked at.

mod fade;
mod record;

use std::collections::HashMap;

use bitcoin::secp256k1::PublicKey;

pub use record::{Lesson, Record, Totals};

use crate::makers::Makers;

/// The most makers remembered. Past that the one heard of longest ago is forgotten, as long as there is one that was only
/// asked for prices: a crowd of strangers does not wipe out what swaps have taught.
pub const MOST_MAKERS: usize = 4_096;
/// One first try in so many goes to makers this node has no experience with.
pub const NEWCOMERS_SHARE: u64 = 8;
/// What a failed swap costs beside money: hours in which the amount is locked, and the trouble. A fixed part (sat) ...
const TROUBLE_SAT: u64 = 500;
/// ... and a share of the amount (millionths).
const TROUBLE_PPM: u64 = 5_000;
/// What a maker that gives a price and does not stand by it costs: seconds (sat).
const DECLINED_SAT: u64 = 50;
/// What one that does not answer costs (sat).
const SILENT_SAT: u64 = 20;
/// Of a maker nothing is known of, so many swaps ...
const PRIOR_TRIES: u64 = 4;
/// ... are taken to fail so often (millionths).
const PRIOR_FAILING: u64 = 50_000;
/// More silence than this says nothing new (times): the maker is away.
const MOST_SILENT: u64 = 20;
/// One time, as weights count.
const ONCE: u64 = 1_000_000;

type Key = [u8; 33];

/// The records of all makers this node has dealt with.
#[derive(Clone, Debug, Default)]
pub struct Experience {
    records: HashMap<Key, Record>,
}

impl Experience {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was written down earlier. Entries past [`MOST_MAKERS`] are left out.
    #[must_use]
    pub fn load(records: impl IntoIterator<Item = (PublicKey, Record)>) -> Self {
        let mut all = Self::new();
        for (maker, record) in records {
            all.put(maker.serialize(), record);
        }
        all
    }

    /// Takes a lesson at `now` (Unix seconds). Returns the maker's record, to be written down, and who was forgotten for
    /// it, if anybody.
    pub fn learn(
        &mut self,
        maker: &PublicKey,
        lesson: Lesson,
        now: u64,
    ) -> (Record, Option<PublicKey>) {
        let key = maker.serialize();
        let mut record = self.records.get(&key).cloned().unwrap_or_default();
        record.learn(lesson, now);
        let forgotten = self.put(key, record.clone());
        (record, forgotten)
    }

    fn put(&mut self, key: Key, record: Record) -> Option<PublicKey> {
        let mut forgotten = None;
        if self.records.len() >= MOST_MAKERS && !self.records.contains_key(&key) {
            let worth = |(key, r): &(&Key, &Record)| (r.totals.tried() > 0, r.last, **key);
            let oldest = self.records.iter().min_by_key(worth);
            forgotten = oldest.map(|(key, _)| *key);
            if let Some(oldest) = forgotten {
                self.records.remove(&oldest);
            }
        }
        self.records.insert(key, record);
        forgotten.and_then(|key| PublicKey::from_slice(&key).ok())
    }

    /// What is remembered of one maker.
    #[must_use]
    pub fn of(&self, maker: &PublicKey) -> Option<&Record> {
        self.records.get(&maker.serialize())
    }

    /// Every maker there is a record of, in no order.
    pub fn all(&self) -> impl Iterator<Item = (PublicKey, &Record)> {
        self.records
            .iter()
            .filter_map(|(key, record)| Some((PublicKey::from_slice(key).ok()?, record)))
    }

    /// The makers whose records are like this, by their 33-byte keys.
    #[must_use]
    pub fn those(&self, like: impl Fn(&Record) -> bool) -> Makers {
        let all = self.records.iter();
        all.filter(|(_, record)| like(record))
            .map(|(key, _)| *key)
            .collect()
    }

    /// By how much this maker's prices were above its offers of late (millionths of the amount), to be added to its offer
    /// when makers are chosen to be asked.
    #[must_use]
    pub fn dearer_ppm(&self, maker: &PublicKey, now: u64) -> u32 {
        self.of(maker).map_or(0, |record| record.dearer_ppm(now))
    }

    /// What a swap of `amount_sat` with this maker is expected to cost by failing (sat), to be added to its price when
    /// makers are compared. Every maker has some; one that nothing is known of is taken to fail one time in twenty.
    #[must_use]
    pub fn failure_cost(&self, maker: &PublicKey, amount_sat: u64, now: u64) -> u64 {
        match self.of(maker) {
            Some(record) => expected(record, amount_sat, now),
            None => Self::strangers_cost(amount_sat),
        }
    }

    /// [`Self::failure_cost`] of a maker nothing is known of (sat).
    #[must_use]
    pub fn strangers_cost(amount_sat: u64) -> u64 {
        expected(&Record::default(), amount_sat, 0)
    }

    /// Whether this node has never begun a swap with the maker. Asking for prices is no experience.
    #[must_use]
    pub fn is_newcomer(&self, maker: &PublicKey) -> bool {
        self.of(maker)
            .is_none_or(|record| record.totals.tried() == 0)
    }

    /// Whether a first try that drew this random number goes to a newcomer: one in [`NEWCOMERS_SHARE`]. On such a turn
    /// newcomers are compared without [`Self::failure_cost`], so the cheapest of them is tried if it is cheaper at all.
    #[must_use]
    pub const fn newcomers_turn(draw: u64) -> bool {
        draw.is_multiple_of(NEWCOMERS_SHARE)
    }

    /// [`Self::failure_cost`] (sat), except that a newcomer's is nothing on its turn.
    #[must_use]
    pub fn handicap(
        &self,
        maker: &PublicKey,
        amount_sat: u64,
        now: u64,
        newcomers_turn: bool,
    ) -> u64 {
        if newcomers_turn && self.is_newcomer(maker) {
            return 0;
        }
        self.failure_cost(maker, amount_sat, now)
    }

    /// Until when (Unix seconds) the maker is left alone after it failed: ten minutes, twice as long for each further
    /// failure in a row, a day at most. A low price does not shorten it. `None` when it may be asked now.
    #[must_use]
    pub fn resting_until(&self, maker: &PublicKey, now: u64) -> Option<u64> {
        self.of(maker)?.resting_until(now)
    }
}

/// The expected cost of failing with such a record (sat), rounded up.
fn expected(record: &Record, amount_sat: u64, now: u64) -> u64 {
    let weights = record.weights.at(now);
    let share = u128::from(amount_sat) * u128::from(TROUBLE_PPM) / 1_000_000;
    let trouble = share + u128::from(TROUBLE_SAT);
    let prior = u128::from(PRIOR_TRIES) * u128::from(PRIOR_FAILING) * trouble;
    let failed = u128::from(weights.stalled) + u128::from(weights.failed);
    let damage = prior
        + failed * trouble
        + u128::from(weights.lost_sat) * u128::from(ONCE)
        + u128::from(weights.declined) * u128::from(DECLINED_SAT)
        + u128::from(weights.silent) * u128::from(SILENT_SAT);
    // What is not a swap that was begun does not count as a try: nobody can hide a failure behind it.
    let tries = u128::from(PRIOR_TRIES * ONCE) + u128::from(weights.done) + failed;
    u64::try_from(damage.div_ceil(tries)).unwrap_or(u64::MAX)
}
