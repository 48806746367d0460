//! What must be true at the end: whose money is where.

use std::collections::BTreeMap;

use bitcoin::{OutPoint, ScriptBuf, Transaction, TxOut};
use cambista_engine::ports::StoredSwap;
use cambista_protocol::swap::{Outcome, Swap};
use cambista_protocol::words::Role;

use crate::lightning::{At, ROUTING};
use crate::mirror::Mirrored;
use crate::world::{NAMES, World};

/// A side's change in money (sat), without what it paid to miners and for routing; and what that was.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Change {
    pub(crate) kept: i128,
    pub(crate) miners: u64,
    pub(crate) routing: u64,
}

/// Whether every coin is somewhere: with a side, at a contract, or with the miners, transaction by transaction.
///
/// # Errors
/// What is missing, or there too much (sat).
pub(crate) fn conserved(world: &World) -> Result<(), String> {
    let at = |scripts: &[ScriptBuf]| {
        let coins = world.chain.coins_at(scripts).into_iter();
        coins.map(|(_, out)| out.value.to_sat()).sum::<u64>()
    };
    let contracts: Vec<ScriptBuf> = world.contracts.iter().cloned().collect();
    let mut found = world.chain.fees() + at(&contracts);
    let mut start = 0;
    for side in &world.sides {
        found += at(&side.scripts) + at(std::slice::from_ref(&side.outside));
        start += side.start;
    }
    if found == start {
        Ok(())
    } else {
        Err(format!("of {start} sat {found} are with somebody"))
    }
}

/// What each side has gained or lost.
pub(crate) fn changes(world: &World) -> [Change; 2] {
    let mut changes = [Change::default(); 2];
    let owner = |out: &TxOut| {
        let mut sides = world.sides.iter();
        sides.position(|side| {
            side.scripts.contains(&out.script_pubkey) || side.outside == out.script_pubkey
        })
    };
    let mut outs: BTreeMap<OutPoint, TxOut> = BTreeMap::new();
    for (at, tx) in world
        .chain
        .blocks
        .iter()
        .flat_map(|b| &b.txdata)
        .enumerate()
    {
        let inputs: Vec<TxOut> = tx
            .input
            .iter()
            .filter_map(|input| outs.get(&input.previous_output).cloned())
            .collect();
        let paid_in: u64 = inputs.iter().map(|out| out.value.to_sat()).sum();
        let paid_out: u64 = tx.output.iter().map(|out| out.value.to_sat()).sum();
        let who = inputs.iter().find_map(owner);
        let who = who.or_else(|| tx.output.iter().find_map(owner));
        if let Some(who) = who.filter(|_| at > 0) {
            changes[who].miners += paid_in.saturating_sub(paid_out);
        }
        let txid = tx.compute_txid();
        for (vout, out) in (0u32..).zip(&tx.output) {
            outs.insert(OutPoint { txid, vout }, out.clone());
        }
    }
    for (side, change) in world.sides.iter().zip(&mut changes) {
        let own = world.chain.coins_at(&side.scripts);
        let outside = world.chain.coins_at(std::slice::from_ref(&side.outside));
        let coins = own.iter().chain(&outside);
        let coins: u64 = coins.map(|(_, out)| out.value.to_sat()).sum();
        change.kept = i128::from(coins) + i128::from(change.miners) - i128::from(side.start);
    }
    for payment in world.lightning.payments.values() {
        if payment.at == At::Claimed {
            let sat = i128::from(payment.amount / 1_000);
            changes[payment.from].kept -= sat;
            changes[payment.from].routing += ROUTING / 1_000;
            changes[1 - payment.from].kept += sat;
        }
    }
    changes
}

