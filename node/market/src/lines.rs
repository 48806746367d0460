//! Prices laid out for one pass: what ranking reads of each standing offer, side by side in memory, and nothing else.

use std::collections::{BinaryHeap, HashMap};

use bitcoin::Amount;
use cambista_protocol::market::offer::Rate;
use cambista_protocol::money::Price;

use crate::book::Key;

/// The prices of one direction.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    lines: Vec<Line>,
    /// Whose each line is, at the same place.
    makers: Vec<Key>,
    places: HashMap<Key, usize>,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    min_sat: u64,
    max_sat: u64,
    price: Price,
    expires: u64,
    tie: u64,
}

impl Lines {
    /// Sets a maker's price; none takes it out.
    pub(crate) fn set(&mut self, maker: Key, rate: Option<&Rate>, expires: u64, tie: u64) {
        let Some(rate) = rate else {
            self.remove(&maker);
            return;
        };
        let line = Line {
            min_sat: rate.min_sat,
            max_sat: rate.max_sat,
            price: Price {
                base_sat: rate.base_sat,
                ppm: rate.ppm,
            },
            expires,
            tie,
        };
        match self.places.get(&maker).copied() {
            Some(place) => {
                if let Some(old) = self.lines.get_mut(place) {
                    *old = line;
                }
            }
            None => {
                self.places.insert(maker, self.lines.len());
                self.lines.push(line);
                self.makers.push(maker);
            }
        }
    }

    /// Takes a maker's price out.
    pub(crate) fn remove(&mut self, maker: &Key) {
        let Some(place) = self.places.remove(maker) else {
            return;
        };
        self.lines.swap_remove(place);
        self.makers.swap_remove(place);
        if let Some(moved) = self.makers.get(place) {
            self.places.insert(*moved, place);
        }
    }

    /// The `k` lowest fees (sat) for an amount at `now` (Unix seconds) and whose they are, lowest first; `own` is left out,
    /// and whom `wanted` refuses.
    pub(crate) fn lowest(
        &self,
        amount_sat: u64,
        now: u64,
        k: usize,
        own: Option<&Key>,
        wanted: impl Fn(&Key) -> bool,
    ) -> Vec<(i64, Key)> {
        let own = own.and_then(|own| self.places.get(own).copied());
        let mut best: BinaryHeap<(i64, u64, usize)> = BinaryHeap::new();
        for (place, line) in self.lines.iter().enumerate() {
            if amount_sat < line.min_sat || line.max_sat < amount_sat || line.expires <= now {
                continue;
            }
            let Some(fee) = line.price.fee(Amount::from_sat(amount_sat)) else {
                continue;
            };
            // A fee that eats the whole amount, or pays it out again, leaves nothing to pay over Lightning.
            if fee.unsigned_abs() >= amount_sat || Some(place) == own {
                continue;
            }
            let found = (fee, line.tie, place);
            let full = best.len() >= k;
            // Most are too dear, which is told sooner than whether they are wanted.
            if (full && best.peek().is_none_or(|worst| found >= *worst))
                || !self.makers.get(place).is_some_and(&wanted)
            {
                continue;
            }
            if full {
                best.pop();
            }
            best.push(found);
        }
        let sorted = best.into_sorted_vec().into_iter();
        sorted
            .filter_map(|(fee, _, place)| self.makers.get(place).map(|maker| (fee, *maker)))
            .collect()
    }
}
