//! Prices laid out for one pass: what ranking reads of each standing offer, side by side in memory, and nothing else.

use std::collections::{BinaryHeap, HashMap};

use bitcoin::Amount;
use cambista_protocol::market::offer::Rate;
use cambista_protocol::money::Price;

use crate::book::Key;
use crate::makers::mesh;
use crate::places::Opinion;

/// The prices of one direction, and all else that is told of a maker at the same place.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// What is read of everybody: how much memory that is decides what a pass takes.
    lines: Vec<Line>,
    /// What is read only where the fee is low enough.
    terms: Vec<Terms>,
    makers: Vec<Key>,
    /// What a sieve looks at of each of these keys.
    meshes: Vec<u16>,
    places: HashMap<Key, usize>,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    price: Price,
    tie: u64,
}

#[derive(Clone, Copy, Debug)]
struct Terms {
    min_sat: u64,
    max_sat: u64,
    expires: u64,
}

impl Terms {
    /// Whether an amount is offered at `now` (Unix seconds) for this fee (sat). One that eats the whole amount, or pays it out
    /// again, leaves nothing to pay over Lightning.
    const fn offers(&self, amount_sat: u64, now: u64, fee: i64) -> bool {
        self.min_sat <= amount_sat
            && amount_sat <= self.max_sat
            && now < self.expires
            && fee.unsigned_abs() < amount_sat
    }
}

impl Lines {
    /// Sets a maker's price; none takes it out.
    pub(crate) fn set(&mut self, maker: Key, rate: Option<&Rate>, expires: u64, tie: u64) {
        let Some(rate) = rate else {
            self.remove(&maker);
            return;
        };
        let price = Price {
            base_sat: rate.base_sat,
            ppm: rate.ppm,
        };
        let line = Line { price, tie };
        let terms = Terms {
            min_sat: rate.min_sat,
            max_sat: rate.max_sat,
            expires,
        };
        match self.places.get(&maker).copied() {
            Some(place) => {
                if let Some(old) = self.lines.get_mut(place) {
                    *old = line;
                }
                if let Some(old) = self.terms.get_mut(place) {
                    *old = terms;
                }
            }
            None => {
                self.places.insert(maker, self.lines.len());
                self.lines.push(line);
                self.terms.push(terms);
                self.makers.push(maker);
                self.meshes.push(mesh(&maker));
            }
        }
    }

    /// Takes a maker's price out.
    pub(crate) fn remove(&mut self, maker: &Key) {
        let Some(place) = self.places.remove(maker) else {
            return;
        };
        self.lines.swap_remove(place);
        self.terms.swap_remove(place);
        self.makers.swap_remove(place);
        self.meshes.swap_remove(place);
        if let Some(moved) = self.makers.get(place) {
            self.places.insert(*moved, place);
        }
    }

