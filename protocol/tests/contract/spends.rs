//! Whole spends: byte-exact against the vector file, and what the builder refuses.

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::{deserialize, serialize_hex};
use bitcoin::hex::{DisplayHex, FromHex};
use bitcoin::sighash::SighashCache;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, FeeRate, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness,
};
use cambista_protocol::contract::sign::{sighash, sign_inputs};
use cambista_protocol::contract::{Contract, Method, Side, SpendError, SpendInput, SpendKind};
use serde::Deserialize;

use crate::common::{Vector, input, outpoint, p2tr, spend, typical, vectors};

#[derive(Deserialize)]
struct File {
    spends: Spends,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spends {
    v3_prevout_txid_bytes_internal: String,
    v3_success_seq1_lock10: String,
    v3_success_seq0_lock10: String,
    v3_timeout_seq1_lock10: String,
    v3_keyspend_seq0_lock10: String,
    v3_success_sig_aux0: String,
    v3_timeout_sig_aux0: String,
    v3_success_tx_hex: String,
    v3_success_tx_weight: u64,
    v3_timeout_tx_hex: String,
    v3_timeout_tx_weight: u64,
}

fn file() -> Spends {
    let text = include_str!("../../../spec/vectors/spends.json");
    serde_json::from_str::<File>(text).unwrap().spends
}

fn first() -> Vector {
    vectors().swap_remove(0)
}

fn vector_input(file: &Spends, method: Method) -> SpendInput {
    let txid: Vec<u8> = Vec::from_hex(&file.v3_prevout_txid_bytes_internal).unwrap();
    SpendInput {
        outpoint: OutPoint {
            txid: bitcoin::consensus::deserialize::<Txid>(&txid).unwrap(),
            vout: 50,
        },
        value: Amount::from_sat(800_000),
        contract: first().contract(),
        method,
    }
}

fn vector_tx(file: &Spends, sequence: u32) -> Transaction {
    let destination = "0014028ddde690ab59e6dbc65a9d6e595943801096ba";
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::from_height(10).unwrap(),
        input: vec![TxIn {
            previous_output: vector_input(file, first().claim()).outpoint,
            script_sig: ScriptBuf::new(),
            sequence: Sequence(sequence),
            witness: Witness::new(),
        }],
        output: vec![TxOut {
            value: Amount::from_sat(800_000),
            script_pubkey: ScriptBuf::from_hex(destination).unwrap(),
        }],
    }
}

#[test]
fn signature_hashes_are_the_vectors() {
    let file = file();
    let contract = first().contract();
    let claim = Some(contract.claim_leaf_hash());
    let refund = Some(contract.refund_leaf_hash());
    let prevouts = [vector_input(&file, first().claim()).prevout()];
    for (sequence, leaf, expected) in [
        (1, claim, &file.v3_success_seq1_lock10),
        (0, claim, &file.v3_success_seq0_lock10),
        (1, refund, &file.v3_timeout_seq1_lock10),
        (0, None, &file.v3_keyspend_seq0_lock10),
    ] {
        let tx = vector_tx(&file, sequence);
        let hash = sighash(&mut SighashCache::new(&tx), 0, &prevouts, leaf).unwrap();
        assert_eq!(hash.to_string(), *expected);
    }
}

#[test]
fn signed_transactions_are_the_vectors_byte_for_byte() {
    let file = file();
    for (method, signature_at, signature, hex, weight) in [
        (
            first().claim(),
            1,
            &file.v3_success_sig_aux0,
            &file.v3_success_tx_hex,
            file.v3_success_tx_weight,
        ),
        (
            first().refund(),
            0,
            &file.v3_timeout_sig_aux0,
            &file.v3_timeout_tx_hex,
            file.v3_timeout_tx_weight,
        ),
    ] {
        let mut tx = vector_tx(&file, 1);
        sign_inputs(&mut tx, &[vector_input(&file, method)]).unwrap();
        let ours: [u8; 64] = tx.input[0].witness[signature_at].try_into().unwrap();
        assert_eq!(ours, crate::common::bytes::<64>(signature));
        assert_eq!(serialize_hex(&tx), *hex);
        assert_eq!(tx.weight().to_wu(), weight);
        let expected: Transaction = deserialize(&Vec::<u8>::from_hex(hex).unwrap()).unwrap();
        assert_eq!(tx.compute_txid(), expected.compute_txid());
        assert_eq!(tx.compute_wtxid(), expected.compute_wtxid());
    }
}

