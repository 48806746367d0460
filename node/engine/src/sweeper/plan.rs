//! Which outputs are swept together, and for how much. Pure: nothing is signed, stored or sent here.
//!
//! Spec 02, "Sweeping together", says the rules; decision 0014 says why.

use bitcoin::{Amount, FeeRate};

use super::price::{self, Replaced};
use crate::ports::BatchStep;

/// The most outputs swept in one transaction. Each replacement pays for its whole size again, so that joining a large
/// batch is dear; and all that travel together are priced by the most urgent of them.
pub(super) const MOST_MEMBERS: usize = 25;

/// How an output may travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// With others.
    Together,
    /// Not as deep as it should be, after a reorganisation: it stays where it is and joins nothing.
    Young,
    /// Its deadline is near: it joins nothing any more.
    Late,
    /// Its own output is in doubt: it must hold up nobody.
    Apart,
}

/// An output that is to be swept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanting {
    pub(super) fit: Fit,
    pub(super) value: Amount,
    /// The weight of its input.
    pub(super) weight: u64,
    /// The most it may pay.
    pub(super) most: Amount,
    /// The rate its time asks for.
    pub(super) rate: FeeRate,
    /// The height it should be confirmed by.
    pub(super) deadline: u32,
}

/// A transaction that is under way for some of them.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// Those in it, in the order of its inputs.
    pub(super) members: Vec<usize>,
    /// Whether all its inputs are still to be swept: one may belong to an output its swap no longer counts on.
    pub(super) whole: bool,
    pub(super) replaced: Replaced,
    /// The least to bid for it now, whatever the rate: something else pays more, or blocks pass it by.
    pub(super) bid: Amount,
}

/// What depends on where the coins go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// The weight of a transaction without its inputs.
    pub(super) frame: u64,
    /// The least its output may be.
    pub(super) dust: Amount,
    /// What a replacement pays on its own size above what it replaces.
    pub(super) increment: FeeRate,
}

/// A transaction to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) members: Vec<usize>,
    pub(super) fee: Amount,
    /// What each member pays.
    pub(super) shares: Vec<Amount>,
    pub(super) step: BatchStep,
    /// The transaction it goes on from.
    pub(super) of: Option<usize>,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// In the order they must reach the mempool.
    pub(super) orders: Vec<Order>,
    /// Standing transactions to send again as they are.
    pub(super) keep: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Price {
    fee: Amount,
    shares: Vec<Amount>,
    /// Whether it is as much as the time that is left asks for.
    reached: bool,
}

/// Plans a round. `renew`: a new block is there, so that what is under way is looked at again.
pub(super) fn plan(wanting: &[Wanting], standing: &[Standing], form: Form, renew: bool) -> Plan {
    let planner = Planner {
        wanting,
        standing,
        form,
    };
    planner.plan(renew)
}

struct Planner<'a> {
    wanting: &'a [Wanting],
    standing: &'a [Standing],
    form: Form,
}

