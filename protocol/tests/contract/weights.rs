//! Weights known in advance are the weights of signed transactions.

use bitcoin::{Amount, FeeRate, ScriptBuf, Weight};
use cambista_protocol::contract::SpendKind::{Claim, KeyPath, Refund};
use cambista_protocol::contract::{SpendError, SpendInput, spend_fee, spend_weight};

use crate::common::{Vector, input, p2tr, spend, typical};

fn one_of_each(v: &Vector, height: u32) -> [SpendInput; 3] {
    let contract = v.contract_at(height);
    let key_path = v.key_path_of(&contract);
    [
        input(1, 90_000, contract.clone(), key_path),
        input(2, 90_000, contract.clone(), v.claim()),
        input(3, 90_000, contract, v.refund()),
    ]
}

#[test]
fn one_in_one_out_weighs_444_607_and_550() {
    let inputs = one_of_each(&typical(), 850_000);
    for (kind, expected, input) in [
        (KeyPath, 444, &inputs[0]),
        (Claim, 607, &inputs[1]),
        (Refund, 550, &inputs[2]),
    ] {
        assert_eq!(spend_weight(&[kind], &p2tr()).to_wu(), expected);
        let signed = spend(vec![input.clone()])
            .sign_with_fee(Amount::from_sat(1_000))
            .unwrap();
        assert_eq!(signed.tx.weight().to_wu(), expected);
        assert_eq!(signed.weight.to_wu(), expected);
        assert_eq!(
            kind.input_weight() + Weight::from_wu(214),
            Weight::from_wu(expected)
        );
    }
}

#[test]
fn witnesses_are_66_229_and_172_bytes() {
    let inputs = one_of_each(&typical(), 850_000).to_vec();
    let tx = spend(inputs)
        .sign_with_fee(Amount::from_sat(1_000))
        .unwrap()
        .tx;
    let sizes: Vec<usize> = tx.input.iter().map(|i| i.witness.size()).collect();
    assert_eq!(sizes, [66, 229, 172]);
}

#[test]
fn the_weight_before_signing_is_exact_at_every_height_and_destination() {
    let v = typical();
    let p2wpkh = ScriptBuf::from_hex("0014028ddde690ab59e6dbc65a9d6e595943801096ba").unwrap();
    for height in [1, 16, 17, 127, 128, 850_000, 8_388_608, 499_999_999] {
        for destination in [p2tr(), p2wpkh.clone()] {
            let mut plan = spend(one_of_each(&v, height).to_vec());
            plan.destination = destination;
            let signed = plan.sign_with_fee(Amount::from_sat(1_000)).unwrap();
            assert_eq!(plan.weight(), signed.tx.weight());
        }
    }
}

fn many(v: &Vector, count: u32) -> Vec<SpendInput> {
    let one = input(1, 2_000, v.contract(), v.key_path());
    (0..count)
        .map(|vout| {
            let mut input = one.clone();
            input.outpoint.vout = vout;
            input
        })
        .collect()
}

#[test]
fn more_than_252_inputs_weigh_two_more_bytes() {
    let plan = spend(many(&typical(), 253));
    let signed = plan.sign_with_fee(Amount::from_sat(50_000)).unwrap();
    assert_eq!(signed.tx.weight(), signed.weight);
    assert_eq!(signed.weight.to_wu(), 214 + 253 * 230 + 8);
    assert_eq!(spend_weight(&[KeyPath; 253], &p2tr()), signed.weight);
}

#[test]
fn a_truc_transaction_stops_at_ten_thousand_virtual_bytes() {
    let v = typical();
    // 214 + 172 x 230 = 39,774 WU; one more is above 40,000.
    let mut plan = spend(many(&v, 172));
    plan.truc = true;
    assert!(plan.sign_with_fee(Amount::from_sat(20_000)).is_ok());
    plan.inputs = many(&v, 173);
    let error = plan.sign_with_fee(Amount::from_sat(20_000)).unwrap_err();
    assert!(matches!(error, SpendError::TooHeavy { .. }));
    plan.truc = false;
    assert!(plan.sign_with_fee(Amount::from_sat(20_000)).is_ok());
}

#[test]
fn the_fee_is_never_below_the_rate_a_node_computes() {
    let weight = spend_weight(&[Claim], &p2tr());
    assert_eq!(weight.to_wu(), 607);
    for rate in [25, 250, 251, 1_000, 2_500, 25_000] {
        let rate = FeeRate::from_sat_per_kwu(rate);
        let fee = spend_fee(weight, rate).unwrap();
        // 152 virtual bytes, as a node rounds 151.75.
        assert!(fee.to_sat() * 250 >= 152 * rate.to_sat_per_kwu());
        assert!((fee.to_sat() - 1) * 250 < 152 * rate.to_sat_per_kwu());
        let v = typical();
        let signed = spend(vec![input(1, 90_000, v.contract(), v.claim())]).sign(rate);
        assert_eq!(signed.unwrap().fee, fee);
    }
    assert_eq!(spend_fee(weight, FeeRate::MAX), None);
}
