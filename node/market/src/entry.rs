//! What the book remembers of one maker.

use bitcoin::hashes::{Hash, HashEngine, sha256};
use cambista_protocol::market::offer::{MAX_LIFETIME, Offer};

use crate::bucket::{Bucket, Rules};

/// How often one maker may announce: every few changes at once, then once a minute.
pub(crate) const ANNOUNCEMENTS: Rules = Rules {
    burst: 10,
    per_minute: 1,
};

/// One maker: its newest offer while that stands, and its sequence for as long as an older offer could come back.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) sequence: u64,
    /// From this second on no offer made before this one can still stand.
    pub(crate) forget_at: u64,
    /// How old it is taken to be, for who has to give way in a full book (Unix seconds): from when it was made, but not from later
    /// than when it was heard. Else who dates ahead would stay longest.
    pub(crate) since: u64,
    /// Orders offers of equal price. The same for a maker as long as this book lives, and not to be foreseen.
    pub(crate) tie: u64,
    pub(crate) announcements: Bucket,
    pub(crate) standing: Option<Standing>,
}

/// An offer and the bytes it came in.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) offer: Offer,
    pub(crate) bytes: Box<[u8]>,
}

impl Entry {
    pub(crate) fn new(
        offer: Offer,
        bytes: &[u8],
        announcements: Bucket,
        salt: u64,
        now: u64,
    ) -> Self {
        Self {
            sequence: offer.sequence,
            forget_at: offer.issued.saturating_add(MAX_LIFETIME),
            since: offer.issued.min(now),
            tie: tie(salt, &offer),
            announcements,
            standing: Some(Standing {
                offer,
                bytes: bytes.into(),
            }),
        }
    }

    /// A maker of whom only the sequence is left.
    pub(crate) fn recalled(sequence: u64, forget_at: u64, now: u64) -> Self {
        Self {
            sequence,
            forget_at,
            since: forget_at.saturating_sub(MAX_LIFETIME).min(now),
            tie: 0,
            announcements: Bucket::full(ANNOUNCEMENTS, now),
            standing: None,
        }
    }

    /// The offer, if it stands at `now`.
    pub(crate) fn at(&self, now: u64) -> Option<&Standing> {
        self.standing
            .as_ref()
            .filter(|standing| now < standing.offer.expires)
    }
}

fn tie(salt: u64, offer: &Offer) -> u64 {
    let mut engine = sha256::Hash::engine();
    engine.input(&salt.to_be_bytes());
    engine.input(&offer.maker.serialize());
    let [a, b, c, d, e, f, g, h, ..] = sha256::Hash::from_engine(engine).to_byte_array();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