    /// The lines for an amount at `now` (Unix seconds) that matter when somebody is chosen, in one pass; `own` is left out.
    pub(crate) fn survey(
        &self,
        amount_sat: u64,
        now: u64,
        k: usize,
        own: Option<&Key>,
        draw: u64,
        opinion: &impl Opinion,
    ) -> Survey {
        let own = own.and_then(|own| self.places.get(own).copied());
        let amount = Amount::from_sat(amount_sat);
        let (mut open, mut known) = (Cheapest::of(k), Cheapest::of(k));
        let mut drawn: Option<(u64, i64, &Key)> = None;
        let known_sieve = opinion.known_sieve();
        for (place, (line, mesh)) in self.lines.iter().zip(&self.meshes).enumerate() {
            let Some(fee) = line.price.fee(amount) else {
                continue;
            };
            let found = (fee, line.tie, place);
            // Ties are even and nobody can aim at them; so is this order, another one for each draw.
            let turn = (line.tie ^ draw).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let is_open = open.takes(&found);
            let may_be_known = known.takes(&found) && known_sieve.lets_pass(*mesh);
            let is_next = drawn.is_none_or(|(first, ..)| turn < first);
            // Most are too dear, which is told sooner than whether they take the amount, and what is thought of them.
            if !is_open && !may_be_known && !is_next
                || !self.offers(place, amount_sat, now, fee)
                || Some(place) == own
            {
                continue;
            }
            let Some(maker) = self.makers.get(place) else {
                continue;
            };
            if opinion.left_out().contains(maker) || opinion.quiet().contains(maker) {
                continue;
            }
            if is_open {
                open.push(found);
            }
            if may_be_known && opinion.known(maker) {
                known.push(found);
            }
            if is_next && !opinion.tried().contains(maker) {
                drawn = Some((turn, fee, maker));
            }
        }
        Survey {
            open: self.whose(open),
            known: self.whose(known),
            drawn: drawn.map(|(_, fee, maker)| (fee, *maker)),
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
        let amount = Amount::from_sat(amount_sat);
        let mut best = Cheapest::of(k);
        for (place, line) in self.lines.iter().enumerate() {
            let Some(fee) = line.price.fee(amount) else {
                continue;
            };
            let found = (fee, line.tie, place);
            if best.takes(&found)
                && self.offers(place, amount_sat, now, fee)
                && Some(place) != own
                && self.makers.get(place).is_some_and(&wanted)
            {
                best.push(found);
            }
        }
        self.whose(best)
    }

    /// The same among these makers alone.
    pub(crate) fn lowest_of<'a>(
        &self,
        makers: impl Iterator<Item = &'a Key>,
        amount_sat: u64,
        now: u64,
        k: usize,
    ) -> Vec<(i64, Key)> {
        let amount = Amount::from_sat(amount_sat);
        let mut best = Cheapest::of(k);
        for maker in makers {
            let place = self.places.get(maker).copied();
            if let Some(place) = place
                && let Some(line) = self.lines.get(place)
                && let Some(fee) = line.price.fee(amount)
                && self.offers(place, amount_sat, now, fee)
            {
                best.push((fee, line.tie, place));
            }
        }
        self.whose(best)
    }

    fn offers(&self, place: usize, amount_sat: u64, now: u64, fee: i64) -> bool {
        let terms = self.terms.get(place);
        terms.is_some_and(|terms| terms.offers(amount_sat, now, fee))
    }

    fn whose(&self, best: Cheapest) -> Vec<(i64, Key)> {
        let sorted = best.found.into_sorted_vec().into_iter();
        sorted
            .filter_map(|(fee, _, place)| self.makers.get(place).map(|maker| (fee, *maker)))
            .collect()
    }
}

/// What one pass over all lines finds, fees (sat) and whose they are, the lowest first.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Of those that are neither left out nor quiet.
    pub(crate) open: Vec<(i64, Key)>,
    /// Of these, the known ones.
    pub(crate) known: Vec<(i64, Key)>,
    /// One of these that was never tried, as the draw has it: the price plays no part.
    pub(crate) drawn: Option<(i64, Key)>,
}

/// A fee (sat), what decides between equal ones, and the place of the line.
type Found = (i64, u64, usize);

/// The lowest fees so far.
struct Cheapest {
    most: usize,
    found: BinaryHeap<Found>,
    /// What is not below this is not among them.
    bar: Found,
}

impl Cheapest {
    const fn of(most: usize) -> Self {
        let highest = (i64::MAX, u64::MAX, usize::MAX);
        Self {
            most,
            found: BinaryHeap::new(),
            bar: if most == 0 { (i64::MIN, 0, 0) } else { highest },
        }
    }

    /// Whether this one is among them.
    fn takes(&self, one: &Found) -> bool {
        *one < self.bar
    }

    fn push(&mut self, one: Found) {
        if !self.takes(&one) {
            return;
        }
        self.found.push(one);
        if self.found.len() > self.most {
            self.found.pop();
        }
        if self.found.len() == self.most
            && let Some(worst) = self.found.peek()
        {
            self.bar = *worst;
        }
    }
}
