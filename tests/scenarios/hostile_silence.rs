//! A taker stops speaking at some step, or uses what is not its own: the maker's money and room come back by themselves.

use cambista_harness::market::p2p_addresses;
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Change, Purse};
use cambista_protocol::message::RefusalCode;
use cambista_protocol::terms::PayerTerms;
use cambista_protocol::words::{Direction, SwapId};

use crate::adversary::payer::Victims;
use crate::adversary::{hash_of, key, random};

const AMOUNT: u64 = 100_000;
/// Blocks after the agreement in which a maker may fund.
const FUND_WINDOW: u32 = 6;

/// Silent after the quote, after the opening, after the prepay, and after the swap payment alone.
#[test]
fn a_taker_that_stops_before_all_is_paid_costs_a_maker_nothing() {
    let victims = Victims::start(1, &[]);
    let (maker, payer) = (&victims.makers[0], &victims.payer);
    let before = victims.purse();
    let address = &p2p_addresses(maker)[0];
    payer.quote(address, Direction::Out, AMOUNT).unwrap();
    let opened = victims.agree(AMOUNT);
    let prepaid = victims.agree(AMOUNT);
    payer.pay_invoice(&prepaid, prepaid.funder.prepay_invoice.as_ref().unwrap());
    let unprepaid = victims.agree(AMOUNT);
    payer.pay_invoice(&unprepaid, &unprepaid.funder.swap_invoice);
    victims.mine(FUND_WINDOW + 2);
    for swap in [&opened, &prepaid, &unprepaid] {
        victims.outcome(swap, "nothing_happened");
    }
    victims.assert_changed(&before, 0, 0);
    assert_eq!(maker.status()["open_swaps"], 0);
    assert!(victims.bitcoind.mempool().is_empty());
}

/// A hash belongs to one swap, in whatever role; with another maker it is another swap.
#[test]
fn the_same_hash_again_is_refused_by_who_knows_it_and_harmless_to_who_does_not() {
    let victims = Victims::start(2, &[]);
    let (payer, chain) = (&victims.payer, &victims.bitcoind);
    let before = victims.makers.iter().map(|maker| Purse::of(maker, chain));
    let before: Vec<Purse> = before.collect();
    let first = victims.agree(AMOUNT);
    let used = |answer: Result<(), (RefusalCode, String)>| {
        let (code, why) = answer.unwrap_err();
        assert_eq!(code, RefusalCode::Terms, "{why}");
        assert!(why.contains("used before"), "{why}");
    };
    used(
        payer
            .try_agree(&victims.makers[0], AMOUNT, first.preimage.clone())
            .map(drop),
    );

    // The maker's own hash, from its terms for an `in`.
    let address = &p2p_addresses(&victims.makers[0])[0];
    let opened = payer.open_in(&victims.makers[0], AMOUNT);
    let stolen = PayerTerms {
        claim_key: key().public_key(),
        internal_key: key().public_key(),
        confirmations: 1,
        ..opened.payer.clone()
    };
    payer.offer(&opened, |_| {}).expect("its own terms");
    let out = payer.quote(address, Direction::Out, AMOUNT).unwrap();
    used(
        payer
            .open(address, SwapId(random()), &out, Some(stolen))
            .map(drop),
    );
    payer.own.held(opened.payer.payment_hash);
    payer.own.fail(opened.payer.payment_hash);

    // Another maker cannot know. One R then pays both, each on its own contract.
    let second = victims.agree_on(&victims.makers[1], AMOUNT, first.preimage.clone());
    assert_eq!(first.terms.payment_hash, second.terms.payment_hash);
    for (swap, purse, maker) in [
        (&first, &before[0], &victims.makers[0]),
        (&second, &before[1], &victims.makers[1]),
    ] {
        payer.pay(swap);
        let funded = victims.wait_funded(swap);
        payer.tell_preimage(swap, swap.preimage32());
        payer.wait_key(swap);
        victims.mine(1);
        let change = Change {
            lightning: swap.paid(),
            chain: -(swap.amount() + funded.fee),
        };
        purse.assert_changed(maker, chain, change);
    }
}

/// Jamming: a taker opens `in` after `in`, is paid over Lightning, holds it and never funds. The maker stops at its limit; and
/// everything comes back.
#[test]
fn a_maker_jammed_by_swaps_that_are_never_funded_has_everything_back_in_the_end() {
    const LIMIT: &str = "3";
    let victims = Victims::start(1, &[]);
    let (maker, payer) = (&victims.makers[0], &victims.payer);
    maker.cli(&["maker", "set", "--max-open", LIMIT]);
    let before = victims.purse();
    let address = &p2p_addresses(maker)[0];
    let mut held: Vec<[u8; 32]> = Vec::new();
    let refused = loop {
        assert!(held.len() <= 3, "there is no end to it");
        let opened = match payer.try_open_in(address, AMOUNT) {
            Ok(opened) => opened,
            Err(refusal) => break refusal,
        };
        let hash = opened.payer.payment_hash;
        payer.offer(&opened, |_| {}).expect("its own terms");
        payer.own.held(hash);
        held.push(hash);
    };
    assert_eq!(refused.0, RefusalCode::Busy, "{}", refused.1);
    assert_eq!(held.len(), 3);
    // The maker stops hoping before T, and hands its keys over; the payments stay where they are until the adversary's own
    // Lightning node must let go of them, so as not to lose its channel.
    let deadline = payer.own.deadline();
    victims.mine_to_height(deadline + 1);
    victims.assert_changed(&before, 0, 0);
    wait_for("the maker to be free again", FOUND_AGAIN, || {
        let open = maker.status()["open_swaps"].clone();
        if open == 0 {
            Ok(())
        } else {
            Err(open.to_string())
        }
    });
    payer.quote(address, Direction::In, AMOUNT).unwrap();
    let swap = victims.agree(AMOUNT);
    payer.pay(&swap);
    victims.wait_funded(&swap);
    assert_eq!(swap.terms.payment_hash, hash_of(&swap.preimage));
}
