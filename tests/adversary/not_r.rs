//! What is told and shown instead of R.

use bitcoin::hashes::Hash;
use bitcoin::secp256k1::{Keypair, Message, Secp256k1};
use bitcoin::sighash::{Prevouts, SighashCache};
use bitcoin::{ScriptBuf, TapSighashType, Transaction, TxOut, Witness};
use cambista_harness::Bitcoind;
use cambista_protocol::contract::{Contract, Keys, Method};
use cambista_protocol::message::{RefusalCode, SwapReply};
use cambista_protocol::words::SwapId;

use super::payer::{Bought, Funded, Payer};
use super::{chain, key};

/// Tells R of another length than the contract takes, and shows it to the chain: the honest side calls it malformed, and neither
/// a mempool nor a block takes the claim.
#[track_caller]
pub(crate) fn tell_and_claim(payer: &Payer, bitcoind: &Bitcoind, swap: &Bought, funded: &Funded) {
    let answer = payer.tell_bytes(swap, raw_preimage(swap.id, &swap.preimage));
    assert!(
        matches!(&answer, SwapReply::Refused(no) if no.code == RefusalCode::Malformed),
        "{answer:?}"
    );
    let claim = claim_with(bitcoind, swap, funded, &swap.preimage);
    let refused = chain::try_send(bitcoind, &claim).unwrap_err();
    assert!(refused.contains("EQUALVERIFY"), "{refused}");
    let refused = chain::mine_alone(bitcoind, &claim).unwrap_err();
    assert!(refused.contains("EQUALVERIFY"), "{refused}");
}

/// Tells and shows all that is not R, and hands over all that is not the key, with five swaps: R of the first is too short, that
/// of the second too long; the third is told others, the fourth other keys.
#[track_caller]
pub(crate) fn tell_all(payer: &Payer, bitcoind: &Bitcoind, swaps: &[(Bought, Funded)]) {
    for (swap, funded) in &swaps[..2] {
        tell_and_claim(payer, bitcoind, swap, funded);
    }
    payer.tell_preimage(&swaps[2].0, super::random());
    payer.tell_preimage(&swaps[2].0, [0; 32]);
    // Neither a key of nobody, nor what is no key, nor its other key, nor that of another swap.
    for secret in [
        *key().expose().as_ref(),
        [0; 32],
        [0xff; 32],
        *swaps[3].0.claim.expose().as_ref(),
        *swaps[4].0.internal.expose().as_ref(),
    ] {
        payer.tell_key(&swaps[3].0, secret);
    }
}

/// An R of each kind that `tell_all` takes.
pub(crate) fn preimages() -> [Vec<u8>; 5] {
    let any = || super::random().to_vec();
    [vec![7; 31], [any(), vec![8]].concat(), any(), any(), any()]
}

/// `[3, [swap id, bytes]]`.
fn raw_preimage(id: SwapId, preimage: &[u8]) -> Vec<u8> {
    let mut encoder = minicbor::Encoder::new(Vec::new());
    let encoder = encoder.array(2).unwrap().u8(3).unwrap();
    let encoder = encoder.array(2).unwrap().bytes(&id.0).unwrap();
    encoder.bytes(preimage).unwrap().writer().clone()
}

/// A claim by the leaf with any bytes for R, signed as it should be.
fn claim_with(bitcoind: &Bitcoind, swap: &Bought, funded: &Funded, preimage: &[u8]) -> Transaction {
    // As a spend by the refund leaf at first, which asks for no R.
    let mut other = swap.clone();
    let refund = key();
    let keys = Keys {
        funder_refund: refund.public_key(),
        ..*other.contract.keys()
    };
    other.contract = Contract::new(keys, swap.terms.payment_hash, 1).unwrap();
    let mut tx = chain::spend(
        bitcoind,
        &other.contract,
        (funded.outpoint, funded.value),
        Method::Refund { key: refund },
        5,
    );
    tx.lock_time = bitcoin::absolute::LockTime::ZERO;
    tx.input[0].sequence = bitcoin::Sequence::from_consensus(1);
    let prevout = TxOut {
        value: funded.value,
        script_pubkey: swap.contract.script_pubkey(),
    };
    let sighash = SighashCache::new(&tx)
        .taproot_script_spend_signature_hash(
            0,
            &Prevouts::All(&[prevout]),
            swap.contract.claim_leaf_hash(),
            TapSighashType::Default,
        )
        .unwrap();
    let secp = Secp256k1::new();
    let pair = Keypair::from_secret_key(&secp, swap.claim.expose());
    let message = Message::from_digest(sighash.to_byte_array());
    let signature = secp.sign_schnorr_no_aux_rand(&message, &pair);
    let leaf: ScriptBuf = swap.contract.claim_script().into();
    tx.input[0].witness = Witness::from_slice(&[
        preimage.to_vec(),
        signature.serialize().to_vec(),
        leaf.into_bytes(),
        swap.contract.claim_control_block().serialize(),
    ]);
    tx
}
