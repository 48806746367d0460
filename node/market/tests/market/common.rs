//! Makers and their offers.

use bitcoin::Network;
use bitcoin::secp256k1::{Keypair, Message, PublicKey, Secp256k1, SecretKey};
use cambista_market::{Book, Verdict};
use cambista_protocol::market::offer::{Offer, Rate};
use cambista_protocol::market::pow;
use cambista_protocol::signed::Signed;

/// When these tests happen (Unix seconds).
pub(crate) const NOW: u64 = 1_800_000_000;
/// An offer's lifetime in these tests (seconds).
pub(crate) const HOUR: u64 = 3600;

pub(crate) fn secret(n: u32) -> SecretKey {
    let mut bytes = [0x11; 32];
    bytes[28..].copy_from_slice(&n.to_be_bytes());
    SecretKey::from_slice(&bytes).unwrap()
}

pub(crate) fn node(n: u32) -> PublicKey {
    secret(n).public_key(&Secp256k1::new())
}

pub(crate) fn rate(base_sat: u64, ppm: i32) -> Rate {
    Rate {
        base_sat,
        ppm,
        min_sat: 10_000,
        max_sat: 1_000_000,
    }
}

/// Maker `n`'s first offer, made now.
pub(crate) fn offer(n: u32) -> Offer {
    Offer {
        network: Network::Regtest,
        maker: node(n),
        peer_id: "12D3KooWGRUVh8kaTLqjDLqg6aK6dTgYDT1KQsyVgVTTn5K3q2uX".into(),
        addresses: vec!["/ip4/127.0.0.1/tcp/9740".into()],
        sequence: 1,
        issued: NOW,
        expires: NOW + HOUR,
        out: Some(rate(100, 1000)),
        into: None,
        refund_delta_min: 96,
        refund_delta_max: 432,
        features: 0,
        nonce: 0,
    }
}

pub(crate) fn signed_by(n: u32, offer: &Offer) -> Signed {
    offer.sign(|digest| {
        let keypair = Keypair::from_secret_key(&Secp256k1::new(), &secret(n));
        let message = Message::from_digest(digest);
        Secp256k1::new()
            .sign_schnorr_no_aux_rand(&message, &keypair)
            .serialize()
    })
}

/// As maker `n` would announce it.
pub(crate) fn announced(n: u32, mut offer: Offer) -> Vec<u8> {
    assert!(offer.mine(1 << 16));
    signed_by(n, &offer).to_bytes()
}

/// The same offer with a nonce that shows no work.
pub(crate) fn without_work(mut offer: Offer) -> Offer {
    let holds = |offer: &Offer| pow::shown(&cambista_protocol::cbor::to_vec(offer)) >= 1;
    while holds(&offer) {
        offer.nonce += 1;
    }
    offer
}

pub(crate) fn book() -> Book {
    Book::new(Network::Regtest, 7)
}

/// A book with these offers in it, of makers 0, 1, 2, ...
pub(crate) fn book_of(offers: impl IntoIterator<Item = Offer>) -> Book {
    let mut book = book();
    for (n, offer) in (0..).zip(offers) {
        let maker = node(n);
        let verdict = book.ingest(&announced(n, Offer { maker, ..offer }), NOW);
        assert_eq!(verdict, Verdict::Accept);
    }
    book
}