impl Planner<'_> {
    fn plan(&self, renew: bool) -> Plan {
        let mut plan = Plan::default();
        let taken = |at: &usize| self.standing.iter().any(|s| s.members.contains(at));
        let mut free: Vec<usize> = (0..self.wanting.len()).filter(|at| !taken(at)).collect();
        let mut open = Vec::new();
        for (at, standing) in self.standing.iter().enumerate() {
            if standing.whole && self.all(&standing.members, Fit::Together) {
                open.push(at);
            } else if renew {
                self.go_on_with_doubts(at, &mut plan, &mut free);
            }
        }
        let (free, alone): (Vec<usize>, Vec<usize>) = free
            .into_iter()
            .partition(|at| self.fit(*at) == Some(Fit::Together));
        for at in alone {
            self.order(&[at], None, BatchStep::Left, &mut plan);
        }
        for group in free.chunks(MOST_MEMBERS) {
            match self.cheapest_to_join(group, &open) {
                Some((joined, order)) => {
                    open.retain(|at| *at != joined);
                    plan.orders.push(order);
                }
                None => self.order(group, None, BatchStep::Formed, &mut plan),
            }
        }
        for at in open.into_iter().filter(|_| renew) {
            self.bump(at, &mut plan);
        }
        plan
    }

    /// A batch with somebody in it who should not be in one any more.
    fn go_on_with_doubts(&self, at: usize, plan: &mut Plan, free: &mut Vec<usize>) {
        let Some(standing) = self.standing.get(at) else {
            return;
        };
        let members = &standing.members;
        let (doubtful, sound): (Vec<usize>, Vec<usize>) = members
            .iter()
            .partition(|member| self.fit(**member) == Some(Fit::Apart));
        // Those whose outputs are in doubt are left behind: the others replace the batch without them. Only then is the
        // way free for the ones left behind, who replace nothing.
        if (!doubtful.is_empty() || !standing.whole)
            && !sound.is_empty()
            && let Some(price) = self.price(&sound, Some(at))
        {
            let rest = order(sound, price, BatchStep::Left, Some(at));
            plan.orders.push(rest);
            free.extend(doubtful);
            return;
        }
        if !standing.whole {
            // What they allow is not enough to replace it, and to make it again there is a member missing.
            free.extend(members);
            return;
        }
        // Caught late: bumped whole, unless the one whose deadline is next gets there for less by itself.
        if let Some(first) = self.next_due(members)
            && let Some(alone) = self.price(&[first], Some(at))
            && alone.reached
            && self.dearer_together(at, first, alone.fee)
        {
            plan.orders
                .push(order(vec![first], alone, BatchStep::Left, None));
            free.extend(members.iter().filter(|member| **member != first));
            return;
        }
        self.bump(at, plan);
    }

    /// The late one of the nearest deadline.
    fn next_due(&self, members: &[usize]) -> Option<usize> {
        let late = members
            .iter()
            .filter(|at| self.fit(**at) == Some(Fit::Late));
        late.min_by_key(|at| self.wanting.get(**at).map(|w| w.deadline))
            .copied()
    }

    /// Whether staying does not give this member the rate it needs, or costs it more than `fee`.
    fn dearer_together(&self, at: usize, member: usize, fee: Amount) -> bool {
        let Some(standing) = self.standing.get(at) else {
            return false;
        };
        if self.wanted(&standing.members, standing.bid) <= standing.replaced.fee {
            return false;
        }
        let Some(whole) = self.price(&standing.members, Some(at)) else {
            return true;
        };
        let mut parts = standing.members.iter().zip(&whole.shares);
        let share = parts.find(|(at, _)| **at == member);
        !whole.reached || share.is_some_and(|(_, share)| fee < *share)
    }

    /// Replaces a transaction by one that pays more, when that is called for; else it is sent again.
    fn bump(&self, at: usize, plan: &mut Plan) {
        let Some(standing) = self.standing.get(at) else {
            return;
        };
        let old = standing.replaced.fee;
        let wanted = self.wanted(&standing.members, standing.bid);
        let price = self.price(&standing.members, Some(at));
        match price.filter(|_| wanted > old) {
            Some(price) => {
                let members = standing.members.clone();
                plan.orders
                    .push(order(members, price, BatchStep::Bumped, Some(at)));
            }
            None => plan.keep.push(at),
        }
    }

    /// The transaction these join for the least, if that is no dearer than going by themselves.
    fn cheapest_to_join(&self, group: &[usize], open: &[usize]) -> Option<(usize, Order)> {
        let by_themselves = self.price(group, None)?;
        let joined = open.iter().filter_map(|at| {
            let standing = self.standing.get(*at)?;
            let members: Vec<usize> = standing.members.iter().chain(group).copied().collect();
            if members.len() > MOST_MEMBERS {
                return None;
            }
            let price = self.price(&members, Some(*at)).filter(|p| p.reached)?;
            let more = price.fee.checked_sub(standing.replaced.fee)?;
            let order = order(members, price, BatchStep::Joined, Some(*at));
            (more <= by_themselves.fee).then_some((more, *at, order))
        });
        let (_, at, order) = joined.min_by_key(|(more, at, _)| (*more, *at))?;
        Some((at, order))
    }

    /// Orders a transaction that replaces nothing.
    fn order(&self, members: &[usize], of: Option<usize>, step: BatchStep, plan: &mut Plan) {
        if let Some(price) = self.price(members, of) {
            plan.orders.push(order(members.to_vec(), price, step, of));
        }
    }

    /// What a transaction of these pays, replacing that one.
    fn price(&self, members: &[usize], replacing: Option<usize>) -> Option<Price> {
        let old = replacing.and_then(|at| self.standing.get(at));
        let vsize = self.vsize(members);
        let replaced = old.map(|s| s.replaced);
        let least = price::least(vsize, replaced.as_slice(), self.form.increment);
        let parts: Vec<(u64, Amount)> = self
            .of(members)
            .map(|w| (w.weight, w.most.min(w.value)))
            .collect();
        let limits = sum(parts.iter().map(|(_, most)| *most))?;
        let total = sum(self.of(members).map(|w| w.value))?;
        let most = limits.min(total.checked_sub(self.form.dust)?);
        if least > most {
            return None;
        }
        let same = old.filter(|s| s.members == members);
        let bid = same.map_or(Amount::ZERO, |s| s.bid);
        let wanted = self.wanted(members, bid);
        let fee = wanted.max(least).min(most);
        Some(Price {
            fee,
            shares: price::shares(fee, &parts)?,
            reached: fee >= wanted,
        })
    }

    /// What the most urgent of them asks of the whole transaction.
    fn wanted(&self, members: &[usize], bid: Amount) -> Amount {
        let vsize = self.vsize(members);
        let rates = self.of(members).map(|w| price::wanted(w.rate, vsize));
        rates.max().unwrap_or(Amount::ZERO).max(bid)
    }

    fn vsize(&self, members: &[usize]) -> u64 {
        let inputs: u64 = self.of(members).map(|w| w.weight).sum();
        (self.form.frame + inputs).div_ceil(4)
    }

    fn of(&self, members: &[usize]) -> impl Iterator<Item = &Wanting> {
        members.iter().filter_map(|at| self.wanting.get(*at))
    }

    fn fit(&self, at: usize) -> Option<Fit> {
        self.wanting.get(at).map(|w| w.fit)
    }

    fn all(&self, members: &[usize], fit: Fit) -> bool {
        members.iter().all(|at| self.fit(*at) == Some(fit))
    }
}

fn sum(mut amounts: impl Iterator<Item = Amount>) -> Option<Amount> {
    amounts.try_fold(Amount::ZERO, Amount::checked_add)
}

fn order(members: Vec<usize>, price: Price, step: BatchStep, of: Option<usize>) -> Order {
    Order {
        members,
        fee: price.fee,
        shares: price.shares,
        step,
        of,
    }
}
