//! The sweeper: the only one to build, bump and rebroadcast spends of HTLC outputs.
//!
//! Sweeps that nobody contests may share a transaction (`plan` decides which, `price` for how much); everything else
//! travels alone (`alone`).

mod alone;
mod batch;
mod build;
#[cfg(test)]
mod cases;
mod plan;
mod price;
#[cfg(test)]
mod random;
mod send;

use std::collections::HashMap;

use bitcoin::{Amount, FeeRate, OutPoint, Transaction, Txid};
use cambista_protocol::contract::{Spend, SpendInput, SpendKind};
use cambista_protocol::swap::{SpendHow, SpendWish, Wish};
use cambista_protocol::words::{Role, SwapId};
use tracing::info;

use crate::engine::Core;
use crate::live::Live;
use crate::ports::{
    BatchEvent, Chain, Clock, Commit, PortError, Ports, Share, Store, StoredBatch, StoredSweep,
};
pub(crate) use alone::store_sweep;
pub(crate) use batch::Sweeper;
use plan::{Fit, Form, Order, Standing, Wanting};
use price::Replaced;
use send::Sending;

/// Nobody waits longer than this for a sweep, even with T far away (blocks).
pub(crate) const LAZY_TARGET: u32 = 12;

/// Whether a refused batch is taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Split {
    Now,
    IfAgain,
    InTheEnd,
    No,
}

/// What a round of planning is about.
#[derive(Default)]
struct Round {
    wanting: Vec<Wanting>,
    inputs: Vec<(SwapId, SpendInput)>,
    standing: Vec<Standing>,
    txs: Vec<Transaction>,
}

impl<P: Ports> Core<P> {
    /// Whether the sweeper's round takes care of this wish, with those of other swaps.
    pub(crate) fn goes_together(&self, id: SwapId, wish: &SpendWish) -> bool {
        let Some(live) = self.swaps.get(&id) else {
            return false;
        };
        wish.how == SpendHow::KeyPath
            && live.record.role == Role::Payer
            && (self.fit(live, wish) == Fit::Together || self.in_batch(live, wish.outpoint))
    }

    /// Whether the output is under way together with others.
    fn in_batch(&self, live: &Live, outpoint: OutPoint) -> bool {
        build::latest(live, outpoint)
            .is_some_and(|s| s.tx.input.len() > 1 && self.is_standing(&s.tx))
    }

    /// How an output may travel. Only a sweep of a finished swap to this node's own wallet joins others.
    fn fit(&self, live: &Live, wish: &SpendWish) -> Fit {
        let (record, locks) = (&live.record, &live.record.deal.locks);
        let output = live.swap.outputs().get(wish.outpoint);
        let sound = output
            .is_some_and(|o| o.confirmed.is_some() && o.spent.is_none_or(|s| is_own(live, s.txid)));
        let plain = wish.how == SpendHow::KeyPath
            && record.role == Role::Payer
            && !record.foreign_destination
            && record.exact_receive_sat.is_none();
        let deep =
            output.is_some_and(|o| o.has_confirmations(record.deal.confirmations, self.height));
        if !plain || !sound || self.sweeper.apart.contains(&wish.outpoint) {
            Fit::Apart
        } else if locks.must_travel_alone(self.height, record.deal.refund_height) {
            Fit::Late
        } else if !deep {
            Fit::Young
        } else {
            Fit::Together
        }
    }

    /// Whether a spend is the last of each of its outputs and may still confirm, or has.
    fn is_standing(&self, tx: &Transaction) -> bool {
        let txid = tx.compute_txid();
        let split = self.sweeper.batches.get(&txid).is_some_and(|b| b.split);
        !split
            && tx.input.iter().all(|input| {
                let outpoint = input.previous_output;
                let live = self.by_outpoint.get(&outpoint);
                let Some(live) = live.and_then(|id| self.swaps.get(id)) else {
                    return false;
                };
                let last = build::latest(live, outpoint).map(|s| s.tx.compute_txid());
                let spent = live.swap.outputs().get(outpoint).and_then(|o| o.spent);
                last == Some(txid)
                    && spent.is_none_or(|s| match s.confirmed {
                        Some(_) => s.txid == txid,
                        None => is_own(live, s.txid),
                    })
            })
    }

    /// The height of the last block that cannot have in it what is made now: a node that was away reads one after the other
    /// what was mined long ago, and none of it has passed anything by.
    pub(crate) fn mined_to(&self) -> u32 {
        self.height.max(self.ports.chain().source_height())
    }

