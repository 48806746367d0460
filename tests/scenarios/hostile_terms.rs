//! A maker answers with other terms than it quoted, or with a quote that is none: the taker says what is wrong, and nothing
//! is locked.

use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Change, Purse};
use cambista_protocol::market::quote::Quote;
use cambista_protocol::words::Direction;

use crate::adversary::bill::{Bill, Written};
use crate::adversary::maker::{Agreed, PREPAY, Parts, Prey, Tricks};
use crate::adversary::{hash_of, key, random};

const AMOUNT: &str = "100000";

/// What it does to its terms, knowing the swaps it agreed to before.
type Trick = fn(&mut Parts, &[Agreed]);
/// What it does to its quotes.
type QuoteTrick = fn(&mut Quote);

#[test]
fn terms_that_are_not_as_quoted_are_refused_and_nothing_is_locked() {
    let prey = Prey::start(&[]);
    let before = Purse::of(&prey.taker, &prey.bitcoind);
    let terms: [(&str, Trick, &str); 19] = [
        (
            "an invoice on another hash",
            |parts, _| parts.swap.hash = random(),
            "on another payment hash",
        ),
        (
            "an invoice for a satoshi more",
            |parts, _| parts.swap.sat += 1,
            "another amount than quoted",
        ),
        (
            "an invoice for a satoshi less",
            |parts, _| parts.swap.sat -= 1,
            "another amount than quoted",
        ),
        (
            "an invoice that locks a block longer",
            |parts, _| parts.swap.delta += 1,
            "final CLTV delta",
        ),
        (
            "an invoice that locks a block shorter",
            |parts, _| parts.swap.delta -= 1,
            "final CLTV delta",
        ),
        (
            "an invoice of another node",
            |parts, _| parts.swap.written = Written::ByAStranger,
            "pays another node",
        ),
        (
            "a prepay above the quote",
            |parts, _| prepay(parts).sat += 1,
            "the prepay invoice is not as agreed",
        ),
        (
            "a prepay that locks longer",
            |parts, _| prepay(parts).delta += 100,
            "the prepay invoice is not as agreed",
        ),
        (
            "a prepay to another node",
            |parts, _| prepay(parts).written = Written::ByAStranger,
            "the prepay invoice is not as agreed",
        ),
        (
            "a prepay on the swap's own hash",
            |parts, _| prepay(parts).hash = parts.payer.payment_hash,
            "the prepay uses the swap's payment hash",
        ),
        (
            "no prepay where one was quoted",
            |parts, _| parts.prepay = None,
            "the terms' prepay is not the quoted one",
        ),
        (
            "a refund height too near",
            |parts, _| parts.refund_height -= 3,
            "the refund height",
        ),
        (
            "a refund height too far",
            |parts, _| parts.refund_height += 7,
            "the refund height",
        ),
        (
            "a refund height that is a time",
            |parts, _| parts.refund_height = 500_000_000,
            "nothing began",
        ),
        (
            "one key twice",
            |parts, _| parts.internal_key = parts.refund_key,
            "four keys are not all different",
        ),
        (
            "the negation of a key",
            |parts, _| {
                parts.internal_key = parts
                    .refund_key
                    .negate(&bitcoin::secp256k1::Secp256k1::new());
            },
            "four keys are not all different",
        ),
        (
            "the payer's own key",
            |parts, _| parts.refund_key = parts.payer.claim_key,
            "four keys are not all different",
        ),
        (
            "other payer's terms",
            |parts, _| parts.payer.internal_key = key().public_key(),
            "changed our terms",
        ),
        (
            "somebody else's signature",
            |parts, _| parts.forged = true,
            "did not sign its terms",
        ),
    ];
    for (what, trick, says) in terms {
        let tricks = Tricks {
            terms: trick,
            ..Tricks::NONE
        };
        refused(&prey, what, tricks, says);
    }
    let quotes: [(&str, QuoteTrick, &str); 7] = [
        (
            "a prepay no transaction costs",
            |quote| quote.prepay_sat = 15_000,
            "in advance",
        ),
        (
            "a prepay above a fifth",
            |quote| quote.prepay_sat = 20_001,
            "do not add up",
        ),
        (
            "another amount",
            |quote| quote.amount_sat += 1,
            "not for what was asked",
        ),
        (
            "another direction",
            |quote| {
                quote.direction = Direction::In;
                quote.prepay_sat = 0;
                quote.confirmations = 1;
            },
            "not for what was asked",
        ),
        (
            "another maker's name",
            |quote| quote.maker = key().public_key(),
            "the signature is not the maker's",
        ),
        (
            "a quote that is over",
            |quote| quote.valid_until = 1,
            "expired",
        ),
        (
            "a lock of five weeks",
            |quote| quote.refund_delta = 5_000,
            "locks the Lightning payment longer",
        ),
    ];
    for (what, trick, says) in quotes {
        let tricks = Tricks {
            quote: trick,
            ..Tricks::NONE
        };
        refused(&prey, what, tricks, says);
    }
    assert_eq!(prey.taker.status()["open_swaps"], 0);
    assert!(prey.maker.own.lightning().held_htlcs().is_empty());
    before.assert_changed(&prey.taker, &prey.bitcoind, Change::default());
}

