//! Every field of every contract vector.

use bitcoin::hashes::{Hash, sha256};
use bitcoin::taproot::ControlBlock;
use bitcoin::{Network, XOnlyPublicKey};
use cambista_protocol::contract::secret::secp;
use cambista_protocol::contract::{Contract, ContractError, ContractView, Method, Secret, Side};

use crate::common::{bytes, typical, vectors};

#[test]
fn every_field_of_every_vector() {
    for v in vectors() {
        let view = ContractView::new(&v.contract(), Network::Bitcoin);
        for (got, expected, field) in [
            (&view.claim_script, &v.claim_script, "claim_script"),
            (&view.refund_script, &v.refund_script, "refund_script"),
            (&view.claim_leaf_hash, &v.claim_leaf_hash, "claim_leaf"),
            (&view.refund_leaf_hash, &v.refund_leaf_hash, "refund_leaf"),
            (&view.merkle_root, &v.merkle_root, "merkle_root"),
            (&view.internal_key, &v.internal_key, "internal_key"),
            (&view.output_key, &v.output_key, "output_key"),
            (
                &view.claim_control_block,
                &v.claim_control_block,
                "claim_cb",
            ),
            (
                &view.refund_control_block,
                &v.refund_control_block,
                "refund_cb",
            ),
            (&view.script_pubkey, &v.script_pubkey, "script_pubkey"),
        ] {
            assert_eq!(got, expected, "{field} of {}", v.name);
        }
        assert_eq!(
            sha256::Hash::hash(&v.preimage()).to_byte_array(),
            bytes::<32>(&v.payment_hash)
        );
        assert!(v.contract().is_preimage(&v.preimage()));
    }
}

#[test]
fn addresses_on_every_network() {
    for v in vectors() {
        assert_eq!(v.address.len(), 4);
        for (network, address) in &v.address {
            let network: Network = network.parse().unwrap();
            assert_eq!(v.contract().address(network).to_string(), *address);
        }
    }
}

#[test]
fn both_internal_secrets_give_the_output_keys_secret() {
    for v in vectors() {
        let Method::KeyPath(secret) = v.key_path() else {
            panic!("not a key path");
        };
        assert_eq!(
            secret.expose(),
            bytes::<32>(&v.key_path_secret),
            "{}",
            v.name
        );
        assert_eq!(secret.output_key(), v.contract().output_key());
    }
}

#[test]
fn control_blocks_prove_their_leaves_and_not_each_others() {
    for v in vectors() {
        let contract = v.contract();
        let verify = |block: &ControlBlock, script| {
            block.verify_taproot_commitment(secp(), contract.output_key(), script)
        };
        let (claim, refund) = (
            contract.claim_control_block(),
            contract.refund_control_block(),
        );
        assert!(verify(&claim, contract.claim_script()));
        assert!(verify(&refund, contract.refund_script()));
        assert!(!verify(&claim, contract.refund_script()));
        assert!(!verify(&refund, contract.claim_script()));
    }
}

#[test]
fn heights_are_pushed_minimally() {
    let v = typical();
    for (height, push) in [
        (1, "51"),
        (16, "60"),
        (17, "0111"),
        (127, "017f"),
        (128, "028000"),
        (32_767, "02ff7f"),
        (32_768, "03008000"),
        (8_388_607, "03ffff7f"),
        (8_388_608, "0400008000"),
        (499_999_999, "04ff64cd1d"),
    ] {
        let key = XOnlyPublicKey::from(v.funder_refund.public());
        assert_eq!(
            v.contract_at(height).refund_script().to_hex_string(),
            format!("20{key}ad{push}b1"),
        );
    }
}

#[test]
fn heights_that_are_no_block_heights_are_refused() {
    let v = typical();
    for height in [0, 500_000_000, u32::MAX] {
        assert_eq!(
            Contract::new(v.keys(), bytes(&v.payment_hash), height),
            Err(ContractError::RefundHeight(height))
        );
    }
}

#[test]
fn only_the_agreed_internal_secret_is_taken() {
    let v = typical();
    let contract = v.contract();
    let (payer, funder) = (v.payer_internal.secret(), v.funder_internal.secret());
    let wrong = |side| Err(ContractError::WrongSecret { side });

    assert_eq!(contract.check_handover(Side::Payer, &payer), Ok(()));
    assert_eq!(contract.check_handover(Side::Funder, &funder), Ok(()));
    assert_eq!(
        contract.check_handover(Side::Payer, &funder),
        wrong(Side::Payer)
    );
    // The same x coordinate is not enough: the coefficients hash the 33-byte key.
    let negated = Secret::new(funder.expose().negate());
    assert_eq!(
        contract.check_handover(Side::Funder, &negated),
        wrong(Side::Funder)
    );

    let error = contract.key_path_secret(&funder, &payer).map(drop);
    assert_eq!(error, wrong(Side::Payer));
    let error = contract
        .key_path_secret(&payer, &v.funder_refund.secret())
        .map(drop);
    assert_eq!(error, wrong(Side::Funder));
}

#[test]
fn each_term_changes_the_address() {
    let v = typical();
    let output = |contract: Contract| contract.output_key();
    let base = output(v.contract());
    assert_ne!(output(v.contract_at(v.refund_height + 1)), base);
    assert_ne!(
        output(Contract::new(v.keys(), [7; 32], v.refund_height).unwrap()),
        base
    );
    let mut changed = [v.keys(); 3];
    changed[0].payer_claim = v.funder_refund.public();
    changed[1].funder_refund = v.payer_claim.public();
    changed[2].payer_internal = v.payer_claim.public();
    for keys in changed {
        let contract = Contract::new(keys, bytes(&v.payment_hash), v.refund_height);
        assert_ne!(output(contract.unwrap()), base);
    }
    // Sorted: swapping the two internal keys changes nothing on chain.
    let mut swapped = v.keys();
    std::mem::swap(&mut swapped.payer_internal, &mut swapped.funder_internal);
    let contract = Contract::new(swapped, bytes(&v.payment_hash), v.refund_height).unwrap();
    assert_eq!(output(contract), base);
}

#[test]
fn secrets_do_not_print_themselves() {
    let v = typical();
    let secret = v.payer_claim.secret();
    let hex = secret.expose().display_secret().to_string();
    assert_eq!(format!("{secret:?}"), "Secret(..)");
    for method in [v.key_path(), v.claim(), v.refund()] {
        let shown = format!("{method:?}");
        for hidden in [&hex, &v.preimage, &v.key_path_secret] {
            assert!(!shown.contains(hidden.as_str()));
        }
        if let Method::KeyPath(secret) = &method {
            assert!(!format!("{secret:?}").contains(&v.key_path_secret));
        }
    }
    assert!(Secret::from_bytes(&[0; 32]).is_err());
    assert!(Secret::from_bytes(&[0xff; 32]).is_err());
}

#[test]
fn two_equal_internal_keys_still_make_a_contract_both_can_spend() {
    let v = typical();
    let mut keys = v.keys();
    keys.funder_internal = keys.payer_internal;
    let contract = Contract::new(keys, bytes(&v.payment_hash), v.refund_height).unwrap();
    let secret = v.payer_internal.secret();
    let key_path = contract.key_path_secret(&secret, &secret).unwrap();
    assert_eq!(key_path.output_key(), contract.output_key());
    assert_ne!(contract.output_key(), v.contract().output_key());
}
