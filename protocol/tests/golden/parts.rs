//! The fixed values messages are built from.

use std::time::Duration;

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::serialize;
use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::{Keypair, Message, PublicKey, Secp256k1, SecretKey};
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness,
};
use cambista_protocol::cbor;
use cambista_protocol::market::offer::{Offer, Rate};
use cambista_protocol::market::quote::Quote;
use cambista_protocol::message::Acceptance;
use cambista_protocol::signed::{Signed, Tag};
use cambista_protocol::terms::{FunderTerms, PayerTerms};
use cambista_protocol::words::{Direction, SwapId};
use lightning_invoice::{Currency, InvoiceBuilder, PaymentSecret};

/// The secret of the node that signs, repeated 32 times.
pub(crate) const NODE: u8 = 1;

pub(crate) fn secret(n: u8) -> SecretKey {
    SecretKey::from_slice(&[n; 32]).unwrap()
}

pub(crate) fn key(n: u8) -> PublicKey {
    secret(n).public_key(&Secp256k1::new())
}

/// BIP340 with 32 zero bytes for auxiliary randomness left out, so that it comes out the same everywhere.
pub(crate) fn sign(digest: [u8; 32]) -> [u8; 64] {
    let secp = Secp256k1::new();
    let keypair = Keypair::from_secret_key(&secp, &secret(NODE));
    secp.sign_schnorr_no_aux_rand(&Message::from_digest(digest), &keypair)
        .serialize()
}

pub(crate) fn swap_id() -> SwapId {
    SwapId([0xa5; 32])
}

/// Both directions, two addresses, and a nonce that shows regtest's work.
pub(crate) fn offer() -> Offer {
    let mut offer = Offer {
        network: Network::Regtest,
        maker: key(NODE),
        peer_id: "12D3KooWGRUVh8kaTLqjDLqg6aK6dTgYDT1KQsyVgVTTn5K3q2uX".into(),
        addresses: vec![
            "/ip4/203.0.113.7/tcp/9740".into(),
            "/dns4/maker.example/tcp/9740".into(),
        ],
        sequence: 1_800_000_000,
        issued: 1_800_000_000,
        expires: 1_800_021_600,
        out: Some(Rate {
            base_sat: 250,
            ppm: 1500,
            min_sat: 20_000,
            max_sat: 5_000_000,
        }),
        into: Some(Rate {
            base_sat: 0,
            ppm: -300,
            min_sat: 50_000,
            max_sat: 2_000_000,
        }),
        refund_delta_min: 96,
        refund_delta_max: 288,
        features: 0,
        nonce: 0,
    };
    assert!(offer.mine(1 << 16));
    offer
}

/// An offer that withdraws the one before.
pub(crate) fn withdrawn() -> Offer {
    let mut offer = Offer {
        sequence: 1_800_000_001,
        addresses: vec![],
        out: None,
        into: None,
        nonce: 0,
        ..offer()
    };
    assert!(offer.mine(1 << 16));
    offer
}

pub(crate) fn quote(direction: Direction) -> Quote {
    let out = direction == Direction::Out;
    Quote {
        network: Network::Regtest,
        maker: key(NODE),
        direction,
        amount_sat: 1_000_000,
        maker_fee_sat: if out { 3000 } else { -25 },
        prepay_sat: if out { 1200 } else { 0 },
        refund_delta: 144,
        confirmations: if out { 0 } else { 2 },
        valid_until: 1_800_000_060,
        nonce: [0x09; 16],
        external: !out,
    }
}

pub(crate) fn signed_offer(offer: &Offer) -> Signed {
    offer.sign(sign)
}

pub(crate) fn signed_quote(direction: Direction) -> Signed {
    Signed::new(Tag::Quote, cbor::to_vec(&quote(direction)), sign)
}

pub(crate) fn payer_terms() -> PayerTerms {
    PayerTerms {
        payment_hash: sha256::Hash::hash(&[0x51; 32]).to_byte_array(),
        claim_key: key(3),
        internal_key: key(4),
        confirmations: 2,
    }
}

/// With everything in it, or with nothing that can be left out.
pub(crate) fn funder_terms(full: bool) -> FunderTerms {
    FunderTerms {
        refund_key: key(5),
        internal_key: key(6),
        refund_height: 900_144,
        swap_invoice: invoice(1_001_800, [0x51; 32]),
        prepay_invoice: full.then(|| invoice(1200, [0x52; 32])),
        last_hop: full.then(|| key(7)),
    }
}

pub(crate) fn acceptance(direction: Direction) -> Acceptance {
    Acceptance {
        swap_id: swap_id(),
        quote_id: signed_quote(direction).id(),
        payer: payer_terms(),
        funder: (direction == Direction::Out).then(|| funder_terms(true)),
    }
}

fn invoice(sat: u64, preimage: [u8; 32]) -> String {
    InvoiceBuilder::new(Currency::Regtest)
        .description(String::new())
        .payment_hash(sha256::Hash::hash(&preimage))
        .payment_secret(PaymentSecret([7; 32]))
        .duration_since_epoch(Duration::from_secs(1_800_000_000))
        .min_final_cltv_expiry_delta(228)
        .amount_milli_satoshis(sat * 1000)
        .basic_mpp()
        .build_signed(|digest| Secp256k1::new().sign_ecdsa_recoverable(digest, &secret(NODE)))
        .unwrap()
        .to_string()
}

pub(crate) fn funding() -> Vec<u8> {
    serialize(&Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(Txid::from_byte_array([0x33; 32]), 1),
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness: Witness::from_slice(&[[0x44; 64]]),
        }],
        output: vec![TxOut {
            value: Amount::from_sat(1_000_000),
            script_pubkey: ScriptBuf::from_hex(&format!("5120{}", "55".repeat(32))).unwrap(),
        }],
    })
}
