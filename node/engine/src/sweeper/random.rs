//! Random lives of batches against a mempool that knows nothing of the planner: it checks every transaction by the rules
//! of BIP125 alone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use bitcoin::{Amount, FeeRate};
use proptest::collection::vec;
use proptest::prelude::*;

use super::plan::{Fit, Form, MOST_MEMBERS, Order, Standing, Wanting, plan};
use super::price::Replaced;
use crate::ports::BatchStep;

const INPUT: u64 = 230;
const FRAME: u64 = 214;
const DUST: u64 = 330;

/// What may happen between two rounds.
#[derive(Clone, Debug)]
enum Act {
    /// A swap gets its key: its output's value, its limit, and the blocks to its refund height.
    Key { value: u64, cap: u64, left: u32 },
    /// Blocks in which nothing of ours was mined, and the rate after them.
    Blocks { count: u32, rate: u64 },
    /// A block with the transaction of this swap.
    Mined(usize),
    /// The output of this swap is unconfirmed again, or confirmed again, and then perhaps not as deep as it should be.
    Reorg { swap: usize, deep: bool },
    /// This swap counts on another output from now on.
    Gone(usize),
    /// Somebody else's spend of this swap's output takes the place of ours.
    Foreign(usize),
}

#[derive(Clone, Debug)]
struct Swap {
    value: u64,
    cap: u64,
    refund_height: u32,
    unconfirmed: bool,
    young: bool,
    foreign: bool,
    gone: bool,
    done: bool,
    /// The transaction made last for it, and its share.
    latest: Option<(usize, u64)>,
}

#[derive(Clone, Debug)]
struct Tx {
    inputs: Vec<usize>,
    fee: u64,
}

impl Tx {
    fn vsize(&self) -> u64 {
        (FRAME + INPUT * u64::try_from(self.inputs.len()).unwrap()).div_ceil(4)
    }
}

#[derive(Debug, Default)]
struct World {
    height: u32,
    rate: u64,
    swaps: Vec<Swap>,
    /// Every transaction ever made.
    txs: Vec<Tx>,
    mempool: Vec<usize>,
}

impl World {
    /// BIP125 as a node applies it, with one sat/vB as relay and increment.
    fn accept(&mut self, tx: Tx) -> Result<(), String> {
        let vsize = tx.vsize();
        let conflicts: Vec<usize> = self
            .mempool
            .iter()
            .copied()
            .filter(|at| self.txs[*at].inputs.iter().any(|i| tx.inputs.contains(i)))
            .collect();
        for at in &conflicts {
            let old = &self.txs[*at];
            if tx.fee * old.vsize() <= old.fee * vsize {
                return Err(format!("a rate not above that of {old:?}: {tx:?}"));
            }
        }
        let evicted: u64 = conflicts.iter().map(|at| self.txs[*at].fee).sum();
        if tx.fee < evicted + vsize && !conflicts.is_empty() {
            return Err(format!("{evicted} sat are evicted by {tx:?}"));
        }
        if tx.fee < vsize {
            return Err(format!("below the relay fee: {tx:?}"));
        }
        let new = |i: &&usize| !conflicts.iter().any(|at| self.txs[*at].inputs.contains(i));
        if let Some(i) = tx.inputs.iter().filter(new).find(|i| {
            // A transaction that replaces something adds no unconfirmed input.
            self.swaps[**i].unconfirmed && !conflicts.is_empty()
        }) {
            return Err(format!("{i} is a new unconfirmed input of {tx:?}"));
        }
        self.mempool.retain(|at| !conflicts.contains(at));
        self.txs.push(tx);
        self.mempool.push(self.txs.len() - 1);
        Ok(())
    }

    fn spender(&self, swap: usize) -> Option<usize> {
        let mut found = self.mempool.iter().copied();
        found.find(|at| self.txs[*at].inputs.contains(&swap))
    }

    fn fit(&self, swap: &Swap) -> Fit {
        if swap.unconfirmed {
            Fit::Apart
        } else if self.height + 60 > swap.refund_height {
            Fit::Late
        } else if swap.young {
            Fit::Young
        } else {
            Fit::Together
        }
    }

    fn most(&self, swap: &Swap) -> u64 {
        if self.height > swap.refund_height - 42 {
            swap.value
        } else {
            swap.cap
        }
    }

