//! A maker answers with other terms than it quoted, or with a quote that is none: the taker says what is wrong, and nothing is
//! locked.

use bitcoin::secp256k1::{PublicKey, Secp256k1};
use cambista_harness::Purse;
use cambista_protocol::cbor;
use cambista_protocol::market::quote::Quote;
use cambista_protocol::message::{Acceptance, SwapReply};
use cambista_protocol::words::{Direction, SwapId};

use super::{FUND_WINDOW, InPrey, assert_over, take, try_take};
use crate::adversary::in_maker::{Tricks, Word};
use crate::adversary::key;
use crate::adversary::payer::Bought;
use crate::adversary::prey::Prey;

/// What it does to its terms, knowing the swaps it agreed to before.
type Trick = fn(Acceptance, &[Bought]) -> Word;
/// What it does to its quotes.
type QuoteTrick = fn(&mut Quote);

#[test]
fn an_in_with_other_terms_than_quoted_is_refused_and_nothing_is_locked() {
    let prey = Prey::start_in();
    let before = Purse::of(&prey.taker, &prey.bitcoind);
    let known = take(&prey);
    let terms: [(&str, Trick, &str); 15] = [
        (
            "more confirmations than quoted",
            |mut said, _| {
                said.payer.confirmations += 1;
                Word::Accepts(said)
            },
            "2 confirmations cannot be waited for",
        ),
        (
            "no confirmation",
            |mut said, _| {
                said.payer.confirmations = 0;
                Word::Accepts(said)
            },
            "0 confirmations cannot be waited for",
        ),
        (
            "one key twice",
            |mut said, _| {
                said.payer.internal_key = said.payer.claim_key;
                Word::Accepts(said)
            },
            "four keys are not all different",
        ),
        (
            "the negation of a key",
            |mut said, _| {
                said.payer.internal_key = said.payer.claim_key.negate(&Secp256k1::new());
                Word::Accepts(said)
            },
            "four keys are not all different",
        ),
        (
            "a key off the curve",
            |said, _| with_key(&said, &[&[2][..], &[0; 32]].concat()),
            "signed nonsense",
        ),
        (
            "a key that is not compressed",
            |said, _| with_key(&said, &said.payer.claim_key.serialize_uncompressed()),
            "signed nonsense",
        ),
        (
            "a key of 32 bytes",
            |said, _| with_key(&said, &said.payer.claim_key.serialize()[1..]),
            "signed nonsense",
        ),
        (
            "a hash of 31 bytes",
            |said, _| {
                let hash = said.payer.payment_hash;
                with_bytes(&said, &hash, &hash[1..])
            },
            "signed nonsense",
        ),
        (
            "the hash of a swap that is open",
            |mut said, swaps| {
                said.payer.payment_hash = swaps[0].terms.payment_hash;
                Word::Accepts(said)
            },
            "a payment hash a second time",
        ),
        (
            "another swap",
            |mut said, _| {
                said.swap_id = SwapId([7; 32]);
                Word::Accepts(said)
            },
            "answered for another swap",
        ),
        (
            "another quote",
            |mut said, _| {
                said.quote_id = [7; 32];
                Word::Accepts(said)
            },
            "answered for another swap",
        ),
        (
            "nobody's signature",
            |said, _| Word::Forged(said),
            "did not sign its terms",
        ),
        (
            "half an acceptance",
            |said, _| {
                let bytes = cbor::to_vec(&said);
                Word::Bytes(bytes[..bytes.len() / 2].to_vec())
            },
            "signed nonsense",
        ),
        (
            "no terms",
            |_, _| Word::Says(SwapReply::Ack),
            "accepted without terms",
        ),
        ("no answer", |_, _| Word::Silence, "did not answer"),
    ];
    for (what, opened, says) in terms {
        let tricks = Tricks {
            opened,
            ..Tricks::NONE
        };
        refused(&prey, what, tricks, says);
    }
    let quotes: [(&str, QuoteTrick, &str); 11] = [
        ("a prepay", |quote| quote.prepay_sat = 600, "do not add up"),
        (
            "a fee above the amount",
            |quote| quote.maker_fee_sat = 100_001,
            "do not add up",
        ),
        (
            "a payment too small to hold",
            |quote| quote.maker_fee_sat = 95_000,
            "too small to be held safely",
        ),
        (
            "no confirmation",
            |quote| quote.confirmations = 0,
            "at least one confirmation",
        ),
        (
            "thirteen confirmations",
            |quote| quote.confirmations = 13,
            "13 confirmations cannot be waited for",
        ),
        (
            "a lock that leaves no time",
            |quote| quote.refund_delta = 72,
            "leaves no time",
        ),
        (
            "a lock of five weeks",
            |quote| quote.refund_delta = 5_000,
            "locks the Lightning payment longer",
        ),
        (
            "another amount",
            |quote| quote.amount_sat -= 1,
            "not for what was asked",
        ),
        (
            "another direction",
            |quote| quote.direction = Direction::Out,
            "not for what was asked",
        ),
        (
            "a funding from outside",
            |quote| {
                quote.external = true;
                quote.refund_delta = 144;
            },
            "not for what was asked",
        ),
        (
            "another maker's name",
            |quote| quote.maker = key().public_key(),
            "the signature is not the maker's",
        ),
    ];
    for (what, quote, says) in quotes {
        let tricks = Tricks {
            quote,
            ..Tricks::NONE
        };
        refused(&prey, what, tricks, says);
    }
    // A hash is known for good, whatever became of its swap.
    prey.mine(FUND_WINDOW + 2);
    known.outcome(&prey.taker, "nothing_happened");
    let again = Tricks {
        opened: |mut said, swaps| {
            said.payer.payment_hash = swaps[0].terms.payment_hash;
            Word::Accepts(said)
        },
        ..Tricks::NONE
    };
    refused(&prey, "a hash again", again, "a payment hash a second time");
    assert_eq!(prey.maker.agreed(), 1, "terms went to a liar");
    assert!(prey.bitcoind.mempool().is_empty());
    assert_over(&prey, &before, 0, 0);
}

/// The taker does not take it, and says why.
#[track_caller]
fn refused(prey: &InPrey, what: &str, tricks: Tricks, says: &str) {
    prey.maker.play(tricks);
    let why = try_take(prey).expect_err(what);
    assert!(why.contains(says), "{what}: {why}");
    assert!(
        why.contains("nothing began") || !says.contains("terms"),
        "{what}: {why}"
    );
}

/// The acceptance with these bytes for the key of the claim leaf.
fn with_key(said: &Acceptance, bytes: &[u8]) -> Word {
    assert!(bytes.len() != 33 || PublicKey::from_slice(bytes).is_err());
    with_bytes(said, &said.payer.claim_key.serialize(), bytes)
}

/// The acceptance with other bytes in the place of these.
fn with_bytes(said: &Acceptance, old: &[u8], new: &[u8]) -> Word {
    let string = |bytes: &[u8]| {
        let mut encoder = minicbor::Encoder::new(Vec::new());
        encoder.bytes(bytes).unwrap().writer().clone()
    };
    let (all, old) = (cbor::to_vec(said), string(old));
    let at = all.windows(old.len()).position(|part| part == old);
    let at = at.expect("the bytes in the acceptance");
    Word::Bytes([&all[..at], &string(new), &all[at + old.len()..]].concat())
}