/// The hash of a prepay belongs to one swap for ever: whoever knows its preimage from one could take the other.
#[test]
fn a_hash_that_was_seen_before_is_refused() {
    let prey = Prey::start(&[]);
    let before = Purse::of(&prey.taker, &prey.bitcoind);
    prey.maker.play(Tricks::NONE);
    take(&prey).expect("an honest swap");
    let first = prey.maker.last();
    prey.maker.wait_held(&first);
    let again: [(&str, Trick); 2] = [
        ("the same prepay hash", |parts, agreed| {
            prepay(parts).hash = hash_of(agreed[0].prepay);
        }),
        ("a prepay on the first swap's hash", |parts, agreed| {
            prepay(parts).hash = agreed[0].payer.payment_hash;
        }),
    ];
    for (what, trick) in again {
        let tricks = Tricks {
            terms: trick,
            ..Tricks::NONE
        };
        refused(&prey, what, tricks, "a payment hash a second time");
    }
    assert_eq!(prey.taker.status()["open_swaps"], 1);
    prey.maker.settle(&first, true);
    let lost = Change {
        lightning: -i64::try_from(PREPAY).unwrap(),
        chain: 0,
    };
    before.assert_changed(&prey.taker, &prey.bitcoind, lost);
    wait_for("what became of the prepay", FOUND_AGAIN, || {
        let swaps = prey.taker.api_get("/swaps");
        let told = swaps["swaps"].to_string();
        match told.contains("who never funded the swap") {
            true => Ok(()),
            false => Err(told),
        }
    });
    // The hashes are known for good. Who broke its word is asked again only by name.
    for (what, trick) in again {
        let tricks = Tricks {
            terms: trick,
            ..Tricks::NONE
        };
        refused(&prey, what, tricks, "a payment hash a second time");
    }
    before.assert_changed(&prey.taker, &prey.bitcoind, lost);
}

fn prepay(parts: &mut Parts) -> &mut Bill {
    parts.prepay.as_mut().expect("a prepay")
}

fn take(prey: &Prey) -> Result<serde_json::Value, String> {
    let maker = prey.maker.own.lightning().node_id().to_string();
    let args = ["out", AMOUNT, "--maker", &maker, "--yes", "--detach"];
    let taken = prey.taker.try_cli(&args);
    taken.map_err(|error| error.output)
}

/// The taker does not take it, and says why.
#[track_caller]
fn refused(prey: &Prey, what: &str, tricks: Tricks, says: &str) {
    prey.maker.play(tricks);
    let why = take(prey).expect_err(what);
    assert!(why.contains(says), "{what}: {why}");
}
