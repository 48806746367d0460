//! What a full book costs: finding whom to ask as the node does, taking offers in, refusing garbage, memory. First a table of
//! medians, in checks of one signature too, with what they are allowed to be.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bitcoin::Network;
use bitcoin::secp256k1::{Keypair, Message, Secp256k1, SecretKey, SignOnly};
use cambista_market::{Book, MAX_OFFERS, Makers, Opinion, Sieve, Verdict};
use cambista_protocol::market::offer::{Offer, Rate};
use cambista_protocol::words::Direction;
use criterion::{Criterion, criterion_group, criterion_main};

const NOW: u64 = 1_800_000_000;
/// Whom to ask for a price must be found in this time.
const CHOICE: Duration = Duration::from_millis(1);
/// Garbage must be refused in this time.
const REFUSAL: Duration = Duration::from_micros(50);
/// So many makers are in Lightning's gossip, and so many were met in some way.
const IN_GRAPH: u32 = 500;
const MET: u32 = 50;

fn key(secp: &Secp256k1<SignOnly>, n: u32) -> Keypair {
    let mut key = [0x11; 32];
    key[28..].copy_from_slice(&n.to_be_bytes());
    Keypair::from_secret_key(secp, &SecretKey::from_slice(&key).unwrap())
}

/// Maker `n`'s offer of `sequence`, signed and with the work in it.
fn announced(secp: &Secp256k1<SignOnly>, n: u32, sequence: u64) -> Vec<u8> {
    let pair = key(secp, n);
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

/// What a node thinks of makers after a while: some have channels, some did swaps, some gave no price the last time.
struct Thinks {
    known: Makers,
    quiet: Makers,
    tried: Makers,
    left_out: Makers,
}

impl Thinks {
    fn new(secp: &Secp256k1<SignOnly>) -> Self {
        // Spread over the makers, and so over their prices.
        let some = |many: u32, from: u32| {
            (0..many)
                .map(|n| {
                    key(secp, (from + n * 191) % 100_000)
                        .public_key()
                        .serialize()
                })
                .collect()
        };
        Self {
            known: some(IN_GRAPH, 0),
            quiet: some(MET, 7),
            tried: some(MET, 0),
            left_out: some(MET, 11),
        }
    }
}

impl Opinion for Thinks {
    fn left_out(&self) -> &Makers {
        &self.left_out
    }

    fn quiet(&self) -> &Makers {
        &self.quiet
    }

    fn tried(&self) -> &Makers {
        &self.tried
    }

    fn known(&self, maker: &[u8; 33]) -> bool {
        self.known.contains(maker)
    }

    fn known_sieve(&self) -> &Sieve {
        self.known.sieve()
    }
}

/// The median of what it takes.
fn median(mut what: impl FnMut()) -> Duration {
    let mut took: Vec<Duration> = (0..401)
        .map(|_| {
            let begun = Instant::now();
            what();
            begun.elapsed()
        })
        .collect();
    took.sort_unstable();
    took[took.len() / 2]
}

/// The table: what each thing takes, how many checks of a signature that is, and whether it is within its limit.
fn figures(secp: &Secp256k1<SignOnly>, book: &mut Book) {
    let thinks = Thinks::new(secp);
    let offer = announced(secp, 1, 2);
    let (signed, read) = Offer::read(&offer).unwrap();
    let signature = median(|| read.check_signature(black_box(&signed)).unwrap());
    let (known, mut changed) = (announced(secp, 1, 1), announced(secp, 1, 3));
    let last = changed.len() - 1;
    changed[last] ^= 1;
    let mut workless = announced(secp, 1, 4);
    // The signed part is another one then, and the work of the old one is in the old one.
    let middle = workless.len() / 2;
    workless[middle] ^= 1;
    let garbage = vec![0xff; 1024];
    let mut amount = 50_000;
    let mut rows = vec![("one check of a signature", signature, None)];
    let mut row = |name, limit, what: &mut dyn FnMut(&mut Book)| {
        rows.push((name, median(|| what(&mut *book)), limit));
    };
    row(
        "ten places among 100,000 offers",
        Some(CHOICE),
        &mut |book| {
            amount = amount % 5_000_000 + 37_123;
            let pool = book.pool(Direction::Out, amount, NOW, &thinks, amount);
            black_box(pool.places(10, |_| 7));
        },
    );
    row("the ten lowest fees alone", None, &mut |book| {
        black_box(book.rank(Direction::Out, 250_000, NOW, 10));
    });
    for (name, bytes) in [
        ("refusing 1 KiB of garbage", &garbage),
        (
            "refusing an offer without work, or that cannot be read",
            &workless,
        ),
        ("refusing an offer that is known", &known),
    ] {
        row(name, Some(REFUSAL), &mut |book| {
            black_box(book.ingest(black_box(bytes), NOW));
        });
    }
    row(
        "refusing an offer somebody else signed",
        None,
        &mut |book| {
            black_box(book.ingest(black_box(&changed), NOW));
        },
    );
    println!("| what | median | in checks of a signature | limit | |");
    println!("|---|---:|---:|---:|---|");
    for (name, took, limit) in rows {
        let ratio = took.as_nanos() * 100 / signature.as_nanos().max(1);
        let (limit, kept) = match limit {
            None => (String::new(), ""),
            Some(limit) if took < limit => (format!("{limit:?}"), "OK"),
            Some(limit) => (format!("{limit:?}"), "OVER"),
        };
        let (whole, part) = (ratio / 100, ratio % 100);
        println!("| {name} | {took:?} | {whole}.{part:02} | {limit} | {kept} |");
    }
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
    figures(&secp, &mut book);
    let thinks = Thinks::new(&secp);
    c.bench_function("book of 100,000: ten places for an amount", |b| {
        let mut amount = 50_000;
        b.iter(|| {
            amount = amount % 5_000_000 + 37_123;
            let pool = book.pool(Direction::Out, amount, NOW, &thinks, amount);
            black_box(pool.places(10, |_| 7))
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
