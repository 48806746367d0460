//! The contract as text: what `contract show` reads and prints.

use cambista_protocol::contract::{ContractInput, ContractView, ShowError};
use serde_json::{Value, json};

use crate::common::{Vector, typical, vectors};

fn terms(v: &Vector, network: &str) -> Value {
    json!({
        "payer_claim": v.payer_claim.public().to_string(),
        "payer_internal": v.payer_internal.public().to_string(),
        "funder_refund": v.funder_refund.public().to_string(),
        "funder_internal": v.funder_internal.public().to_string(),
        "payment_hash": v.payment_hash,
        "refund_height": v.refund_height,
        "network": network,
    })
}

#[test]
fn the_view_has_exactly_the_vector_files_fields_and_values() {
    for v in vectors() {
        for (network, address) in &v.address {
            let input: ContractInput = serde_json::from_value(terms(&v, network)).unwrap();
            let view = ContractView::try_from(&input).unwrap();
            let expected = json!({
                "claim_script": v.claim_script,
                "refund_script": v.refund_script,
                "claim_leaf_hash": v.claim_leaf_hash,
                "refund_leaf_hash": v.refund_leaf_hash,
                "merkle_root": v.merkle_root,
                "internal_key": v.internal_key,
                "output_key": v.output_key,
                "claim_control_block": v.claim_control_block,
                "refund_control_block": v.refund_control_block,
                "script_pubkey": v.script_pubkey,
                "address": address,
            });
            assert_eq!(serde_json::to_value(&view).unwrap(), expected);
        }
    }
}

#[test]
fn a_wrong_field_is_named() {
    let v = typical();
    let key = v.payer_claim.public();
    let uncompressed: String = key
        .serialize_uncompressed()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let no_point = "020000000000000000000000000000000000000000000000000000000000000005";
    let mut wrong = Vec::new();
    for field in [
        "payer_claim",
        "payer_internal",
        "funder_refund",
        "funder_internal",
    ] {
        for value in ["", &key.to_string()[2..], &uncompressed, no_point, "zz"] {
            wrong.push((field, json!(value)));
        }
    }
    wrong.push(("payment_hash", json!("00")));
    wrong.push(("payment_hash", json!("g".repeat(64))));
    wrong.push(("refund_height", json!(0)));
    wrong.push(("refund_height", json!(500_000_000)));
    wrong.push(("network", json!("mainnet")));
    for (name, value) in wrong {
        let mut terms = terms(&v, "regtest");
        terms[name] = value;
        let input: ContractInput = serde_json::from_value(terms).unwrap();
        let error = ContractView::try_from(&input).unwrap_err();
        assert!(matches!(error, ShowError::Field { field, .. } if field == name));
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn missing_unknown_and_mistyped_fields_are_refused_by_name() {
    let v = typical();
    let read = |terms| {
        serde_json::from_value::<ContractInput>(terms)
            .unwrap_err()
            .to_string()
    };

    let mut surplus = terms(&v, "regtest");
    surplus["refund_hieght"] = json!(5);
    assert!(read(surplus).contains("refund_hieght"));

    let mut missing = terms(&v, "regtest");
    missing.as_object_mut().unwrap().remove("funder_refund");
    assert!(read(missing).contains("funder_refund"));

    let mut negative = terms(&v, "regtest");
    negative["refund_height"] = json!(-1);
    assert!(read(negative).contains("-1"));
}
