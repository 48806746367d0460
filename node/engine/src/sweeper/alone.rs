//! Spends that travel alone: leaves, take-backs, foreign destinations, exact amounts, and whatever is contested or late.

use bitcoin::{Amount, FeeRate, Transaction};
use cambista_protocol::contract::{SignedSpend, Spend};
use cambista_protocol::swap::SpendWish;
use cambista_protocol::words::{Role, SwapId};
use tracing::info;

use super::build;
use super::price::{self, Replaced};
use super::send::Sending;
use crate::engine::Core;
use crate::live::Live;
use crate::ports::{Chain, Clock, Commit, PortError, Ports, Store, StoredSweep};

impl<P: Ports> Core<P> {
    /// Spends an output by itself, or renews the spend that is under way.
    pub(crate) fn sweep_alone(
        &mut self,
        id: SwapId,
        wish: &SpendWish,
        new_block: bool,
    ) -> Result<(), PortError> {
        let (height, mined_to) = (self.height, self.mined_to());
        let rate = self.sweep_rate(wish);
        let increment = self.ports.chain().increment();
        // A batch that cannot confirm any more is nothing that would have to be replaced.
        let previous = self
            .swaps
            .get(&id)
            .and_then(|live| build::latest(live, wish.outpoint))
            .filter(|s| s.tx.input.len() == 1 || self.is_standing(&s.tx))
            .cloned();
        let Some(live) = self.swaps.get_mut(&id) else {
            return Ok(());
        };
        // Against a block nothing can be bid: only a reorganisation opens the output again.
        let spent = live.swap.outputs().get(wish.outpoint).and_then(|o| o.spent);
        let in_a_block = spent.is_some_and(|s| s.confirmed.is_some());
        if in_a_block || (previous.is_some() && !new_block) {
            return Ok(());
        }
        let spend = match build::spend(live, wish) {
            Ok(spend) => spend,
            Err(reason) => {
                live.trouble = Some(reason);
                return Ok(());
            }
        };
        let signed = match price(
            &spend,
            live,
            wish,
            rate,
            previous.as_ref(),
            increment,
            height,
        ) {
            Priced::New(signed) => signed,
            Priced::Keep => {
                if let Some(previous) = previous {
                    self.send_in_order(vec![Sending::new(id, wish.outpoint, previous.tx)]);
                }
                return Ok(());
            }
            Priced::Impossible(reason) => {
                live.trouble = Some(reason);
                return Ok(());
            }
        };
        let stored = store_sweep(&*self.ports, id, signed.tx, signed.fee, mined_to)?;
        info!(swap = %id.short(), how = ?wish.how, fee = stored.fee.to_sat(), "spending the swap's output");
        let tx = stored.tx.clone();
        self.keep_sweep(stored);
        self.send_in_order(vec![Sending::new(id, wish.outpoint, tx)]);
        Ok(())
    }

    /// Takes a stored version of a spend into memory.
    pub(super) fn keep_sweep(&mut self, stored: StoredSweep) {
        if let Some(live) = self.swaps.get_mut(&stored.swap_id) {
            live.busy.outbid = false;
            live.sweeps.push(stored);
            live.version = live.version.saturating_add(1);
        }
    }
}

/// Stores a version of a spend before it is broadcast: one nobody remembers could be undercut after a restart. `height` is the
/// last that was mined without it.
pub(crate) fn store_sweep<P: Ports>(
    ports: &P,
    swap_id: SwapId,
    tx: Transaction,
    fee: Amount,
    height: u32,
) -> Result<StoredSweep, PortError> {
    let stored = StoredSweep {
        swap_id,
        tx,
        fee,
        height,
    };
    let commit = Commit {
        sweeps: vec![stored.clone()],
        now: ports.clock().now(),
        ..Commit::default()
    };
    ports.store().commit(&commit)?;
    Ok(stored)
}

enum Priced {
    New(SignedSpend),
    Keep,
    Impossible(String),
}

/// What the transaction that pays an unconfirmed output lacks at this rate. A child that pays for itself alone would wait
/// for its parent for ever. A payer does not know what the other side's transaction pays, only that it was in a block once:
/// what it lacks is bid by and by, not in one step for a size the other side chose.
fn lack(live: &Live, wish: &SpendWish, rate: FeeRate) -> Amount {
    let output = live.swap.outputs().get(wish.outpoint);
    let parent = live
        .fundings
        .iter()
        .rev()
        .find(|(parent, _)| parent.compute_txid() == wish.outpoint.txid);
    match (output, parent) {
        (Some(output), Some((parent, fee)))
            if output.confirmed.is_none() && live.record.role == Role::Funder =>
        {
            let needed = rate.fee_vb(u64::try_from(parent.vsize()).unwrap_or(u64::MAX));
            let needed = needed.unwrap_or(Amount::MAX_MONEY);
            needed.checked_sub(*fee).unwrap_or(Amount::ZERO)
        }
        _ => Amount::ZERO,
    }
}

/// The fee never falls, a replacement pays what BIP125 asks, and the cap binds until it is lifted.
fn price(
    spend: &Spend,
    live: &Live,
    wish: &SpendWish,
    rate: FeeRate,
    previous: Option<&StoredSweep>,
    increment: FeeRate,
    height: u32,
) -> Priced {
    let vsize = spend.weight().to_vbytes_ceil();
    let wanted = rate.fee_vb(vsize);
    let Some(wanted) = wanted.and_then(|own| own.checked_add(lack(live, wish, rate))) else {
        return Priced::Impossible("the fee rate is out of range".to_owned());
    };
    let value = live
        .swap
        .outputs()
        .get(wish.outpoint)
        .map_or(Amount::ZERO, |o| o.value);
    let dust = live.record.destination.minimal_non_dust();
    let most = value
        .checked_sub(dust)
        .unwrap_or(Amount::ZERO)
        .min(super::cap(live, wish));
    // What should arrive exactly leaves the rest of the value to the miners, as long as that is enough for them.
    let exact = live.record.exact_receive_sat.map(Amount::from_sat);
    let over = exact
        .and_then(|exact| value.checked_sub(exact))
        .unwrap_or(Amount::ZERO);
    // Somebody's spend of the same output pays more: with the value at stake, bid.
    let wanted = match previous {
        Some(previous) if live.busy.outbid && wish.cap_lifted => {
            wanted.max(price::outbid(previous.fee))
        }
        // Every block that passes it by says that the estimate is too low, whatever it says itself.
        Some(previous) if wish.cap_lifted && previous.height < height => {
            wanted.max(price::passed_by(previous.fee))
        }
        _ => wanted,
    };
    let fee = match previous {
        None => wanted.max(over).min(most),
        Some(previous) => {
            let old = Replaced {
                fee: previous.fee,
                vsize: u64::try_from(previous.tx.vsize()).unwrap_or(u64::MAX),
            };
            let least = price::least(vsize, &[old], increment);
            if wanted <= previous.fee || least > most {
                return Priced::Keep;
            }
            wanted.max(least).min(most)
        }
    };
    match spend.sign_with_fee(fee) {
        Ok(signed) => Priced::New(signed),
        Err(error) => Priced::Impossible(error.to_string()),
    }
}
