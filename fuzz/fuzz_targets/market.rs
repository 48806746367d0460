//! Offers that carry their work and their maker's signature, whatever else is in them: each maker's newest counts and never an
//! older one, the cheapest come first, and a book that is read out and taken in again says the same.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bitcoin::Network;
use bitcoin::secp256k1::{All, Keypair, Message, PublicKey, Secp256k1, SecretKey};
use cambista_market::{Book, Remembered, Verdict};
use cambista_protocol::market::offer::{Offer, Rate};
use cambista_protocol::words::Direction;
use libfuzzer_sys::fuzz_target;

const NOW: u64 = 1_800_000_000;
const ROOM: usize = 6;
/// On regtest one nonce in 256 shows the work; who has none by then goes without.
const TRIES: u64 = 1_000;
/// So many offers an input makes at most: each is mined and signed.
const MOST: usize = 12;
const FEW: u64 = 100_000;

static SECP: LazyLock<Secp256k1<All>> = LazyLock::new(Secp256k1::new);
static MAKERS: LazyLock<Vec<Keypair>> = LazyLock::new(|| {
    let keys = (1..=8_u8).filter_map(|n| SecretKey::from_slice(&[n; 32]).ok());
    keys.map(|key| key.keypair(&SECP)).collect()
});

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Small, middling or anything.
    fn number(&mut self) -> Option<u64> {
        let kind = self.take()?;
        let value = u64::from(self.take()?);
        Some(match kind % 4 {
            0 => value,
            1 => value * 5_000,
            2 => value << 40,
            _ => u64::MAX - value,
        })
    }

    fn rate(&mut self) -> Option<Option<Rate>> {
        if self.take()? % 4 == 0 {
            return Some(None);
        }
        let ppm = i32::from(self.take()?) * 9_000;
        Some(Some(Rate {
            base_sat: self.number()?,
            ppm: if self.take()? % 2 == 0 { ppm } else { -ppm },
            min_sat: self.number()?,
            max_sat: self.number()?,
        }))
    }
}

/// An offer, mined and signed, with the place of its maker.
fn made(from: &mut Bytes<'_>) -> Option<(Offer, Vec<u8>)> {
    let maker = MAKERS.get(usize::from(from.take()? % 8))?;
    let issued = NOW - 600 + u64::from(from.take()?) * 8;
    let mut offer = Offer {
        network: if from.take()? == 0 {
            Network::Bitcoin
        } else {
            Network::Regtest
        },
        maker: maker.public_key(),
        peer_id: "12D3KooWEfkGzZ2x4Ey7T5g2ptzgWkUNEcbmGZp6vzzNvDzcGCmS".to_owned(),
        addresses: Vec::new(),
        sequence: u64::from(from.take()?),
        issued,
        expires: issued.saturating_add(u64::from(from.take()?) * 120),
        out: from.rate()?,
        into: from.rate()?,
        refund_delta_min: u32::from(from.take()?),
        refund_delta_max: u32::from(from.take()?) * 8,
        features: u32::from(from.take()?),
        nonce: 0,
    };
    offer.mine(TRIES);
    let signed = offer.sign(|digest| {
        let message = Message::from_digest(digest);
        SECP.sign_schnorr_no_aux_rand(&message, maker).serialize()
    });
    Some((offer, signed.to_bytes()))
}

fn cheapest_first(book: &Book, direction: Direction, now: u64) {
    let ranked = book.rank(direction, FEW, now, 4);
    assert!(ranked.len() <= 4);
    assert!(ranked.is_sorted_by_key(|one| one.est_fee_sat));
    let fees = book
        .live(now)
        .filter_map(|one| one.offer.rate(direction)?.fee(FEW));
    // What eats the amount up, or pays it out again, is no offer for it.
    let mut fees: Vec<i64> = fees.filter(|fee| fee.unsigned_abs() < FEW).collect();
    fees.sort_unstable();
    let found: Vec<i64> = ranked.iter().map(|one| one.est_fee_sat).collect();
    assert_eq!(found, fees[..fees.len().min(4)]);
}

fuzz_target!(|data: &[u8]| {
    let mut book = Book::with_capacity(Network::Regtest, 7, ROOM);
    let mut newest: BTreeMap<PublicKey, u64> = BTreeMap::new();
    let mut now = NOW;
    let mut from = Bytes(data);
    for _ in 0..MOST {
        let Some((offer, bytes)) = made(&mut from) else {
            break;
        };
        let verdict = book.ingest(&bytes, now);
        if verdict == Verdict::Accept {
            assert!(offer.expires > now && offer.network == Network::Regtest);
            // Who was forgotten for want of room may begin anew.
            let before = newest.insert(offer.maker, offer.sequence);
            assert!(before.is_none_or(|before| before < offer.sequence) || newest.len() > ROOM);
            assert_eq!(book.get(&offer.maker, now), Some(&offer));
            assert!(matches!(book.ingest(&bytes, now), Verdict::Ignore(_)));
        }
        assert!(book.len() <= ROOM);
        now += u64::from(from.take().unwrap_or(0)) * 20;
    }
    cheapest_first(&book, Direction::Out, now);
    cheapest_first(&book, Direction::In, now);

    let mut again = Book::with_capacity(Network::Regtest, 7, ROOM);
    for one in book.remembered(now) {
        if let Remembered::Offer(bytes) = one {
            assert_eq!(again.ingest(bytes, now), Verdict::Accept);
        }
    }
    let listed = |book: &Book| {
        let live = book.live(now).map(|one| one.offer.clone());
        live.collect::<Vec<Offer>>()
    };
    assert_eq!(listed(&again), listed(&book));
    let page = book.page(None, 1 << 16, now);
    assert_eq!(page.offers.len(), listed(&book).len());
});
