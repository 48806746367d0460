//! Reading spends back.

use bitcoin::{Amount, Transaction, TxOut, Witness};
use cambista_protocol::contract::{Method, SpentBy, spent_by};

use crate::common::{Vector, input, outpoint, spend, typical, vectors};

fn signed(v: &Vector, method: Method) -> Transaction {
    spend(vec![input(1, 50_000, v.contract(), method)])
        .sign_with_fee(Amount::from_sat(500))
        .unwrap()
        .tx
}

fn read(v: &Vector, tx: &Transaction) -> SpentBy {
    spent_by(&v.contract(), tx, &outpoint(1)).unwrap()
}

fn with_witness(v: &Vector, items: &[Vec<u8>]) -> Transaction {
    let mut tx = signed(v, v.claim());
    tx.input[0].witness = Witness::from_slice(items);
    tx
}

#[test]
fn each_way_is_recognised_for_every_vector() {
    for v in vectors() {
        assert_eq!(read(&v, &signed(&v, v.key_path())), SpentBy::KeyPath);
        assert_eq!(read(&v, &signed(&v, v.refund())), SpentBy::Refund);
        let preimage = v.preimage();
        let claim = signed(&v, v.claim());
        assert_eq!(read(&v, &claim), SpentBy::Claim { preimage });
    }
}

#[test]
fn another_outpoint_is_not_our_spend() {
    let v = typical();
    let tx = signed(&v, v.claim());
    assert_eq!(spent_by(&v.contract(), &tx, &outpoint(2)), None);
}

#[test]
fn a_preimage_of_wrong_length_or_hash_is_no_claim() {
    let v = typical();
    let good = signed(&v, v.claim()).input[0].witness.to_vec();
    let preimage = good[0].clone();
    let long = [preimage.clone(), vec![0]].concat();
    for bad in [vec![], preimage[..31].to_vec(), long, vec![9; 32]] {
        let mut items = good.clone();
        items[0] = bad;
        let tx = with_witness(&v, &items);
        assert_eq!(read(&v, &tx), SpentBy::Unknown);
    }
}

#[test]
fn foreign_scripts_control_blocks_and_shapes_are_unknown() {
    let v = typical();
    let claim = signed(&v, v.claim()).input[0].witness.to_vec();
    let refund = signed(&v, v.refund()).input[0].witness.to_vec();
    let mut other_script = claim.clone();
    other_script[2] = refund[1].clone();
    let mut other_control = claim.clone();
    other_control[3] = refund[2].clone();
    let mut refund_control = refund.clone();
    refund_control[2] = claim[3].clone();
    let shapes = [
        other_script,
        other_control,
        refund_control,
        claim[1..].to_vec(),
        vec![],
        vec![vec![1; 63]],
        vec![vec![1; 64], vec![2; 64]],
    ];
    for items in shapes {
        assert_eq!(read(&v, &with_witness(&v, &items)), SpentBy::Unknown);
    }
}

#[test]
fn annexes_and_explicit_sighash_types_do_not_hide_a_spend() {
    let v = typical();
    let preimage = v.preimage();
    for (method, expected) in [
        (v.key_path(), SpentBy::KeyPath),
        (v.claim(), SpentBy::Claim { preimage }),
        (v.refund(), SpentBy::Refund),
    ] {
        let mut items = signed(&v, method).input[0].witness.to_vec();
        items.push(vec![0x50, 1, 2, 3]);
        assert_eq!(read(&v, &with_witness(&v, &items)), expected);
    }
    let mut signature = signed(&v, v.key_path()).input[0].witness.to_vec();
    signature[0].push(1);
    assert_eq!(read(&v, &with_witness(&v, &signature)), SpentBy::KeyPath);
}

#[test]
fn outputs_paying_the_contract_are_found() {
    let v = typical();
    let mut tx = signed(&v, v.claim());
    let pays = |sats| TxOut {
        value: Amount::from_sat(sats),
        script_pubkey: v.contract_at(77).script_pubkey(),
    };
    tx.output.push(pays(5));
    tx.output.push(pays(6));
    let contract = v.contract_at(77);
    let found: Vec<(u32, Amount)> = contract.outputs_in(&tx).collect();
    assert_eq!(found, [(1, Amount::from_sat(5)), (2, Amount::from_sat(6))]);
}
