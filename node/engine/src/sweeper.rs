//! The sweeper: the only one to build, bump and rebroadcast spends of HTLC outputs.

use bitcoin::{Amount, FeeRate, Transaction};
use cambista_protocol::contract::{Method, Secret, SignedSpend, Spend, SpendInput};
use cambista_protocol::swap::{SpendHow, SpendWish, Swap};
use cambista_protocol::words::{Role, Secret32, SwapId};
use tracing::{info, warn};

use crate::engine::Core;
use crate::handle::Input;
use crate::internal::Internal;
use crate::live::Live;
use crate::ports::{Chain, Clock, Commit, PortError, Ports, Store, StoredSweep};

/// Nobody waits longer than this for a sweep, even with T far away (blocks).
pub(crate) const LAZY_TARGET: u32 = 12;
/// A replacement pays at least this much more per virtual byte (sat/vB), as BIP125 asks.
const INCREMENT: u64 = 1;

impl<P: Ports> Core<P> {
    /// Spends an output, or renews the spend that is under way.
    pub(crate) fn sweep(
        &mut self,
        id: SwapId,
        wish: &SpendWish,
        new_block: bool,
    ) -> Result<(), PortError> {
        let height = self.height;
        let blocks = wish
            .deadline
            .map_or(LAZY_TARGET, |d| d.saturating_sub(height));
        let rate = self.ports.chain().fee_rate(blocks.clamp(1, LAZY_TARGET));
        let Some(live) = self.swaps.get_mut(&id) else {
            return Ok(());
        };
        let previous = live
            .sweeps
            .iter()
            .rev()
            .find(|s| spends(&s.tx, wish))
            .cloned();
        if previous.is_some() && !new_block {
            return Ok(());
        }
        let spend = match build(live, wish) {
            Ok(spend) => spend,
            Err(reason) => {
                live.trouble = Some(reason);
                return Ok(());
            }
        };
        let signed = match price(&spend, live, wish, rate, previous.as_ref()) {
            Priced::New(signed) => signed,
            Priced::Keep => {
                if let Some(previous) = previous {
                    self.send_sweep(id, wish, previous.tx);
                }
                return Ok(());
            }
            Priced::Impossible(reason) => {
                live.trouble = Some(reason);
                return Ok(());
            }
        };
        let stored = StoredSweep {
            swap_id: id,
            tx: signed.tx,
            fee: signed.fee,
            height,
        };
        // Stored before it is broadcast: a spend nobody remembers could be undercut after a restart.
        let commit = Commit {
            sweep: Some(stored.clone()),
            now: self.ports.clock().now(),
            ..Commit::default()
        };
        self.ports.store().commit(&commit)?;
        info!(swap = %id.short(), how = ?wish.how, fee = stored.fee.to_sat(), "spending the swap's output");
        let tx = stored.tx.clone();
        if let Some(live) = self.swaps.get_mut(&id) {
            live.busy.outbid = false;
            live.sweeps.push(stored);
            live.version = live.version.saturating_add(1);
        }
        self.send_sweep(id, wish, tx);
        Ok(())
    }

    /// Broadcasts a spend; a refund of an unconfirmed funding goes as a package with it.
    fn send_sweep(&self, id: SwapId, wish: &SpendWish, tx: Transaction) {
        let Some(live) = self.swaps.get(&id) else {
            return;
        };
        let output = live.swap.outputs().get(wish.outpoint);
        let mut package = Vec::new();
        if output.is_some_and(|o| o.confirmed.is_none()) {
            let parent = live
                .fundings
                .iter()
                .rev()
                .find(|(parent, _)| parent.compute_txid() == wish.outpoint.txid);
            package.extend(parent.map(|(parent, _)| parent.clone()));
        }
        package.push(tx);
        let ports = self.ports.clone();
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            if let Err(error) = ports.chain().broadcast(&package).await {
                warn!(swap = %id.short(), %error, "a spend was not taken by the mempool; trying again with the next block");
                let refused = Internal::SweepRefused { id };
                let _ = inputs.send(Input::Internal(refused)).await;
            }
        });
    }
}

fn spends(tx: &Transaction, wish: &SpendWish) -> bool {
    tx.input
        .iter()
        .any(|input| input.previous_output == wish.outpoint)
}

fn build(live: &Live, wish: &SpendWish) -> Result<Spend, String> {
    let output = live
        .swap
        .outputs()
        .get(wish.outpoint)
        .ok_or("the output is gone")?;
    let method = match wish.how {
        SpendHow::Claim => Method::Claim {
            key: live.secrets.script_key.clone(),
            preimage: live.secrets.preimage.0,
        },
        SpendHow::Refund => Method::Refund {
            key: live.secrets.script_key.clone(),
        },
        SpendHow::KeyPath => Method::KeyPath(key_path(live)?),
    };
    Ok(Spend {
        inputs: vec![SpendInput {
            outpoint: wish.outpoint,
            value: output.value,
            contract: live.contract.clone(),
            method,
        }],
        destination: live.record.destination.clone(),
        // A version 3 child of an unconfirmed version 2 parent is not standard.
        truc: live.record.foreign_destination && output.confirmed.is_some(),
    })
}

fn key_path(live: &Live) -> Result<cambista_protocol::contract::KeyPathSecret, String> {
    let peer: Option<Secret32> = match &live.swap {
        Swap::Payer(payer) => payer.peer_key(),
        Swap::Funder(funder) => funder.peer_key(),
    };
    let peer = peer.ok_or("the other side's key is not here")?;
    let peer = Secret::from_bytes(&peer.0).map_err(|e| e.to_string())?;
    let own = &live.secrets.internal_key;
    let secret = match live.record.role {
        Role::Payer => live.contract.key_path_secret(own, &peer),
        Role::Funder => live.contract.key_path_secret(&peer, own),
    };
    secret.map_err(|e| e.to_string())
}

enum Priced {
    New(SignedSpend),
    Keep,
    Impossible(String),
}

/// The fee never falls, a replacement pays what BIP125 asks, and the cap binds until it is lifted.
fn price(
    spend: &Spend,
    live: &Live,
    wish: &SpendWish,
    rate: FeeRate,
    previous: Option<&StoredSweep>,
) -> Priced {
    let vsize = spend.weight().to_vbytes_ceil();
    let Some(wanted) = rate.fee_vb(vsize) else {
        return Priced::Impossible("the fee rate is out of range".to_owned());
    };
    let cap = if wish.cap_lifted {
        Amount::MAX_MONEY
    } else {
        Amount::from_sat(live.record.limits.max_miner_fee_sat)
    };
    let value = live
        .swap
        .outputs()
        .get(wish.outpoint)
        .map_or(Amount::ZERO, |o| o.value);
    let dust = live.record.destination.minimal_non_dust();
    let most = value.checked_sub(dust).unwrap_or(Amount::ZERO).min(cap);
    // What should arrive exactly leaves the rest of the value to the miners, as long as that is enough for them.
    let exact = live.record.exact_receive_sat.map(Amount::from_sat);
    let over = exact
        .and_then(|exact| value.checked_sub(exact))
        .unwrap_or(Amount::ZERO);
    // Somebody's spend of the same output pays more: with the value at stake, bid.
    let wanted = match previous {
        Some(previous) if live.busy.outbid && wish.cap_lifted => {
            wanted.max(previous.fee + previous.fee / 2)
        }
        _ => wanted,
    };
    let fee = match previous {
        None => wanted.max(over).min(most),
        Some(previous) => {
            let least = previous.fee + Amount::from_sat(vsize.saturating_mul(INCREMENT));
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