fn at(v: &Vector, height: u32) -> Contract {
    v.contract_at(height)
}

#[test]
fn a_batch_has_one_output_and_the_highest_refund_height() {
    let v = typical();
    let (low, high) = (at(&v, 800_000), at(&v, 800_144));
    let key_path = v.key_path_of(&low);
    let batch = spend(vec![
        input(1, 50_000, low.clone(), v.refund()),
        input(2, 60_000, high.clone(), v.refund()),
        input(3, 70_000, low.clone(), key_path),
        input(4, 80_000, low, v.claim()),
    ]);
    let signed = batch.sign(FeeRate::from_sat_per_vb_u32(7)).unwrap();
    let tx = &signed.tx;

    assert_eq!(tx.version, Version::TWO);
    assert_eq!(tx.lock_time.to_consensus_u32(), 800_144);
    let sequences: Vec<u32> = tx.input.iter().map(|i| i.sequence.0).collect();
    assert_eq!(sequences, [0xffff_fffd, 0xffff_fffd, 0xffff_fffd, 1]);
    assert_eq!(tx.output.len(), 1);
    assert_eq!(tx.output[0].script_pubkey, p2tr());
    assert_eq!(tx.output[0].value + signed.fee, Amount::from_sat(260_000));
    assert_eq!(signed.weight, tx.weight());
    assert!(tx.is_explicitly_rbf());
    // The same again: no randomness anywhere.
    assert_eq!(batch.sign_with_fee(signed.fee).unwrap(), signed);
}

#[test]
fn every_signature_of_a_batch_verifies_under_its_key() {
    use bitcoin::secp256k1::{Message, schnorr::Signature};
    let v = typical();
    let contract = v.contract();
    let keys = contract.keys();
    let inputs = vec![
        input(1, 50_000, contract.clone(), v.key_path()),
        input(2, 60_000, contract.clone(), v.claim()),
        input(3, 70_000, contract.clone(), v.refund()),
    ];
    let prevouts: Vec<TxOut> = inputs.iter().map(SpendInput::prevout).collect();
    let tx = spend(inputs)
        .sign_with_fee(Amount::from_sat(500))
        .unwrap()
        .tx;
    for (index, item, key, leaf) in [
        (0, 0, contract.output_key(), None),
        (
            1,
            1,
            keys.payer_claim.into(),
            Some(contract.claim_leaf_hash()),
        ),
        (
            2,
            0,
            keys.funder_refund.into(),
            Some(contract.refund_leaf_hash()),
        ),
    ] {
        let hash = sighash(&mut SighashCache::new(&tx), index, &prevouts, leaf).unwrap();
        let signature = Signature::from_slice(&tx.input[index].witness[item]).unwrap();
        let secp = cambista_protocol::contract::secret::secp();
        secp.verify_schnorr(&signature, &Message::from(hash), &key)
            .unwrap();
    }
}

#[test]
fn without_refunds_there_is_no_lock_time_and_truc_is_version_3() {
    let v = typical();
    let mut plan = spend(vec![input(1, 50_000, v.contract(), v.key_path())]);
    plan.truc = true;
    let tx = plan.sign_with_fee(Amount::from_sat(111)).unwrap().tx;
    assert_eq!(tx.version, Version(3));
    assert_eq!(tx.lock_time, LockTime::ZERO);
    assert_eq!(tx.output[0].value, Amount::from_sat(49_889));
}

