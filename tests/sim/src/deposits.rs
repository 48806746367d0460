//! A user that funds from another wallet: in time, late, twice, another value, or never.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};
use cambista_protocol::swap::{Funding, Swap};

use crate::rng::Rng;
use crate::run::Run;
use crate::world::TAKER;

/// One payment from outside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deposit {
    /// So many blocks after the swap was agreed.
    after: u32,
    /// What it pays beside the agreed amount (sat).
    over: i64,
}

/// Blocks before T from which the user pays no more.
const LAST: u32 = 14;

/// What the user does. `once` against a payer that takes whatever is there: who has R may take every output at the script,
/// so a user that pays twice, or more than was agreed, makes it a gift.
pub(crate) fn plan(rng: &mut Rng, refund_delta: u32, once: bool) -> Vec<Deposit> {
    let soon = rng.range(0, 20);
    let late = rng.range(40, refund_delta.saturating_sub(LAST));
    let other = i64::from(rng.range(1, 40_000)) - 20_000;
    let right = Deposit {
        after: soon,
        over: 0,
    };
    let wrong = Deposit {
        after: rng.range(0, late),
        over: match other {
            0 => -1,
            over if once => -over.abs(),
            over => over,
        },
    };
    let delayed = Deposit {
        after: late,
        over: 0,
    };
    match rng.range(0, 19) {
        0..=9 => vec![right],
        10..=12 => vec![delayed],
        13 | 14 => vec![wrong],
        15 if !once => vec![wrong, delayed],
        16 if !once => vec![wrong, right],
        17 | 18 if !once => vec![right, delayed],
        _ => Vec::new(),
    }
}

impl Run {
    /// Pays what is due from outside.
    pub(crate) fn deposit(&mut self) {
        let Some(next) = self.deposits.first().copied() else {
            return;
        };
        let Some(node) = self.nodes[TAKER].clone() else {
            return;
        };
        let kept = node.mirror().swaps().first().cloned();
        let Some(kept) = kept else { return };
        let shown = matches!(&kept.swap, Swap::Funder(f) if f.funding() == Funding::External);
        let (deal, height) = (&kept.record.deal, self.height());
        if !shown || kept.swap.outcome().is_some() || height < deal.agreed_height + next.after {
            return;
        }
        self.deposits.remove(0);
        if height + LAST > deal.refund_height {
            return;
        }
        let value = deal.amount.to_sat().saturating_add_signed(next.over);
        self.pay_from_outside(&deal.script_pubkey, value);
    }

    pub(crate) fn pay_from_outside(&self, script: &ScriptBuf, value: u64) {
        let mut world = self.world();
        let world = &mut *world;
        let outside = world.sides[TAKER].outside.clone();
        let coins = world.chain.coins_at(std::slice::from_ref(&outside));
        let busy = |at: &OutPoint| {
            let mut inputs = world.chain.mempool.iter().flat_map(|w| &w.tx.input);
            inputs.any(|input| input.previous_output == *at)
        };
        let free = coins.into_iter().find(|(at, out)| {
            !busy(at) && out.value.to_sat() > value.saturating_add(world.rate * 400)
        });
        let Some((at, coin)) = free else { return };
        let fee = (world.rate * 2).max(world.chain.floor) * 160;
        let tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: at,
                script_sig: ScriptBuf::new(),
                sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                witness: Witness::from_slice(&[[7; 64]]),
            }],
            output: vec![
                TxOut {
                    value: Amount::from_sat(value),
                    script_pubkey: script.clone(),
                },
                TxOut {
                    value: coin.value - Amount::from_sat(value + fee),
                    script_pubkey: outside,
                },
            ],
        };
        let taken = world.chain.accept(&tx, 0);
        world.note(format!("the user pays {value} sat: {taken:?}"));
    }
}