    fn act(&mut self, act: &Act) -> bool {
        let count = self.swaps.len();
        match act {
            Act::Key { value, cap, left } => {
                self.swaps.push(Swap {
                    value: *value,
                    cap: *cap,
                    refund_height: self.height + left,
                    unconfirmed: false,
                    young: false,
                    foreign: false,
                    gone: false,
                    done: false,
                    latest: None,
                });
                return false;
            }
            Act::Blocks { count, rate } => {
                self.height += count;
                self.rate = *rate;
            }
            _ if count == 0 => return false,
            Act::Mined(swap) => {
                if let Some(at) = self.spender(swap % count) {
                    self.mempool.retain(|other| *other != at);
                    for i in self.txs[at].inputs.clone() {
                        self.swaps[i].done = true;
                    }
                }
                self.height += 1;
            }
            Act::Reorg { swap, deep } => {
                let swap = &mut self.swaps[swap % count];
                swap.unconfirmed = !swap.unconfirmed && !swap.done;
                swap.young = !swap.unconfirmed && !deep;
                self.height += 1;
            }
            Act::Gone(swap) => {
                let swap = swap % count;
                if let Some(at) = self.spender(swap).filter(|_| swap.is_multiple_of(2)) {
                    self.mempool.retain(|other| *other != at);
                }
                self.swaps[swap].gone = true;
                self.height += 1;
            }
            Act::Foreign(swap) => {
                let swap = swap % count;
                if !self.swaps[swap].done {
                    if let Some(at) = self.spender(swap) {
                        self.mempool.retain(|other| *other != at);
                    }
                    self.swaps[swap].foreign = true;
                }
                return false;
            }
        }
        true
    }

    /// A transaction with an output that is gone, which the others in it cannot replace within their limits, would stay
    /// for ever: the mempool drops it.
    fn drop_what_nobody_can_replace(&mut self) {
        let stuck = |at: &usize| {
            let tx = &self.txs[*at];
            let sound = tx.inputs.iter().map(|i| &self.swaps[*i]);
            let sound = sound.filter(|s| !s.gone && !s.unconfirmed);
            let most: u64 = sound.map(|s| self.most(s)).sum();
            tx.inputs.iter().any(|i| self.swaps[*i].gone) && most < tx.fee + tx.vsize()
        };
        let stuck: Vec<usize> = self.mempool.iter().copied().filter(stuck).collect();
        self.mempool.retain(|at| !stuck.contains(at));
    }

    /// A round as the engine makes it: what travels alone is not in it.
    fn round(&mut self, renew: bool) -> Result<(), TestCaseError> {
        self.drop_what_nobody_can_replace();
        let stands = |tx: &Tx, at: usize| {
            tx.inputs.iter().all(|i| {
                let swap = &self.swaps[*i];
                swap.latest.is_some_and(|(last, _)| last == at) && !swap.foreign && !swap.done
            })
        };
        let mut names = Vec::new();
        let mut wanting = Vec::new();
        let mut standing: Vec<(usize, Standing)> = Vec::new();
        for (name, swap) in self.swaps.iter().enumerate() {
            let under_way = swap.latest.filter(|(at, _)| stands(&self.txs[*at], *at));
            let batched = under_way.is_some_and(|(at, _)| self.txs[at].inputs.len() > 1);
            let fit = self.fit(swap);
            if swap.done || swap.foreign || swap.gone || (fit != Fit::Together && !batched) {
                continue;
            }
            let urgent = if fit == Fit::Late { 2 } else { 1 };
            names.push(name);
            wanting.push(Wanting {
                fit,
                value: Amount::from_sat(swap.value),
                weight: INPUT,
                most: Amount::from_sat(self.most(swap)),
                rate: FeeRate::from_sat_per_vb(self.rate * urgent).unwrap(),
                deadline: swap.refund_height,
            });
            let member = wanting.len() - 1;
            let Some((at, _)) = under_way else {
                continue;
            };
            let tx = &self.txs[at];
            match standing.iter_mut().find(|(tx, _)| *tx == at) {
                Some((_, known)) => known.members.push(member),
                None => {
                    let replaced = Replaced {
                        fee: Amount::from_sat(tx.fee),
                        vsize: tx.vsize(),
                    };
                    let known = Standing {
                        members: vec![member],
                        whole: false,
                        replaced,
                        bid: Amount::ZERO,
                    };
                    standing.push((at, known));
                }
            }
            for (_, known) in standing.iter_mut().filter(|(tx, _)| *tx == at) {
                known.whole = known.members.len() == tx.inputs.len();
            }
        }
        for tx in &self.txs {
            let at = self.txs.iter().position(|other| std::ptr::eq(other, tx));
            let shares = tx.inputs.iter().filter_map(|i| self.swaps[*i].latest);
            let (shares, count) = shares
                .filter(|(last, _)| Some(*last) == at)
                .fold((0, 0), |(sum, count), (_, share)| (sum + share, count + 1));
            prop_assert!(
                count < tx.inputs.len() || shares == tx.fee,
                "shares are the fee"
            );
        }
        let form = Form {
            frame: FRAME,
            dust: Amount::from_sat(DUST),
            increment: FeeRate::BROADCAST_MIN,
        };
        let standing: Vec<Standing> = standing.into_iter().map(|(_, s)| s).collect();
        let plan = plan(&wanting, &standing, form, renew);
        prop_assert!(
            renew || plan.keep.is_empty(),
            "nothing is sent twice between blocks"
        );
        for order in &plan.orders {
            self.carry_out(order, &wanting, &names, renew)?;
        }
        for name in names {
            let swap = &self.swaps[name];
            let kept = swap.latest.map(|(at, _)| at);
            prop_assert!(
                self.spender(name).is_some() && self.spender(name) == kept,
                "swap {name} is not on its way: {swap:?}"
            );
        }
        Ok(())
    }

