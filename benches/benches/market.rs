//! What a full book costs: finding the best offers, taking offers in, refusing garbage, memory.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::hint::black_box;
use std::time::Instant;

use bitcoin::Network;
use bitcoin::secp256k1::{Keypair, Message, Secp256k1, SecretKey, SignOnly};
use cambista_market::{Book, MAX_OFFERS, Verdict};
use cambista_protocol::market::offer::{Offer, Rate};
use cambista_protocol::words::Direction;
use criterion::{Criterion, criterion_group, criterion_main};

const NOW: u64 = 1_800_000_000;

/// Maker `n`'s offer of `sequence`, signed and with the work in it.
fn announced(secp: &Secp256k1<SignOnly>, n: u32, sequence: u64) -> Vec<u8> {
    let mut key = [0x11; 32];
    key[28..].copy_from_slice(&n.to_be_bytes());
    let pair = Keypair::from_secret_key(secp, &SecretKey::from_slice(&key).unwrap());
    let rate = Rate {
        base_sat: u64::from(n % 997),
        ppm: i32::try_from(n % 9973).unwrap() - 1000,
        min_sat: 10_000 + u64::from(n % 89) * 1000,
        max_sat: 500_000 + u64::from(n % 101) * 100_000,
    };
    let mut offer = Offer {
        network: Network::Regtest,
        maker: pair.public_key(),
        peer_id: "12D3KooWGRUVh8kaTLqjDLqg6aK6dTgYDT1KQsyVgVTTn5K3q2uX".into(),
        addresses: vec![
            "/ip4/203.0.113.7/tcp/9740".into(),
            "/ip4/203.0.113.7/udp/9740/quic-v1".into(),
        ],
        sequence,
        issued: NOW,
        expires: NOW + 3600,
        out: Some(rate),
        into: Some(rate),
        refund_delta_min: 96,
        refund_delta_max: 432,
        features: 0,
        nonce: 0,
    };
    assert!(offer.mine(1 << 16));
    let signed = offer.sign(|digest| {
        let message = Message::from_digest(digest);
        secp.sign_schnorr_no_aux_rand(&message, &pair).serialize()
    });
    signed.to_bytes()
}

/// Resident memory of this process (bytes).
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().split(' ').next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

fn full_book(secp: &Secp256k1<SignOnly>) -> Book {
    let makers = u32::try_from(MAX_OFFERS).unwrap();
    let offers: Vec<Vec<u8>> = (0..makers).map(|n| announced(secp, n, 1)).collect();
    let before = resident();
    let mut book = Book::new(Network::Regtest, 7);
    let begun = Instant::now();
    for offer in &offers {
        assert_eq!(book.ingest(offer, NOW), Verdict::Accept);
    }
    let took = begun.elapsed();
    let bytes: usize = offers.iter().map(Vec::len).sum();
    let grown = resident().saturating_sub(before);
    println!(
        "book: {makers} valid offers taken in, {} offers per core-second; {} bytes on the wire and {} bytes of memory an offer",
        u128::from(makers) * 1_000_000 / took.as_micros().max(1),
        bytes / MAX_OFFERS,
        grown / MAX_OFFERS as u64,
    );
    book
}

fn book(c: &mut Criterion) {
    let secp = Secp256k1::signing_only();
    let mut book = full_book(&secp);
    c.bench_function("book of 100,000: best ten for an amount", |b| {
        let mut amount = 50_000;
        b.iter(|| {
            amount = amount % 5_000_000 + 37_123;
            black_box(book.rank(Direction::Out, amount, NOW, 10))
        });
    });
    let offer = announced(&secp, 1, 2);
    c.bench_function("offer: read, check work and signature", |b| {
        b.iter(|| {
            let (signed, offer) = Offer::read(black_box(&offer)).unwrap();
            offer.check_work(&signed).unwrap();
            offer.check_signature(&signed).unwrap();
        });
    });
    c.bench_function("offer: the signature's share of it", |b| {
        let (signed, offer) = Offer::read(&offer).unwrap();
        b.iter(|| offer.check_signature(black_box(&signed)).unwrap());
    });
    let known = announced(&secp, 1, 1);
    c.bench_function("refuse: an offer that is known", |b| {
        b.iter(|| book.ingest(black_box(&known), NOW));
    });
    c.bench_function("refuse: 1 KiB of garbage", |b| {
        b.iter(|| book.ingest(black_box(&[0xff; 1024]), NOW));
    });
    let mut lazy = announced(&secp, 1, 3);
    let last = lazy.len() - 1;
    lazy[last] ^= 1;
    c.bench_function("refuse: an offer that somebody changed", |b| {
        b.iter(|| book.ingest(black_box(&lazy), NOW));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = book
}
criterion_main!(benches);
