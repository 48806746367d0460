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
/// of them; of equal costs the smallest set. The answer lists places in `quotes`. `known` is a set that is known to do: nothing
/// dearer is returned, however many quotes there are.
///
/// None when no set does.
#[must_use]
pub fn combine(
    quotes: &[Firm],
    amount_sat: u64,
    max_parts: usize,
    known: Option<&[usize]>,
) -> Option<Vec<usize>> {
    let mut order: Vec<(usize, Firm)> = quotes
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, quote)| quote.amount_sat > 0 && quote.amount_sat <= amount_sat)
        .collect();
    // The cheapest for each satoshi first: what is left can then cost no less a satoshi than the next of them.
    order.sort_by(|(a_index, a), (b_index, b)| {
        let (a_cost, b_cost) = (i128::from(a.cost_sat), i128::from(b.cost_sat));
        let by_share =
            (a_cost * i128::from(b.amount_sat)).cmp(&(b_cost * i128::from(a.amount_sat)));
        by_share.then(a_index.cmp(b_index))
    });
    let mut largest = vec![0; order.len()];
    let mut so_far = 0;
    for (largest, (_, quote)) in largest.iter_mut().zip(&order).rev() {
        so_far = quote.amount_sat.max(so_far);
        *largest = so_far;
    }
    let max_parts = max_parts.min(MAX_PARTS);
    let best = known.and_then(|set| {
        let cost = checked(quotes, set, amount_sat, max_parts)?;
        Some(((cost, set.len()), set.to_vec()))
    });
    let mut search = Combining {
        order,
        largest,
        max_parts,
        steps: 0,
        chosen: Vec::new(),
        best,
    };
    search.from(0, amount_sat, 0);
    search.best.map(|(_, chosen)| chosen)
}

/// What this set costs (sat), if it covers the amount as it should.
fn checked(quotes: &[Firm], set: &[usize], amount_sat: u64, max_parts: usize) -> Option<i128> {
    let (mut left, mut cost, mut makers) = (amount_sat, 0, Vec::new());
    for place in set {
        let quote = quotes.get(*place)?;
        left = left.checked_sub(quote.amount_sat)?;
        cost += i128::from(quote.cost_sat);
        if quote.amount_sat == 0 || makers.contains(&quote.maker) {
            return None;
        }
        makers.push(quote.maker);
    }
    (left == 0 && !set.is_empty() && set.len() <= max_parts).then_some(cost)
}

struct Combining {
    /// The quotes and their places, the cheapest for each satoshi first.
    order: Vec<(usize, Firm)>,
    /// The largest amount from each place of `order` on.
    largest: Vec<u64>,
    max_parts: usize,
    steps: u32,
    /// Places in `order`.
    chosen: Vec<usize>,
    best: Option<((i128, usize), Vec<usize>)>,
}

impl Combining {
    fn from(&mut self, start: usize, left: u64, cost: i128) {
        if left == 0 {
            let rank = (cost, self.chosen.len());
            if !self.chosen.is_empty() && self.best.as_ref().is_none_or(|(best, _)| rank < *best) {
                let chosen = self
                    .chosen
                    .iter()
                    .filter_map(|place| self.order.get(*place));
                self.best = Some((rank, chosen.map(|(index, _)| *index).collect()));
            }
            return;
        }
        let parts = self.max_parts.saturating_sub(self.chosen.len());
        let parts_left = u64::try_from(parts).unwrap_or(0);
        for place in start..self.order.len() {
            self.steps = self.steps.saturating_add(1);
            let Some((quote, largest)) = self
                .order
                .get(place)
                .map(|(_, quote)| *quote)
                .zip(self.largest.get(place).copied())
            else {
                return;
            };
            // What comes later is no larger than this together, and no cheaper.
            let too_little = largest.saturating_mul(parts_left) < left;
            if self.steps > MAX_STEPS || too_little || !self.may_be_best(&quote, left, cost) {
                return;
            }
            let taken = self
                .chosen
                .iter()
                .filter_map(|place| self.order.get(*place))
                .any(|(_, other)| other.maker == quote.maker);
            let last_but_not_all = parts == 1 && quote.amount_sat != left;
            if taken || quote.amount_sat > left || last_but_not_all {
                continue;
            }
            self.chosen.push(place);
            self.from(
                place + 1,
                left - quote.amount_sat,
                cost + i128::from(quote.cost_sat),
            );
            self.chosen.pop();
        }
    }

    /// Whether what is left could make a better set than the best so far if every satoshi of it cost what it costs with
    /// this quote, which is less than with any later one.
    fn may_be_best(&self, quote: &Firm, left: u64, cost: i128) -> bool {
        let Some(((best, parts), _)) = self.best.as_ref() else {
            return true;
        };
        let least = i128::from(quote.cost_sat).saturating_mul(i128::from(left));
        let room = (*best - cost).saturating_mul(i128::from(quote.amount_sat));
        least < room || (least == room && self.chosen.len() + 1 < *parts)
    }
}
