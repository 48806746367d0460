//! BIP327's own vectors for KeyAgg and KeySort.

use bitcoin::hex::FromHex;
use bitcoin::secp256k1::PublicKey;
use cambista_protocol::contract::keyagg::tweak_point;
use cambista_protocol::contract::{KeyAgg, KeyAggError, Secret, key_sort};
use serde::Deserialize;

use crate::common::{bytes, typical};

#[derive(Deserialize)]
struct AggFile {
    pubkeys: Vec<String>,
    tweaks: Vec<String>,
    valid_test_cases: Vec<Valid>,
    error_test_cases: Vec<Failing>,
}

#[derive(Deserialize)]
struct Valid {
    key_indices: Vec<usize>,
    expected: String,
}

#[derive(Deserialize)]
struct Failing {
    key_indices: Vec<usize>,
    tweak_indices: Vec<usize>,
    is_xonly: Vec<bool>,
    error: Error,
    comment: String,
}

#[derive(Deserialize)]
struct Error {
    r#type: String,
    signer: Option<usize>,
    message: Option<String>,
}

fn file() -> AggFile {
    serde_json::from_str(include_str!("../../../spec/vectors/bip327-key_agg.json")).unwrap()
}

fn key(hex: &str) -> Result<PublicKey, bitcoin::secp256k1::Error> {
    PublicKey::from_slice(&Vec::from_hex(hex).unwrap())
}

#[test]
fn aggregates_of_the_valid_cases() {
    let file = file();
    assert_eq!(file.valid_test_cases.len(), 4);
    for case in &file.valid_test_cases {
        let keys: Vec<PublicKey> = case
            .key_indices
            .iter()
            .map(|i| key(&file.pubkeys[*i]).unwrap())
            .collect();
        let (x, _) = KeyAgg::new(&keys).unwrap().x_only();
        assert_eq!(x.to_string(), case.expected.to_lowercase());
    }
}

#[test]
fn the_error_cases_fail_where_they_should() {
    let file = file();
    assert_eq!(file.error_test_cases.len(), 5);
    for case in &file.error_test_cases {
        let keys: Vec<_> = case
            .key_indices
            .iter()
            .map(|i| key(&file.pubkeys[*i]))
            .collect();
        if case.error.r#type == "invalid_contribution" {
            let bad = keys.iter().position(Result::is_err);
            assert_eq!(bad, case.error.signer, "{}", case.comment);
            continue;
        }
        let keys: Vec<PublicKey> = keys.into_iter().map(Result::unwrap).collect();
        let point = KeyAgg::new(&keys).unwrap().point();
        let tweak = bytes(&file.tweaks[case.tweak_indices[0]]);
        let error = match case.error.message.as_deref() {
            Some("The tweak must be less than n.") => KeyAggError::TweakOutOfRange,
            Some("The result of tweaking cannot be infinity.") => KeyAggError::Infinity,
            other => panic!("unknown error {other:?}"),
        };
        assert_eq!(
            tweak_point(&point, tweak, case.is_xonly[0]),
            Err(error),
            "{}",
            case.comment
        );
    }
}

#[test]
fn keys_sort_as_in_the_vector() {
    #[derive(Deserialize)]
    struct SortFile {
        pubkeys: Vec<String>,
        sorted_pubkeys: Vec<String>,
    }
    let text = include_str!("../../../spec/vectors/bip327-key_sort.json");
    let file: SortFile = serde_json::from_str(text).unwrap();
    let parse =
        |keys: &[String]| -> Vec<PublicKey> { keys.iter().map(|hex| key(hex).unwrap()).collect() };
    let mut keys = parse(&file.pubkeys);
    let sorted = parse(&file.sorted_pubkeys);
    assert_ne!(keys, sorted);
    key_sort(&mut keys);
    assert_eq!(keys, sorted);
}

#[test]
fn no_keys_and_wrong_secrets_are_errors() {
    assert_eq!(KeyAgg::new(&[]), Err(KeyAggError::NoKeys));
    let v = typical();
    let (a, b) = (v.payer_internal.secret(), v.funder_internal.secret());
    let agg = KeyAgg::new(&[a.public_key(), b.public_key()]).unwrap();
    assert_eq!(agg.secret(&[&a, &b]).unwrap().public_key(), agg.point());
    let error = |secrets: &[&Secret]| agg.secret(secrets).map(drop).unwrap_err();
    assert_eq!(
        error(&[&a]),
        KeyAggError::SecretCount {
            expected: 2,
            got: 1
        }
    );
    assert_eq!(error(&[&b, &a]), KeyAggError::SecretMismatch { index: 0 });
    assert_eq!(error(&[&a, &a]), KeyAggError::SecretMismatch { index: 1 });
}
