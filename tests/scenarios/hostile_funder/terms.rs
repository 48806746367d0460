//! Its terms are not as quoted: the maker says what is wrong, and pays nothing.

use bitcoin::secp256k1::Secp256k1;
use cambista_protocol::message::RefusalCode;

use super::{AMOUNT, assert_over};
use crate::adversary::bill::{Bill, Written};
use crate::adversary::chain;
use crate::adversary::funder::Parts;
use crate::adversary::payer::Victims;
use crate::adversary::random;

/// What it does to its terms.
type Trick = fn(&mut Parts);

/// One opening after the other is spoilt, until the last one is taken at its word and goes its way.
#[test]
fn a_maker_pays_nothing_on_terms_that_are_not_as_quoted() {
    let victims = Victims::start(1, &[]);
    let (maker, payer) = (&victims.makers[0], &victims.payer);
    let before = victims.purse();
    let tricks: [(&str, Trick, &str); 24] = [
        (
            "an invoice on another hash",
            |parts| parts.swap.hash = random(),
            "on another payment hash",
        ),
        (
            "an invoice for a satoshi more",
            |parts| parts.swap.sat += 1,
            "another amount than quoted",
        ),
        (
            "an invoice for a satoshi less",
            |parts| parts.swap.sat -= 1,
            "another amount than quoted",
        ),
        (
            "an invoice that locks a block longer",
            |parts| parts.swap.delta += 1,
            "final CLTV delta",
        ),
        (
            "an invoice that locks a block shorter",
            |parts| parts.swap.delta -= 1,
            "final CLTV delta",
        ),
        (
            "an invoice that is over",
            |parts| parts.swap.written = Written::LongAgo,
            "the invoice has expired",
        ),
        (
            "an invoice that its payee did not sign",
            |parts| parts.swap.written = Written::Unsigned,
            "not a valid BOLT11 invoice",
        ),
        (
            "an invoice of another network",
            |parts| parts.swap.written = Written::ForMainnet,
            "for another network",
        ),
        (
            "a prepay",
            |parts| {
                parts.prepay = Some(Bill {
                    hash: random(),
                    sat: 600,
                    ..parts.swap.clone()
                });
            },
            "the terms' prepay is not the quoted one",
        ),
        (
            "a prepay on the swap's own hash",
            |parts| parts.prepay = Some(parts.swap.clone()),
            "the terms' prepay is not the quoted one",
        ),
        (
            "a refund height too near",
            |parts| parts.refund_height -= 3,
            "the refund height",
        ),
        (
            "a refund height too far",
            |parts| parts.refund_height += 7,
            "the refund height",
        ),
        (
            "a refund height that is over",
            |parts| parts.refund_height = 1,
            "the refund height",
        ),
        (
            "a refund height that is a time",
            |parts| parts.refund_height = 500_000_000,
            "the refund height",
        ),
        (
            "no refund height that could be",
            |parts| parts.refund_height = u32::MAX,
            "the refund height",
        ),
        (
            "one key twice",
            |parts| parts.internal_key = parts.refund_key,
            "four keys are not all different",
        ),
        (
            "the negation of a key",
            |parts| parts.internal_key = parts.refund_key.negate(&Secp256k1::new()),
            "four keys are not all different",
        ),
        (
            "the maker's claim key to take back with",
            |parts| parts.refund_key = parts.payer.claim_key,
            "four keys are not all different",
        ),
        (
            "the maker's internal key to take back with",
            |parts| parts.refund_key = parts.payer.internal_key,
            "four keys are not all different",
        ),
        (
            "the maker's claim key as the internal one",
            |parts| parts.internal_key = parts.payer.claim_key,
            "four keys are not all different",
        ),
        (
            "the maker's internal key as the internal one",
            |parts| parts.internal_key = parts.payer.internal_key,
            "four keys are not all different",
        ),
        (
            "the negation of the maker's internal key",
            |parts| {
                parts.internal_key = parts.payer.internal_key.negate(&Secp256k1::new());
            },
            "four keys are not all different",
        ),
        (
            "both keys of the maker",
            |parts| {
                parts.refund_key = parts.payer.claim_key;
                parts.internal_key = parts.payer.internal_key;
            },
            "four keys are not all different",
        ),
        (
            "both keys of the maker, turned round",
            |parts| {
                parts.refund_key = parts.payer.internal_key;
                parts.internal_key = parts.payer.claim_key;
            },
            "four keys are not all different",
        ),
    ];
    // So few with one opening that no machine is slow enough for its time to be over meanwhile.
    let mut last = None;
    for group in tricks.chunks(6) {
        let opened = payer.open_in(maker, AMOUNT);
        for (what, trick, says) in group {
            let Err((code, why)) = payer.offer(&opened, trick) else {
                panic!("{what}: accepted");
            };
            assert_eq!(code, RefusalCode::Terms, "{what}: {why}");
            assert!(why.contains(says), "{what}: {why}");
        }
        last = Some(opened);
    }
    assert_eq!(maker.status()["open_swaps"], 0);
    assert!(payer.own.lightning().held_htlcs().is_empty());
    assert_over(&victims, &before, 0, 0);

    // The last opening with terms as they should be: paid, funded, claimed.
    let opened = last.expect("an opening");
    let sold = payer.offer(&opened, |_| {}).expect("honest terms");
    payer.own.held(sold.hash());
    let funding = sold.fund(&victims.bitcoind, &[AMOUNT]);
    victims.mine(sold.quote.confirmations);
    let preimage = payer.wait_preimage(&sold);
    payer.own.claim(preimage);
    let (outpoint, _) = chain::output(&funding, 0);
    let claim = super::funding::claimed(&victims, outpoint);
    victims.mine(super::funding::BURIED);
    sold.outcome(maker, "done");
    let received = i64::try_from(claim.only_output()).unwrap();
    assert_over(&victims, &before, -sold.paid(), received);
}

/// Whose node is to be paid the quote does not say. One that nobody knows is not paid, and the maker gives the swap up before a
/// funding could be worth anything.
#[test]
fn an_invoice_nobody_can_pay_ends_the_swap_before_it_is_funded() {
    let victims = Victims::start(1, &[]);
    let (maker, payer) = (&victims.makers[0], &victims.payer);
    let before = victims.purse();
    let opened = payer.open_in(maker, AMOUNT);
    let stranger: Trick = |parts| parts.swap.written = Written::ByAStranger;
    let sold = payer.offer(&opened, stranger).expect("a node nobody knows");
    let secret = payer.wait_payers_key(&sold);
    // Funded all the same, and taken back with the key that was handed over.
    let funding = sold.fund(&victims.bitcoind, &[AMOUNT]);
    payer.tell_funding(&sold, &funding);
    victims.mine(sold.quote.confirmations + 1);
    assert_eq!(payer.knows_preimage(sold.id), None);
    let back = chain::spend(
        &victims.bitcoind,
        &sold.contract,
        chain::output(&funding, 0),
        sold.by_key(&secret),
        2,
    );
    chain::send(&victims.bitcoind, &back);
    victims.mine(super::funding::BURIED);
    assert_eq!(payer.knows_preimage(sold.id), None);
    assert_over(&victims, &before, 0, 0);
}
