//! Putting spends together from a swap's secrets.

use bitcoin::{OutPoint, Transaction};
use cambista_protocol::contract::{KeyPathSecret, Method, Secret, Spend, SpendInput};
use cambista_protocol::swap::{SpendHow, SpendWish, Swap};
use cambista_protocol::words::{Role, Secret32};

use crate::live::Live;
use crate::ports::StoredSweep;

/// Whether a transaction spends this output.
pub(super) fn spends(tx: &Transaction, outpoint: OutPoint) -> bool {
    tx.input
        .iter()
        .any(|input| input.previous_output == outpoint)
}

/// The last spend of this output that was made.
pub(super) fn latest(live: &Live, outpoint: OutPoint) -> Option<&StoredSweep> {
    live.sweeps.iter().rev().find(|s| spends(&s.tx, outpoint))
}

/// The spend of this one output to the swap's own destination.
pub(super) fn spend(live: &Live, wish: &SpendWish) -> Result<Spend, String> {
    let output = live.swap.outputs().get(wish.outpoint);
    Ok(Spend {
        inputs: vec![input(live, wish)?],
        destination: live.record.destination.clone(),
        // A version 3 child of an unconfirmed version 2 parent is not standard.
        truc: live.record.foreign_destination && output.is_some_and(|o| o.confirmed.is_some()),
    })
}

/// The output with the secrets that spend it.
pub(super) fn input(live: &Live, wish: &SpendWish) -> Result<SpendInput, String> {
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
    Ok(SpendInput {
        outpoint: wish.outpoint,
        value: output.value,
        contract: live.contract.clone(),
        method,
    })
}

fn key_path(live: &Live) -> Result<KeyPathSecret, String> {
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
