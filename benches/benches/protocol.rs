//! What the pure parts cost: building a contract, spending by each path, reading messages, stepping a swap.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::SecretKey;
use bitcoin::{Amount, FeeRate, Network, OutPoint, ScriptBuf, Txid};
use cambista_protocol::cbor;
use cambista_protocol::contract::{Contract, Keys, Method, Secret, Spend, SpendInput};
use cambista_protocol::market::quote::{MAX_QUOTE, Quote};
use cambista_protocol::message::{MAX_SWAP_MESSAGE, SwapRequest};
use cambista_protocol::signed::{Signed, Tag};
use cambista_protocol::words::{Direction, SwapId};
use criterion::{Criterion, criterion_group, criterion_main};

const R: [u8; 32] = [7; 32];

fn secret(n: u8) -> Secret {
    Secret::new(SecretKey::from_slice(&[n; 32]).unwrap())
}

fn contract() -> Contract {
    let keys = Keys {
        payer_claim: secret(1).public_key(),
        payer_internal: secret(2).public_key(),
        funder_refund: secret(3).public_key(),
        funder_internal: secret(4).public_key(),
    };
    Contract::new(keys, sha256::Hash::hash(&R).to_byte_array(), 900_000).unwrap()
}

fn spend(method: Method) -> Spend {
    Spend {
        inputs: vec![SpendInput {
            outpoint: OutPoint {
                txid: Txid::all_zeros(),
                vout: 0,
            },
            value: Amount::from_sat(500_000),
            contract: contract(),
            method,
        }],
        destination: ScriptBuf::from_bytes([&[0x51, 0x20][..], &[2; 32][..]].concat()),
        truc: false,
    }
}

fn contracts(c: &mut Criterion) {
    c.bench_function("contract: rebuild from keys", |b| {
        b.iter(|| black_box(contract()))
    });
    let built = contract();
    c.bench_function("contract: key-path secret from both keys", |b| {
        b.iter(|| built.key_path_secret(&secret(2), &secret(4)).unwrap());
    });
    let rate = FeeRate::from_sat_per_vb(10).unwrap();
    let key_path = spend(Method::KeyPath(
        built.key_path_secret(&secret(2), &secret(4)).unwrap(),
    ));
    c.bench_function("spend: key path", |b| {
        b.iter(|| key_path.sign(rate).unwrap())
    });
    let claim = spend(Method::Claim {
        key: secret(1),
        preimage: R,
    });
    c.bench_function("spend: claim leaf", |b| {
        b.iter(|| claim.sign(rate).unwrap())
    });
}

fn messages(c: &mut Criterion) {
    let key = SecretKey::from_slice(&[9; 32]).unwrap();
    let secp = bitcoin::secp256k1::Secp256k1::new();
    let quote = Quote {
        network: Network::Regtest,
        maker: key.public_key(&secp),
        direction: Direction::Out,
        amount_sat: 500_000,
        maker_fee_sat: 1_000,
        prepay_sat: 900,
        refund_delta: 144,
        confirmations: 0,
        valid_until: 1_800_000_000,
        nonce: [1; 16],
        external: false,
    };
    let payload = cbor::to_vec(&quote);
    c.bench_function("quote: decode", |b| {
        b.iter(|| cbor::from_slice::<Quote>(black_box(&payload), MAX_QUOTE).unwrap());
    });
    let signed = Signed::new(Tag::Quote, payload, |digest| {
        let message = bitcoin::secp256k1::Message::from_digest(digest);
        secp.sign_schnorr_no_aux_rand(&message, &key.keypair(&secp))
            .serialize()
    });
    c.bench_function("quote: decode, check signature and amounts", |b| {
        b.iter(|| Quote::open(black_box(&signed)).unwrap());
    });
    let message = SwapRequest::Open {
        swap_id: SwapId([3; 32]),
        quote: signed,
        payer: None,
    };
    let bytes = cbor::to_vec(&message);
    c.bench_function("message: decode an opening", |b| {
        b.iter(|| cbor::from_slice::<SwapRequest>(black_box(&bytes), MAX_SWAP_MESSAGE).unwrap());
    });
    c.bench_function("message: refuse garbage", |b| {
        b.iter(|| {
            cbor::from_slice::<SwapRequest>(black_box(&[0xff; 512]), MAX_SWAP_MESSAGE).is_err()
        });
    });
}

criterion_group!(benches, contracts, messages);
criterion_main!(benches);
