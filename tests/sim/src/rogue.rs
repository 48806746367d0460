//! A side that is not honest: an engine whose words are twisted on the way out and whose keys somebody else uses as well.
//! What it does on the chain and over Lightning is in `mischief.rs`.

use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, Transaction, Txid};
use cambista_protocol::cbor;
use cambista_protocol::message::{Acceptance, MAX_SWAP_MESSAGE, SwapReply, SwapRequest};
use cambista_protocol::terms::{FunderTerms, PayerTerms};

use crate::node::{node_id, sign};
use crate::world::World;

/// So many of its own messages a rogue remembers.
const MEMORY: usize = 24;

/// What leaves a side in place of what its engine meant; none when nothing does.
pub(crate) fn speaks(world: &mut World, who: usize, body: Vec<u8>) -> Option<Vec<u8>> {
    if world.is_honest(who) {
        return Some(body);
    }
    let tongue = world.tongue;
    if world.rng.percent(tongue.silent) {
        return None;
    }
    if world.said.len() < MEMORY {
        world.said.push(body.clone());
    }
    if !world.rng.percent(tongue.twisted) {
        return Some(body);
    }
    Some(match world.rng.range(0, 9) {
        0 | 1 => damaged(world, body),
        2 => again(world).unwrap_or(body),
        _ => other_request(world, who, body),
    })
}

/// The same for an answer.
pub(crate) fn answers(world: &mut World, who: usize, body: Vec<u8>) -> Option<Vec<u8>> {
    if world.is_honest(who) {
        return Some(body);
    }
    let tongue = world.tongue;
    if world.rng.percent(tongue.silent) {
        return None;
    }
    if !world.rng.percent(tongue.twisted) {
        return Some(body);
    }
    Some(match world.rng.range(0, 5) {
        0 => damaged(world, body),
        1 => again(world).unwrap_or(body),
        _ => other_answer(world, who, body),
    })
}

/// Something said before.
pub(crate) fn again(world: &mut World) -> Option<Vec<u8>> {
    let last = u32::try_from(world.said.len()).ok()?.checked_sub(1)?;
    let at = usize::try_from(world.rng.range(0, last)).ok()?;
    world.said.get(at).cloned()
}

fn damaged(world: &mut World, mut body: Vec<u8>) -> Vec<u8> {
    let signed = funding_in(&body);
    let last = u32::try_from(body.len().saturating_sub(1)).unwrap_or(0);
    let at = usize::try_from(world.rng.range(0, last)).unwrap_or(0);
    if world.rng.percent(30) {
        body.truncate(at);
    } else if let Some(byte) = body.get_mut(at) {
        *byte ^= 1 << (world.rng.next() % 8);
    }
    // A bit of a transaction that its signatures cover.
    if let Some(other) = funding_in(&body).filter(|other| Some(*other) != signed) {
        world.chain.forged.insert(other);
    }
    body
}

/// The transaction that a message says is the funding.
fn funding_in(body: &[u8]) -> Option<Txid> {
    match cbor::from_slice(body, MAX_SWAP_MESSAGE) {
        Ok(SwapRequest::Funded { tx, .. }) => {
            let tx: Transaction = deserialize(&tx).ok()?;
            Some(tx.compute_txid())
        }
        _ => None,
    }
}

fn other_request(world: &mut World, who: usize, body: Vec<u8>) -> Vec<u8> {
    let Ok(mut message) = cbor::from_slice::<SwapRequest>(&body, MAX_SWAP_MESSAGE) else {
        return body;
    };
    match &mut message {
        SwapRequest::Open { payer, .. } => {
            if let Some(terms) = payer {
                other_payer(world, who, terms);
            }
        }
        SwapRequest::Terms { funder, .. } => other_funder(world, who, funder),
        SwapRequest::Funded { tx, .. } => {
            if let Ok(mut other) = deserialize::<Transaction>(tx) {
                other_funding(world, &mut other);
                // Whatever it is now, it is not signed.
                world.chain.forged.insert(other.compute_txid());
                *tx = serialize(&other);
            }
        }
        SwapRequest::Preimage { preimage, .. } => *preimage = world.rng.bytes32(),
        SwapRequest::Key { secret, .. } => *secret = world.rng.bytes32(),
        SwapRequest::Withdraw { .. } | SwapRequest::Resume { .. } => {}
    }
    cbor::to_vec(&message)
}

fn other_answer(world: &mut World, who: usize, body: Vec<u8>) -> Vec<u8> {
    let Ok(SwapReply::Accepted(signed)) = cbor::from_slice(&body, MAX_SWAP_MESSAGE) else {
        return body;
    };
    let Ok(mut accepted) = Acceptance::read(&signed) else {
        return body;
    };
    match &mut accepted.funder {
        Some(funder) if world.rng.percent(80) => other_funder(world, who, funder),
        _ => other_payer(world, who, &mut accepted.payer),
    }
    let signed = accepted.sign(|digest| sign(world, who, digest));
    cbor::to_vec(&SwapReply::Accepted(signed))
}

/// A key the rogue owns, though not the one of this place.
fn other_key(world: &World, who: usize) -> PublicKey {
    node_id(world, who)
}

fn other_payer(world: &mut World, who: usize, terms: &mut PayerTerms) {
    match world.rng.range(0, 4) {
        0 => terms.payment_hash = world.rng.bytes32(),
        1 => terms.claim_key = other_key(world, who),
        2 => terms.internal_key = other_key(world, who),
        3 => terms.internal_key = terms.claim_key,
        _ => terms.confirmations = world.rng.range(0, 20),
    }
}

fn other_funder(world: &mut World, who: usize, terms: &mut FunderTerms) {
    match world.rng.range(0, 6) {
        0 => terms.refund_key = other_key(world, who),
        1 => terms.internal_key = other_key(world, who),
        2 => terms.internal_key = terms.refund_key,
        3 => terms.refund_height = terms.refund_height.saturating_sub(world.rng.range(3, 120)),
        4 => terms.refund_height += world.rng.range(7, 300),
        5 => terms.prepay_invoice = None,
        _ => {
            if let Some(prepay) = &mut terms.prepay_invoice {
                std::mem::swap(prepay, &mut terms.swap_invoice);
            }
        }
    }
}

fn other_funding(world: &mut World, tx: &mut Transaction) {
    match world.rng.range(0, 2) {
        // An input the honest side owns, or nobody.
        0 => {
            let coins: Vec<_> = world.chain.utxos.keys().copied().collect();
            let last = u32::try_from(coins.len().saturating_sub(1)).unwrap_or(0);
            let at = usize::try_from(world.rng.range(0, last)).unwrap_or(0);
            if let (Some(input), Some(coin)) = (tx.input.first_mut(), coins.get(at)) {
                input.previous_output = *coin;
            }
        }
        1 => {
            for out in &mut tx.output {
                out.value = out
                    .value
                    .checked_sub(Amount::from_sat(1))
                    .unwrap_or(out.value);
            }
        }
        _ => {
            let twice = tx.output.first().cloned();
            tx.output.extend(twice);
        }
    }
}