    /// The rate this spend should pay now.
    fn sweep_rate(&self, wish: &SpendWish) -> FeeRate {
        let blocks = wish
            .deadline
            .map_or(LAZY_TARGET, |d| d.saturating_sub(self.height));
        self.ports.chain().fee_rate(blocks.clamp(1, LAZY_TARGET))
    }

    /// A round of the sweeper, if one was asked for: everything that may share a transaction is looked at at once.
    pub(crate) fn sweep_due(&mut self) -> Result<(), PortError> {
        let Some(renew) = self.sweeper.due.take() else {
            return Ok(());
        };
        let round = self.gather();
        let Some(form) = self.form(&round) else {
            return Ok(());
        };
        let plan = plan::plan(&round.wanting, &round.standing, form, renew);
        let mut sending = Vec::new();
        for order in plan.orders {
            sending.extend(self.carry_out(&round, &order)?);
        }
        for at in plan.keep {
            sending.extend(self.again(&round, at));
        }
        if !sending.is_empty() {
            self.send_in_order(sending);
        }
        Ok(())
    }

    /// Every output that travels together with others, or may, and the transactions under way for them.
    fn gather(&mut self) -> Round {
        let mut round = Round::default();
        let mut standing: HashMap<Txid, usize> = HashMap::new();
        let mut troubles = Vec::new();
        for id in &self.order {
            // One that has ended wishes for nothing, unless a reorganisation took its sweep away.
            let Some(live) = self.swaps.get(id) else {
                continue;
            };
            for wish in live.swap.wishes(self.height) {
                let Wish::Spend(wish) = wish else { continue };
                if !self.goes_together(*id, &wish) || settled(live, wish.outpoint) {
                    continue;
                }
                let input = match build::input(live, &wish) {
                    Ok(input) => input,
                    Err(reason) => {
                        troubles.push((*id, reason));
                        continue;
                    }
                };
                let at = round.wanting.len();
                round.wanting.push(Wanting {
                    fit: self.fit(live, &wish),
                    value: input.value,
                    weight: SpendKind::KeyPath.input_weight().to_wu(),
                    most: cap(live, &wish),
                    rate: self.sweep_rate(&wish),
                    deadline: live.record.deal.refund_height,
                });
                round.inputs.push((*id, input));
                let under_way =
                    build::latest(live, wish.outpoint).filter(|s| self.is_standing(&s.tx));
                if let Some(sweep) = under_way {
                    self.add_standing(&mut round, &mut standing, at, sweep, wish.cap_lifted);
                }
            }
        }
        for (id, reason) in troubles {
            if let Some(live) = self.swaps.get_mut(&id) {
                live.trouble = Some(reason);
            }
        }
        round
    }

    fn add_standing(
        &self,
        round: &mut Round,
        known: &mut HashMap<Txid, usize>,
        member: usize,
        sweep: &StoredSweep,
        lifted: bool,
    ) {
        let txid = sweep.tx.compute_txid();
        let at = *known.entry(txid).or_insert_with(|| {
            round.standing.push(Standing {
                members: Vec::new(),
                whole: false,
                replaced: Replaced {
                    fee: self.fee_of(&sweep.tx),
                    vsize: u64::try_from(sweep.tx.vsize()).unwrap_or(u64::MAX),
                },
                bid: Amount::ZERO,
            });
            round.txs.push(sweep.tx.clone());
            round.txs.len() - 1
        });
        let outbid = self.sweeper.batches.get(&txid).is_some_and(|b| b.outbid);
        if let Some(standing) = round.standing.get_mut(at) {
            let fee = standing.replaced.fee;
            if outbid {
                standing.bid = standing.bid.max(price::outbid(fee));
            }
            // With the value at stake every block that passes it by says that the estimate is too low.
            if lifted && sweep.height < self.height {
                standing.bid = standing.bid.max(price::passed_by(fee));
            }
            standing.members.push(member);
            standing.whole = standing.members.len() == sweep.tx.input.len();
        }
    }

    /// The shares of all whose last spend it is are a transaction's fee.
    fn fee_of(&self, tx: &Transaction) -> Amount {
        let share = |outpoint: OutPoint| {
            let live = self.swaps.get(self.by_outpoint.get(&outpoint)?)?;
            build::latest(live, outpoint).map(|s| s.fee)
        };
        let shares = tx.input.iter().filter_map(|i| share(i.previous_output));
        shares.fold(Amount::ZERO, |sum, share| {
            sum.checked_add(share).unwrap_or(Amount::MAX_MONEY)
        })
    }

