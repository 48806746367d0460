//! One maker's record.

use serde::{Deserialize, Serialize};

use super::fade::{day, faded};
use super::{MOST_SILENT, ONCE};

/// A maker that failed is left alone for this long (seconds), twice as long after each further failure in a row ...
const REST: u64 = 600;
/// ... up to this (seconds).
const LONGEST_REST: u64 = 86_400;
/// A price so far above its offer is as bad as any (millionths of the amount).
const MOST_DEARER_PPM: u32 = 1_000_000;

/// Something a maker did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lesson {
    /// It was asked for a price.
    Asked,
    /// It gave a price that could be taken, after so many milliseconds.
    Quoted {
        /// Milliseconds.
        after_ms: u64,
    },
    /// The price it gave, beside the one it offers to everybody.
    Priced {
        /// By so much it asked more (millionths of the amount); 0 when it kept to its offer.
        dearer_ppm: u32,
    },
    /// It gave no price, with a reason.
    Refused,
    /// It did not answer.
    Silent,
    /// It gave a price and then did not stand by it, or brought terms that are not acceptable. Nothing was locked.
    Declined,
    /// It signed an acceptance and then did nothing: no funding, or no payment. Money was locked meanwhile.
    Stalled {
        /// Seconds from the acceptance to the end.
        secs: u64,
        /// What it cost this node (sat).
        cost_sat: u64,
    },
    /// A swap was done.
    Done {
        /// Seconds from the acceptance to the end.
        secs: u64,
        /// The amount (sat).
        amount_sat: u64,
        /// All it cost (sat); negative was earned.
        cost_sat: i64,
    },
    /// A swap was begun by both sides and came to nothing.
    Failed {
        /// Seconds from the acceptance to the end.
        secs: u64,
        /// What it cost this node (sat).
        cost_sat: u64,
    },
}

/// How often what happened, ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Prices asked for.
    pub asked: u64,
    /// Prices given.
    pub quoted: u64,
    /// Prices refused.
    pub refused: u64,
    /// Questions not answered.
    pub silent: u64,
    /// Prices not stood by.
    pub declined: u64,
    /// Acceptances not followed by anything.
    pub stalled: u64,
    /// Swaps done.
    pub done: u64,
    /// Swaps that came to nothing.
    pub failed: u64,
    /// The sum of the swaps done (sat).
    pub done_sat: u64,
    /// What they cost altogether (sat); negative was earned.
    pub cost_sat: i64,
    /// What failures cost altogether (sat).
    pub lost_sat: u64,
    /// Seconds the swaps done took altogether.
    pub done_secs: u64,
    /// Milliseconds the prices given took altogether.
    pub quoted_ms: u64,
}

impl Totals {
    /// Swaps it was tried for.
    #[must_use]
    pub const fn tried(&self) -> u64 {
        self.declined
            .saturating_add(self.stalled)
            .saturating_add(self.done)
            .saturating_add(self.failed)
    }
}

/// What decides: the same things, fading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Weights {
    /// The day they are of.
    pub(super) day: u64,
    pub(super) silent: u64,
    pub(super) declined: u64,
    pub(super) stalled: u64,
    pub(super) done: u64,
    pub(super) failed: u64,
    /// Satoshis, not millionths.
    pub(super) lost_sat: u64,
    /// By how much its prices were above its offers (millionths of the amount).
    #[serde(default)]
    pub(super) dearer_ppm: u64,
}

impl Weights {
    /// What is left of them at `now` (Unix seconds).
    pub(super) fn at(&self, now: u64) -> Self {
        let today = day(now).max(self.day);
        let left = |weight| faded(weight, self.day, today);
        Self {
            day: today,
            silent: left(self.silent),
            declined: left(self.declined),
            stalled: left(self.stalled),
            done: left(self.done),
            failed: left(self.failed),
            lost_sat: left(self.lost_sat),
            dearer_ppm: left(self.dearer_ppm),
        }
    }
}

/// What this node remembers of one maker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// How often what happened.
    pub totals: Totals,
    pub(super) weights: Weights,
    /// When it was last heard of (Unix seconds).
    pub last: u64,
    /// When a swap with it was last done (Unix seconds).
    pub done_at: Option<u64>,
    /// Failures since the last swap that was done.
    pub failed_in_a_row: u32,
    /// When the last of them was (Unix seconds).
    pub failed_at: u64,
    /// Times it gave no price since the last one it gave; those within a rest of [`Self::quiet_until`] count once.
    #[serde(default)]
    pub quiet_in_a_row: u32,
    /// When the last of them was (Unix seconds).
    #[serde(default)]
    pub quiet_at: u64,
}

