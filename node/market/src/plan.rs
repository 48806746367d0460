//! How to cover an amount at the least cost: over which makers to split it, and which of their firm quotes to take.
//!
//! Costs are counted in millionths of a satoshi while they are compared, so that nothing is lost to rounding.

/// The most curves looked at: every set of up to [`MAX_PARTS`] of them is tried.
pub const MAX_CURVES: usize = 16;
/// The most parts an amount is ever split into.
pub const MAX_PARTS: usize = 8;
/// The most steps taken to put firm quotes together; far more than a few dozen quotes need.
const MAX_STEPS: u32 = 500_000;
/// Millionths in one.
const MILLION: i128 = 1_000_000;

/// What one maker would charge, as far as its offer and earlier answers tell: everything that does not depend on the
/// amount, and a share of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curve {
    /// Fixed part: the offer's base, the chain fees of both sides, routing, what failing is expected to cost (sat).
    pub fixed_sat: i64,
    /// Share of the amount in millionths; negative pays the taker.
    pub ppm: i32,
    /// The smallest part it takes (sat).
    pub min_sat: u64,
    /// The largest part it takes (sat).
    pub max_sat: u64,
}

impl Curve {
    /// What a part of this size costs, in millionths of a satoshi.
    fn cost(&self, amount_sat: u64) -> i128 {
        i128::from(self.fixed_sat) * MILLION + i128::from(self.ppm) * i128::from(amount_sat)
    }
}

/// One maker's share of an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which of the curves.
    pub curve: usize,
    /// How much (sat).
    pub amount_sat: u64,
}

/// A firm quote, as far as choosing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firm {
    /// Whose it is: a number per maker. Of each maker one quote is taken at most.
    pub maker: usize,
    /// The amount (sat).
    pub amount_sat: u64,
    /// All it is expected to cost (sat); negative pays the taker.
    pub cost_sat: i64,
}

/// Covers `amount_sat` exactly, with at most `max_parts` parts of different curves, at the least cost there is; of equal
/// costs the one with the fewest parts. Only the first [`MAX_CURVES`] curves are looked at, so the best come first.
///
/// None when the amount cannot be covered like that.
#[must_use]
pub fn split(curves: &[Curve], amount_sat: u64, max_parts: usize) -> Option<Vec<Share>> {
    let mut usable: Vec<(usize, Curve)> = curves
        .iter()
        .copied()
        .enumerate()
        .take(MAX_CURVES)
        .filter(|(_, c)| c.min_sat <= c.max_sat && c.min_sat <= amount_sat)
        .collect();
    // The cheapest by share first: a set is filled in this order.
    usable.sort_by_key(|(index, curve)| (curve.ppm, *index));
    let mut search = Splitting {
        usable,
        amount_sat,
        max_parts: max_parts.min(MAX_PARTS),
        chosen: Vec::new(),
        best: None,
    };
    search.from(0, 0, 0);
    search.best.map(|(_, shares)| shares)
}

struct Splitting {
    usable: Vec<(usize, Curve)>,
    amount_sat: u64,
    max_parts: usize,
    /// Indexes into `usable`, rising.
    chosen: Vec<usize>,
    best: Option<((i128, usize), Vec<Share>)>,
}

impl Splitting {
    /// Tries every set that continues the chosen one with curves from `start` on. `least` and `most` are what the chosen
    /// ones take together.
    fn from(&mut self, start: usize, least: u64, most: u64) {
        if !self.chosen.is_empty() && most >= self.amount_sat {
            self.fill(least);
        }
        if self.chosen.len() == self.max_parts {
            return;
        }
        for next in start..self.usable.len() {
            let Some((_, curve)) = self.usable.get(next).copied() else {
                return;
            };
            let least = least.saturating_add(curve.min_sat);
            if least > self.amount_sat {
                continue;
            }
            self.chosen.push(next);
            self.from(next + 1, least, most.saturating_add(curve.max_sat));
            self.chosen.pop();
        }
    }

    /// Every chosen one gets its least, and what is left goes to those that ask the smallest share.
    fn fill(&mut self, least: u64) {
        let mut left = self.amount_sat - least;
        let mut cost = 0;
        let mut shares = Vec::with_capacity(self.chosen.len());
        for (curve, chosen) in self.chosen.iter().filter_map(|i| self.usable.get(*i)) {
            let more = left.min(chosen.max_sat - chosen.min_sat);
            left -= more;
            let amount_sat = chosen.min_sat + more;
            cost += chosen.cost(amount_sat);
            shares.push(Share {
                curve: *curve,
                amount_sat,
            });
        }
        let rank = (cost, shares.len());
        if left == 0 && self.best.as_ref().is_none_or(|(best, _)| rank < *best) {
            self.best = Some((rank, shares));
        }
    }
}

/// The cheapest set of firm quotes of different makers whose amounts add up to exactly `amount_sat`, at most `max_parts`
/// of them; of equal costs the smallest set. The answer lists places in `quotes`.
///
/// None when no set does.
#[must_use]
pub fn combine(quotes: &[Firm], amount_sat: u64, max_parts: usize) -> Option<Vec<usize>> {
    let mut order: Vec<usize> = (0..quotes.len()).collect();
    order.sort_by_key(|i| quotes.get(*i).map(|q| (q.cost_sat, *i)));
    let mut search = Combining {
        quotes,
        order,
        max_parts: max_parts.min(MAX_PARTS),
        steps: 0,
        chosen: Vec::new(),
        best: None,
    };
    search.from(0, amount_sat, 0);
    search.best.map(|(_, chosen)| chosen)
}

struct Combining<'a> {
    quotes: &'a [Firm],
    order: Vec<usize>,
    max_parts: usize,
    steps: u32,
    chosen: Vec<usize>,
    best: Option<((i128, usize), Vec<usize>)>,
}

impl Combining<'_> {
    fn from(&mut self, start: usize, left: u64, cost: i128) {
        if left == 0 && !self.chosen.is_empty() {
            let rank = (cost, self.chosen.len());
            if self.best.as_ref().is_none_or(|(best, _)| rank < *best) {
                self.best = Some((rank, self.chosen.clone()));
            }
            return;
        }
        if self.chosen.len() == self.max_parts {
            return;
        }
        for place in start..self.order.len() {
            self.steps = self.steps.saturating_add(1);
            if self.steps > MAX_STEPS {
                return;
            }
            let Some((index, quote)) = self
                .order
                .get(place)
                .and_then(|index| Some((*index, *self.quotes.get(*index)?)))
            else {
                return;
            };
            let taken = self
                .chosen
                .iter()
                .filter_map(|i| self.quotes.get(*i))
                .any(|q| q.maker == quote.maker);
            if taken || quote.amount_sat == 0 || quote.amount_sat > left {
                continue;
            }
            self.chosen.push(index);
            self.from(
                place + 1,
                left - quote.amount_sat,
                cost + i128::from(quote.cost_sat),
            );
            self.chosen.pop();
        }
    }
}