    fn form(&self, round: &Round) -> Option<Form> {
        let (id, _) = round.inputs.first()?;
        let destination = &self.swaps.get(id)?.record.destination;
        let one = cambista_protocol::contract::spend_weight(&[SpendKind::KeyPath], destination);
        Some(Form {
            frame: one
                .to_wu()
                .saturating_sub(SpendKind::KeyPath.input_weight().to_wu()),
            dust: destination.minimal_non_dust(),
            increment: self.ports.chain().increment(),
        })
    }

    /// A standing transaction once more.
    fn again(&self, round: &Round, at: usize) -> Option<Sending> {
        let member = *round.standing.get(at)?.members.first()?;
        let (id, input) = round.inputs.get(member)?;
        Some(Sending::new(
            *id,
            input.outpoint,
            round.txs.get(at)?.clone(),
        ))
    }

    /// Signs and stores what was planned; what is returned is to be sent.
    fn carry_out(&mut self, round: &Round, order: &Order) -> Result<Option<Sending>, PortError> {
        let members: Vec<&(SwapId, SpendInput)> = order
            .members
            .iter()
            .filter_map(|at| round.inputs.get(*at))
            .collect();
        let Some((first, input)) = members.first() else {
            return Ok(None);
        };
        let Some(destination) = self.swaps.get(first).map(|l| l.record.destination.clone()) else {
            return Ok(None);
        };
        let spend = Spend {
            inputs: members.iter().map(|(_, input)| input.clone()).collect(),
            destination,
            truc: false,
        };
        let signed = match spend.sign_with_fee(order.fee) {
            Ok(signed) => signed,
            Err(error) => {
                for (id, _) in members {
                    if let Some(live) = self.swaps.get_mut(id) {
                        live.trouble = Some(error.to_string());
                    }
                }
                return Ok(None);
            }
        };
        let txid = signed.tx.compute_txid();
        let height = self.height;
        let parts = members.iter().zip(&order.shares);
        let sweeps: Vec<StoredSweep> = parts
            .clone()
            .map(|((id, _), fee)| StoredSweep {
                swap_id: *id,
                tx: signed.tx.clone(),
                fee: *fee,
                height: self.mined_to(),
            })
            .collect();
        let batch = (members.len() > 1).then(|| {
            let of = order.of.and_then(|at| round.txs.get(at));
            let known = of.and_then(|tx| self.sweeper.batches.get(&tx.compute_txid()));
            let shares = parts.map(|((swap, input), fee)| Share {
                swap: *swap,
                outpoint: input.outpoint,
                fee_sat: fee.to_sat(),
            });
            StoredBatch {
                id: known.map_or(txid, |batch| batch.id),
                event: BatchEvent::Signed {
                    step: order.step,
                    txid,
                    shares: shares.collect(),
                },
                height,
            }
        });
        // Stored before it is broadcast: a spend nobody remembers could be undercut after a restart.
        let commit = Commit {
            sweeps: sweeps.clone(),
            batch: batch.clone(),
            now: self.ports.clock().now(),
            ..Commit::default()
        };
        self.ports.store().commit(&commit)?;
        info!(%txid, swaps = members.len(), step = ?order.step, fee = order.fee.to_sat(), "sweeping by key path");
        for sweep in sweeps {
            self.keep_sweep(sweep);
        }
        if let Some(batch) = batch {
            self.sweeper.apply(&batch);
        }
        Ok(Some(Sending::new(*first, input.outpoint, signed.tx)))
    }
}

/// Whether a transaction is one of this swap's own spends.
fn is_own(live: &Live, txid: Txid) -> bool {
    // The last is the likeliest.
    let mut sweeps = live.sweeps.iter().rev();
    sweeps.any(|s| s.tx.compute_txid() == txid)
}

/// Whether a spend of this swap's own is in a block.
fn settled(live: &Live, outpoint: OutPoint) -> bool {
    let spent = live.swap.outputs().get(outpoint).and_then(|o| o.spent);
    spent.is_some_and(|s| s.confirmed.is_some() && is_own(live, s.txid))
}

/// The most this swap pays miners for this spend: what the user allowed, until the value itself is at stake.
fn cap(live: &Live, wish: &SpendWish) -> Amount {
    if wish.cap_lifted {
        Amount::MAX_MONEY
    } else {
        Amount::from_sat(live.record.limits.max_miner_fee_sat)
    }
}