impl Record {
    pub(super) fn learn(&mut self, lesson: Lesson, now: u64) {
        self.weights = self.weights.at(now);
        self.last = self.last.max(now);
        match lesson {
            Lesson::Quoted { .. } => self.quiet_in_a_row = 0,
            // One search asks for several amounts: no answer to any of them is one silence.
            Lesson::Silent | Lesson::Refused if self.quiet_until(now).is_none() => {
                self.quiet_in_a_row = self.quiet_in_a_row.saturating_add(1);
                self.quiet_at = now;
            }
            _ => {}
        }
        let (totals, weights) = (&mut self.totals, &mut self.weights);
        match lesson {
            Lesson::Asked => more(&mut totals.asked, 1),
            Lesson::Quoted { after_ms } => {
                more(&mut totals.quoted, 1);
                more(&mut totals.quoted_ms, after_ms);
            }
            // Once is enough to be asked after others; keeping to its offers brings it back.
            Lesson::Priced { dearer_ppm } => {
                let dearer = u64::from(dearer_ppm.min(MOST_DEARER_PPM));
                weights.dearer_ppm = dearer.max(weights.dearer_ppm / 2);
            }
            Lesson::Refused => more(&mut totals.refused, 1),
            Lesson::Silent => {
                more(&mut totals.silent, 1);
                weights.silent = weights.silent.saturating_add(ONCE).min(MOST_SILENT * ONCE);
            }
            Lesson::Declined => {
                more(&mut totals.declined, 1);
                more(&mut weights.declined, ONCE);
            }
            Lesson::Stalled { cost_sat, .. } => {
                more(&mut totals.stalled, 1);
                more(&mut weights.stalled, ONCE);
                self.fell_through(cost_sat, now);
            }
            Lesson::Failed { cost_sat, .. } => {
                more(&mut totals.failed, 1);
                more(&mut weights.failed, ONCE);
                self.fell_through(cost_sat, now);
            }
            Lesson::Done {
                secs,
                amount_sat,
                cost_sat,
            } => {
                more(&mut totals.done, 1);
                more(&mut totals.done_secs, secs);
                more(&mut totals.done_sat, amount_sat);
                totals.cost_sat = totals.cost_sat.saturating_add(cost_sat);
                more(&mut weights.done, ONCE);
                self.done_at = Some(now);
                self.failed_in_a_row = 0;
            }
        }
    }

    fn fell_through(&mut self, cost_sat: u64, now: u64) {
        more(&mut self.totals.lost_sat, cost_sat);
        more(&mut self.weights.lost_sat, cost_sat);
        self.failed_in_a_row = self.failed_in_a_row.saturating_add(1);
        self.failed_at = now;
    }

    /// Until when (Unix seconds) it is left alone after it failed; `None` when it may be asked at `now`. See
    /// [`super::Experience::resting_until`].
    #[must_use]
    pub fn resting_until(&self, now: u64) -> Option<u64> {
        rest(self.failed_in_a_row, self.failed_at, now)
    }

    /// Until when (Unix seconds) it comes after all others, because it gave no price the last time; `None` when it does not
    /// at `now`. Ten minutes, twice as long each time in a row, a day at most.
    #[must_use]
    pub fn quiet_until(&self, now: u64) -> Option<u64> {
        rest(self.quiet_in_a_row, self.quiet_at, now)
    }

    /// By how much its prices were above its offers of late (millionths of the amount).
    #[must_use]
    pub fn dearer_ppm(&self, now: u64) -> u32 {
        u32::try_from(self.weights.at(now).dearer_ppm).unwrap_or(MOST_DEARER_PPM)
    }

    /// Seconds a swap with it takes on average; `None` before the first is done.
    #[must_use]
    pub const fn usual_secs(&self) -> Option<u64> {
        self.totals.done_secs.checked_div(self.totals.done)
    }

    /// Milliseconds it takes to give a price on average; `None` before the first.
    #[must_use]
    pub const fn usual_answer_ms(&self) -> Option<u64> {
        self.totals.quoted_ms.checked_div(self.totals.quoted)
    }
}

/// The end of a rest that began at `at` (Unix seconds) after so many times in a row; `None` when it is over at `now`.
fn rest(in_a_row: u32, at: u64, now: u64) -> Option<u64> {
    let doublings = in_a_row.checked_sub(1)?.min(16);
    let rest = REST.saturating_mul(1 << doublings).min(LONGEST_REST);
    let until = at.saturating_add(rest);
    // A clock that was ahead then must not lock the maker out for ever.
    (at <= now.saturating_add(LONGEST_REST) && now < until).then_some(until)
}

fn more(sum: &mut u64, by: u64) {
    *sum = sum.saturating_add(by);
}
