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

impl Line {
    /// The fee for an amount at `now` (Unix seconds); none when it is not offered. A fee that eats the whole amount, or pays
    /// it out again, leaves nothing to pay over Lightning.
    fn fee(&self, amount_sat: u64, now: u64) -> Option<i64> {
        if amount_sat < self.min_sat || self.max_sat < amount_sat || self.expires <= now {
            return None;
        }
        let fee = self.price.fee(Amount::from_sat(amount_sat))?;
        (fee.unsigned_abs() < amount_sat).then_some(fee)
    }
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

    /// One of the lines for an amount at `now` (Unix seconds), as `draw` has it: its fee (sat) and whose it is. `own` is left
    /// out, and whom `wanted` refuses. The price plays no part.
    pub(crate) fn drawn(
        &self,
        amount_sat: u64,
        now: u64,
        draw: u64,
        own: Option<&Key>,
        wanted: impl Fn(&Key) -> bool,
    ) -> Option<(i64, Key)> {
        let mut best: Option<(u64, i64, &Key)> = None;
        for (line, maker) in self.lines.iter().zip(&self.makers) {
            // Ties are even and nobody can aim at them; so is this order, another one for each draw.
            let turn = (line.tie ^ draw).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            if best.is_some_and(|(first, ..)| first <= turn) || own == Some(maker) {
                continue;
            }
            if let Some(fee) = line.fee(amount_sat, now).filter(|_| wanted(maker)) {
                best = Some((turn, fee, maker));
            }
        }
        best.map(|(_, fee, maker)| (fee, *maker))
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
            let Some(fee) = line.fee(amount_sat, now).filter(|_| Some(place) != own) else {
                continue;
            };
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
