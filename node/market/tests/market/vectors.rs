//! `spec/vectors/market.json`: offers and what becomes of them, fees, for other makers of this protocol. Set `KEEP` to
//! write the file anew.

use bitcoin::Network;
use bitcoin::hex::{DisplayHex as _, FromHex as _};
use cambista_market::{Ignored, Verdict};
use cambista_protocol::market::offer::{Offer, OfferError, Rate};
use serde::{Deserialize, Serialize};

use crate::common::{HOUR, NOW, announced, book, offer, rate, signed_by, without_work};

const PATH: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../spec/vectors/market.json"
);

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct File {
    about: String,
    network: String,
    now: u64,
    offers: Vec<Case>,
    fees: Vec<FeeCase>,
}

/// An offer brought to an empty book at `now`, or to one that has had the offers before it of the same `book`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Case {
    name: String,
    /// Cases of one book come after each other; every number is a book of its own.
    book: u32,
    offer: String,
    verdict: String,
    /// The number of the check in 06, section 3, that decides.
    check: u32,
}

/// The fee of a rate at an amount.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FeeCase {
    base_sat: u64,
    ppm: i32,
    amount_sat: u64,
    fee_sat: i64,
}

fn verdict(verdict: Verdict) -> (&'static str, u32) {
    match verdict {
        Verdict::Accept => ("accept", 0),
        Verdict::Reject(error) => (
            "reject",
            match error {
                OfferError::Malformed(cambista_protocol::cbor::Malformed::TooLong) => 1,
                OfferError::Work => 8,
                OfferError::Signature(_) => 9,
                _ => 3,
            },
        ),
        Verdict::Ignore(reason) => (
            "ignore",
            match reason {
                Ignored::Network => 4,
                Ignored::Expired => 5,
                Ignored::Early => 6,
                Ignored::Stale => 7,
                Ignored::TooOften => 10,
                _ => 11,
            },
        ),
    }
}

fn cases() -> Vec<(&'static str, u32, Vec<u8>)> {
    let good = announced(1, offer(1));
    let worthless = |offer: Offer| signed_by(99, &without_work(offer)).to_bytes();
    let withdrawal = Offer {
        sequence: 3,
        out: None,
        ..offer(1)
    };
    vec![
        ("good", 1, good.clone()),
        ("the same again", 1, good.clone()),
        (
            "an older sequence, without work",
            1,
            worthless(Offer {
                sequence: 0,
                ..offer(1)
            }),
        ),
        (
            "a newer one, negative share",
            1,
            announced(
                1,
                Offer {
                    sequence: 2,
                    into: Some(rate(0, -500)),
                    ..offer(1)
                },
            ),
        ),
        ("withdrawn", 1, announced(1, withdrawal)),
        ("too long", 2, [good.clone(), vec![0; 1024]].concat()),
        ("cut off", 3, good[..good.len() - 1].to_vec()),
        ("followed by more", 4, [good, vec![0]].concat()),
        (
            "no limits that make sense, another network, expired",
            5,
            worthless(Offer {
                network: Network::Signet,
                expires: NOW,
                issued: NOW - HOUR,
                out: Some(Rate {
                    min_sat: 0,
                    ..rate(1, 1)
                }),
                ..offer(1)
            }),
        ),
        (
            "another network, expired, without work",
            6,
            worthless(Offer {
                network: Network::Signet,
                expires: NOW,
                issued: NOW - HOUR,
                ..offer(1)
            }),
        ),
        (
            "expired, without work",
            7,
            worthless(Offer {
                expires: NOW,
                issued: NOW - HOUR,
                ..offer(1)
            }),
        ),
        (
            "from the future, without work",
            8,
            worthless(Offer {
                issued: NOW + 601,
                expires: NOW + HOUR,
                ..offer(1)
            }),
        ),
        ("without work, signed by another", 9, worthless(offer(1))),
        ("signed by another", 10, announced(2, offer(1))),
    ]
}

fn file() -> File {
    let mut books = std::collections::HashMap::new();
    let offers = cases()
        .into_iter()
        .map(|(name, number, bytes)| {
            let book = books.entry(number).or_insert_with(book);
            let (verdict, check) = verdict(book.ingest(&bytes, NOW));
            Case {
                name: name.to_owned(),
                book: number,
                offer: bytes.to_lower_hex_string(),
                verdict: verdict.to_owned(),
                check,
            }
        })
        .collect();
    let fee = |base_sat, ppm, amount_sat| FeeCase {
        base_sat,
        ppm,
        amount_sat,
        fee_sat: Rate {
            base_sat,
            ppm,
            min_sat: 1,
            max_sat: 2_100_000_000_000_000,
        }
        .fee(amount_sat)
        .unwrap(),
    };
    File {
        about: "Signed offers and what a book makes of them (06-market.md, section 3): 'check' is the number of the check that \
                decides, 0 for none. Offers of the same 'book' come one after the other, each book begins empty. 'fees': the \
                fee of section 1. node/market/tests/market/vectors.rs builds them."
            .to_owned(),
        network: "regtest".to_owned(),
        now: NOW,
        offers,
        fees: vec![
            fee(0, 0, 100_000),
            fee(500, 1_000, 250_000),
            fee(0, 1, 1),
            fee(0, 1, 1_000_001),
            fee(10, -1_500, 1_000_000),
            fee(0, -1_500, 999),
            fee(0, 1_000_000, 2_100_000_000_000_000),
        ],
    }
}

#[test]
fn the_vectors_of_the_market_are_what_this_book_does() {
    let built = file();
    if std::env::var_os("KEEP").is_some() {
        let text = serde_json::to_string_pretty(&built).unwrap();
        std::fs::write(PATH, text + "\n").unwrap();
    }
    let kept: File = serde_json::from_str(&std::fs::read_to_string(PATH).unwrap()).unwrap();
    assert_eq!(kept, built);
}

#[test]
fn every_check_that_a_single_offer_can_fail_has_a_vector_and_they_come_in_order() {
    let decided: Vec<u32> = file().offers.iter().map(|case| case.check).collect();
    for check in [0, 1, 3, 4, 5, 6, 7, 8, 9] {
        assert!(decided.contains(&check), "{check}");
    }
    for case in &file().offers {
        assert!(Vec::from_hex(&case.offer).is_ok(), "{}", case.name);
    }
}