#[test]
fn what_a_node_would_refuse_is_refused_here() {
    let v = typical();
    let contract = v.contract();
    let one = input(1, 50_000, contract.clone(), v.key_path());
    let fee = Amount::from_sat(111);
    let refused = |inputs: Vec<SpendInput>| spend(inputs).sign_with_fee(fee).unwrap_err();
    let with = |method| input(1, 50_000, contract.clone(), method);

    assert_eq!(refused(vec![]), SpendError::NoInputs);
    assert_eq!(
        refused(vec![one.clone(), one.clone()]),
        SpendError::DoubledInput(outpoint(1))
    );
    let wrong_key = |kind| SpendError::WrongKey(outpoint(1), kind);
    let claim_by_the_funder = Method::Claim {
        key: v.funder_refund.secret(),
        preimage: v.preimage(),
    };
    assert_eq!(
        refused(vec![with(claim_by_the_funder)]),
        wrong_key(SpendKind::Claim)
    );
    let refund_by_the_payer = Method::Refund {
        key: v.payer_claim.secret(),
    };
    assert_eq!(
        refused(vec![with(refund_by_the_payer)]),
        wrong_key(SpendKind::Refund)
    );
    let key_of_another = v.key_path_of(&at(&v, 9));
    assert_eq!(
        refused(vec![with(key_of_another)]),
        wrong_key(SpendKind::KeyPath)
    );
    let no_preimage = Method::Claim {
        key: v.payer_claim.secret(),
        preimage: [1; 32],
    };
    assert_eq!(
        refused(vec![with(no_preimage)]),
        SpendError::WrongPreimage(outpoint(1))
    );
    let huge = input(2, u64::MAX, contract.clone(), v.key_path());
    assert_eq!(refused(vec![one.clone(), huge]), SpendError::Overflow);
    assert_eq!(
        spend(vec![one]).sign(FeeRate::MAX),
        Err(SpendError::Overflow)
    );
}

#[test]
fn an_output_below_dust_is_refused_at_the_satoshi() {
    let v = typical();
    let plan = spend(vec![input(1, 1_000, v.contract(), v.key_path())]);
    assert_eq!(p2tr().minimal_non_dust(), Amount::from_sat(330));
    let signed = plan.sign_with_fee(Amount::from_sat(670)).unwrap();
    assert_eq!(signed.tx.output[0].value, Amount::from_sat(330));
    for fee in [671, 1_001] {
        let error = plan.sign_with_fee(Amount::from_sat(fee)).unwrap_err();
        assert!(matches!(error, SpendError::Dust { .. }), "{error}");
    }
}

#[test]
fn signing_another_transactions_inputs_is_refused() {
    let file = file();
    let mut tx = vector_tx(&file, 1);
    let mut other = vector_input(&file, first().claim());
    other.outpoint.vout = 51;
    assert_eq!(
        sign_inputs(&mut tx, &[other]),
        Err(SpendError::InputsDiffer)
    );
    assert_eq!(sign_inputs(&mut tx, &[]), Err(SpendError::InputsDiffer));
    assert!(tx.input[0].witness.is_empty());
}

#[test]
fn a_spend_in_a_log_says_how_and_shows_no_secret() {
    let vector = first();
    assert_eq!(format!("{:?}", vector.claim()), "Method(Claim)");
    let Method::KeyPath(secret) = vector.key_path() else {
        panic!("the way it was asked for");
    };
    let shown = format!("{secret:?}");
    assert!(shown.starts_with("KeyPathSecret(for "), "{shown}");
    assert!(!shown.contains(&secret.expose().to_lower_hex_string()));
}

#[test]
fn the_sides_have_the_names_errors_use() {
    assert_eq!(Side::Payer.to_string(), "payer");
    assert_eq!(Side::Funder.to_string(), "funder");
}