/// Judges the end; what is wrong goes to the world. Says in a few words how it ended.
pub(crate) fn judge(world: &mut World, stored: &Stored) -> String {
    let changes = changes(world);
    let mut words = Vec::new();
    let fair = world.rogue.is_none();
    for (who, swaps) in stored.iter().enumerate() {
        if !world.is_honest(who) {
            words.push(format!("{} rogue", NAMES[who]));
            continue;
        }
        for (swap, record) in swaps {
            let deal = &record.record.deal;
            let outcome = swap.outcome();
            words.push(format!("{} {outcome:?}", NAMES[who]));
            if outcome.is_none() {
                world.wrong(format!("{} never ends", NAMES[who]));
            }
            if outcome == Some(Outcome::Lost) {
                world.wrong(format!("{} lost", NAMES[who]));
            }
            let left = world
                .chain
                .coins_at(std::slice::from_ref(&deal.script_pubkey));
            if fair && !left.is_empty() {
                world.wrong("coins are left at the contract");
            }
            let claimed = |hash: &[u8; 32]| {
                let payment = world.lightning.payments.get(hash);
                payment.is_some_and(|p| p.at == At::Claimed)
            };
            let open = |hash: &[u8; 32]| {
                let payment = world.lightning.payments.get(hash);
                payment.is_some_and(|p| !matches!(p.at, At::Claimed | At::Failed))
            };
            let paid = claimed(&deal.payment_hash);
            let prepaid = deal.prepay_hash.as_ref().is_some_and(claimed);
            if open(&deal.payment_hash) || deal.prepay_hash.as_ref().is_some_and(open) {
                world.wrong("a payment is still in flight");
            }
            let prepay = i128::from(deal.prepay_amount.to_sat()) * i128::from(prepaid);
            let gain = i128::from(deal.amount.to_sat()) - i128::from(deal.swap_amount.to_sat());
            let payer = gain * i128::from(paid) - prepay;
            let due = if record.record.role == Role::Payer {
                payer
            } else {
                -payer
            };
            let change = changes[who];
            // A rogue may give more than is due, never take.
            if if fair {
                change.kept != due
            } else {
                change.kept < due
            } {
                let text = format!(
                    "{} has {} sat where {due} sat are due (paid: {paid})",
                    NAMES[who], change.kept
                );
                world.wrong(text);
            }
            if let Some(fee) = over_the_limit(world, record) {
                world.wrong(format!("{} paid {fee} sat to miners too early", NAMES[who]));
            }
            if let Some(fee) = not_in_parts(world, record) {
                let text = format!("{} wrote down another fee than {fee} sat", NAMES[who]);
                world.wrong(text);
            }
            let limit = record.record.limits.max_routing_fee_sat;
            if record.record.role == Role::Payer && change.routing > limit {
                world.wrong(format!("routing cost {} of {limit} sat", change.routing));
            }
        }
        if swaps.is_empty() && (changes[who].kept < 0 || fair && changes[who].kept > 0) {
            world.wrong(format!("{} has no swap, and other money", NAMES[who]));
        }
    }
    if stored.iter().all(Vec::is_empty) {
        words.push("nothing began".to_owned());
    }
    words.join(", ")
}

/// Whether a side has finally given without getting, though its swap may not know it yet.
pub(crate) fn exposed(world: &mut World, who: usize, kept: &Mirrored) {
    let deal = &kept.record.deal;
    let payment = world.lightning.payments.get(&deal.payment_hash);
    let at = payment.map(|payment| payment.at);
    if !matches!(at, Some(At::Claimed | At::Failed)) {
        return;
    }
    let tip = world.chain.height();
    let mine = |script: &ScriptBuf| {
        let side = &world.sides[who];
        side.scripts.contains(script) || side.outside == *script
    };
    let paid = world.chain.paid_to(&deal.script_pubkey);
    // Where each output of the agreed value went for good, if it did: whether to this side.
    let went = paid.iter().filter(|(_, value, _)| *value == deal.amount);
    let went: Vec<bool> = went
        .filter_map(|(outpoint, ..)| {
            let (tx, height) = world.chain.spend_of(outpoint)?;
            let buried = deal.locks.buried(height, tip);
            buried.then(|| tx.output.iter().any(|out| mine(&out.script_pubkey)))
        })
        .collect();
    let text = match (kept.record.role, at) {
        (Role::Payer, Some(At::Claimed)) if !went.is_empty() && !went.contains(&true) => {
            "paid over Lightning, and the coins went elsewhere for good"
        }
        (Role::Funder, Some(At::Failed)) if went.contains(&false) => {
            "let the payment go, and the coins went elsewhere for good"
        }
        _ => return,
    };
    world.wrong_once(format!("{} {text}", NAMES[who]));
}

/// A miner fee above the limit shown, at a height at which the limit still held. What takes the first input of a late funding
/// back has none (decision 0016).
fn over_the_limit(world: &World, stored: &StoredSwap) -> Option<u64> {
    let deal = &stored.record.deal;
    let limit = stored.record.limits.max_miner_fee_sat;
    let lifted_from = match stored.record.role {
        Role::Payer => deal.locks.last_reveal(deal.refund_height) + 1,
        Role::Funder => deal.refund_height,
    };
    let funding = stored.fundings.first();
    let first = funding.and_then(|(tx, _)| Some(tx.input.first()?.previous_output));
    let takes_back = |tx: &Transaction| {
        let mut inputs = tx.input.iter();
        inputs.any(|input| Some(input.previous_output) == first)
    };
    let sweeps = stored.sweeps.iter().filter(|s| !takes_back(&s.tx));
    let early = sweeps.filter(|s| s.height < lifted_from);
    // By what it spends, whatever the wallet said. A payer keeps the other side's.
    let funds = stored.record.role == Role::Funder;
    let fundings = stored.fundings.iter().filter(|_| funds);
    let fundings = fundings.map(|(tx, fee)| world.chain.fee_of(tx).unwrap_or(fee.to_sat()));
    fundings
        .chain(early.map(|s| s.fee.to_sat()))
        .find(|fee| *fee > limit)
}

/// The fee of a sweep that is not what was written down for it: the only swap of a side bears all of it.
fn not_in_parts(world: &World, stored: &StoredSwap) -> Option<u64> {
    stored.sweeps.iter().find_map(|sweep| {
        let parts = stored.sweeps.iter().filter(|part| part.tx == sweep.tx);
        let sum: u64 = parts.map(|part| part.fee.to_sat()).sum();
        let fee = world.chain.fee_of(&sweep.tx);
        fee.filter(|fee| *fee != sum)
    })
}

/// Both sides' swaps as stored.
pub(crate) type Stored = [Vec<(Swap, StoredSwap)>; 2];
