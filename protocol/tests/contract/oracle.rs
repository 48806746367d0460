//! Random contracts against the `musig2` crate, which shares no code with ours.

use bitcoin::TxOut;
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::SecretKey;
use bitcoin::sighash::SighashCache;
use cambista_protocol::contract::sign::sighash;
use cambista_protocol::contract::{Contract, Keys, Method, Secret, SpendInput};
use musig2::KeyAggContext;
use musig2::secp::{Point, Scalar};
use proptest::prelude::*;

use crate::common::{input, spend};

fn secret() -> impl Strategy<Value = Secret> {
    any::<[u8; 32]>().prop_filter_map("not a secret key", |bytes| {
        SecretKey::from_slice(&bytes).ok().map(Secret::new)
    })
}

fn point(secret: &Secret) -> Point {
    Point::from_slice(&secret.public_key().serialize()).unwrap()
}

fn scalar(secret: &Secret) -> Scalar {
    Scalar::from_slice(&secret.expose().secret_bytes()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn musig2_finds_the_same_keys_and_takes_our_signature(
        payer in secret(),
        funder in secret(),
        claim in secret(),
        refund in secret(),
        hash in any::<[u8; 32]>(),
        height in 1u32..500_000_000,
        n in 1u8..,
    ) {
        let keys = Keys {
            payer_claim: claim.public_key(),
            payer_internal: payer.public_key(),
            funder_refund: refund.public_key(),
            funder_internal: funder.public_key(),
        };
        let contract = Contract::new(keys, hash, height).unwrap();

        let mut pair = [&payer, &funder];
        pair.sort_by_key(|secret| point(secret).serialize());
        let untweaked = KeyAggContext::new(pair.map(point)).unwrap();
        let internal: Point = untweaked.aggregated_pubkey();
        prop_assert_eq!(internal.serialize_xonly(), contract.internal_key().serialize());

        let root = contract.merkle_root().to_byte_array();
        let tweaked = untweaked.with_taproot_tweak(&root).unwrap();
        let output: Point = tweaked.aggregated_pubkey();
        prop_assert_eq!(output.serialize_xonly(), contract.output_key().serialize());
        prop_assert_eq!(output.parity().unwrap_u8(), contract.output_parity().to_u8());

        let theirs: Scalar = tweaked.aggregated_seckey(pair.map(scalar)).unwrap();
        let ours = contract.key_path_secret(&payer, &funder).unwrap();
        let even = if output.parity().unwrap_u8() == 1 { -theirs } else { theirs };
        prop_assert_eq!(even.serialize(), ours.expose());

        let inputs = vec![input(n, 100_000, contract.clone(), Method::KeyPath(ours))];
        let prevouts: Vec<TxOut> = inputs.iter().map(SpendInput::prevout).collect();
        let fee = bitcoin::Amount::from_sat(u64::from(n));
        let tx = spend(inputs).sign_with_fee(fee).unwrap().tx;
        let message = sighash(&mut SighashCache::new(&tx), 0, &prevouts, None).unwrap();
        let signature: [u8; 64] = tx.input[0].witness[0].try_into().unwrap();
        let verified =
            musig2::verify_single(output, &signature[..], message.to_byte_array());
        prop_assert!(verified.is_ok());
        let mut broken = signature;
        broken[40] ^= 1;
        prop_assert!(musig2::verify_single(output, &broken[..], message.to_byte_array()).is_err());
    }
}