    fn carry_out(
        &mut self,
        order: &Order,
        wanting: &[Wanting],
        names: &[usize],
        renew: bool,
    ) -> Result<(), TestCaseError> {
        let sum: Amount = order.shares.iter().copied().sum();
        prop_assert_eq!(sum, order.fee, "shares are the fee: {:?}", order);
        prop_assert_eq!(order.members.len(), order.shares.len());
        prop_assert!(order.members.len() <= MOST_MEMBERS);
        for (member, share) in order.members.iter().zip(&order.shares) {
            let wanting = &wanting[*member];
            prop_assert!(*share <= wanting.most, "above a limit: {:?}", order);
            let joins = matches!(order.step, BatchStep::Formed | BatchStep::Joined);
            prop_assert!(wanting.fit == Fit::Together || !joins, "{:?}", order);
        }
        prop_assert!(
            renew || matches!(order.step, BatchStep::Formed | BatchStep::Joined),
            "between blocks only what is new moves: {:?}",
            order
        );
        let tx = Tx {
            inputs: order.members.iter().map(|m| names[*m]).collect(),
            fee: order.fee.to_sat(),
        };
        let accepted = self.accept(tx);
        prop_assert!(accepted.is_ok(), "{:?} by {:?}", accepted, order);
        let at = self.txs.len() - 1;
        for (member, share) in order.members.iter().zip(&order.shares) {
            self.swaps[names[*member]].latest = Some((at, share.to_sat()));
        }
        Ok(())
    }

    /// What travels alone is somebody else's business: it is taken out once it is on its way.
    fn leave_out(&mut self) {
        for i in 0..self.swaps.len() {
            let alone = self
                .spender(i)
                .is_some_and(|at| self.txs[at].inputs.len() == 1);
            let swap = &self.swaps[i];
            if swap.foreign || (alone && self.fit(swap) != Fit::Together) {
                if let Some(at) = self.spender(i) {
                    self.mempool.retain(|other| *other != at);
                }
                self.swaps[i].done = true;
            }
        }
    }
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let swap = 0_usize..12;
    let act = prop_oneof![
        5 => (20_000_u64..2_000_000, 700_u64..20_000, 61_u32..160)
            .prop_map(|(value, cap, left)| Act::Key { value, cap, left }),
        4 => (1_u32..25, 1_u64..120).prop_map(|(count, rate)| Act::Blocks { count, rate }),
        1 => swap.clone().prop_map(Act::Mined),
        2 => (swap.clone(), any::<bool>()).prop_map(|(swap, deep)| Act::Reorg { swap, deep }),
        1 => swap.clone().prop_map(Act::Gone),
        1 => swap.prop_map(Act::Foreign),
    ];
    vec(act, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_replacement_is_valid_and_paid_for_to_the_satoshi(acts in acts()) {
        let mut world = World { height: 1_000, rate: 3, ..World::default() };
        for act in &acts {
            let renew = world.act(act);
            world.round(renew)?;
            world.leave_out();
        }
    }
}
