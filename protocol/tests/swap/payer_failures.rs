//! What can go wrong, on the payer's side.

use cambista_protocol::money::Msat;
use cambista_protocol::swap::{Effect, Event, Leg, Outcome, Say, SpendHow, SpendKind, Wish};
use cambista_protocol::words::{Role, Secret32};

use crate::common::*;

#[test]
fn a_payment_that_finds_no_route_ends_the_swap_and_costs_nothing() {
    let mut payer = Driven::new(Role::Payer, true);
    let effects = payer.event(Event::PaymentFailed { leg: Leg::Swap });
    assert!(effects.contains(&Effect::Say(Say::Key)));
    assert!(effects.contains(&Effect::StopPaying(Leg::Prepay)));
    assert_eq!(payer.swap.outcome(), None, "the prepay is still out");
    payer.event(Event::PaymentFailed { leg: Leg::Prepay });
    assert_eq!(payer.swap.outcome(), Some(Outcome::NothingHappened));
}

#[test]
fn after_an_abort_nothing_makes_r_leave() {
    let mut payer = Driven::new(Role::Payer, false);
    payer.event(Event::PeerWithdrew);
    payer.to(H0 + 1);
    payer.funded();
    payer.to(H0 + 5);
    assert!(payer.wishes().is_empty());
    assert!(
        payer
            .event(Event::ClaimReady {
                outpoint: outpoint(1)
            })
            .is_empty()
    );
    payer.event(Event::PeerKey {
        secret: Secret32(key(4).secret_bytes()),
    });
    assert!(payer.wishes().is_empty());
}

#[test]
fn a_funding_that_never_comes_aborts_past_the_last_reveal_with_the_key_handed_over() {
    let mut payer = Driven::new(Role::Payer, false);
    assert!(!payer.to(T - 42).contains(&Effect::Say(Say::Key)));
    assert!(payer.to(T - 41).contains(&Effect::Say(Say::Key)));
    payer.event(Event::PaymentFailed { leg: Leg::Swap });
    assert_eq!(payer.swap.outcome(), Some(Outcome::NothingHappened));
}

#[test]
fn retries_of_the_payment_end_with_the_pay_window() {
    let mut payer = Driven::new(Role::Payer, false);
    assert!(payer.to(H0 + 4).is_empty());
    assert_eq!(payer.to(H0 + 5), [Effect::StopPaying(Leg::Swap)]);
}

#[test]
fn funded_too_late_aborts_by_handover_and_ends_when_the_payment_is_back() {
    let mut payer = Driven::new(Role::Payer, true);
    payer.to(T - 42);
    payer.funded();
    let effects = payer.to(T - 41);
    assert!(effects.contains(&Effect::Say(Say::Key)));
    payer.event(Event::PaymentFailed { leg: Leg::Swap });
    payer.event(Event::PaymentFailed { leg: Leg::Prepay });
    assert_eq!(payer.swap.outcome(), Some(Outcome::TakenBack));
}

#[test]
fn a_prepay_that_was_kept_is_told_apart() {
    let mut payer = Driven::new(Role::Payer, true);
    payer.to(T - 41);
    payer.event(Event::PaymentFailed { leg: Leg::Swap });
    payer.event(Event::PaymentSettled {
        leg: Leg::Prepay,
        fee: Msat(0),
    });
    assert_eq!(payer.swap.outcome(), Some(Outcome::PrepayKept));
}

#[test]
fn a_reorganisation_before_the_reveal_goes_back_to_confirming() {
    let mut payer = Driven::new(Role::Payer, false);
    payer.to(H0 + 1);
    payer.funded();
    payer.to(H0 + 2);
    payer.height = H0;
    payer.event(Event::Reorg { fork: H0 });
    assert!(payer.wishes().is_empty());
    payer.height = H0 + 1;
    payer.funded();
    payer.to(H0 + 2);
    assert_eq!(payer.wishes(), [Wish::PrepareClaim(outpoint(1))]);
}

#[test]
fn a_reorganisation_after_the_reveal_never_unreveals_and_rebroadcasts_the_funding() {
    let mut payer = Driven::revealed();
    payer.height = H0;
    payer.event(Event::Reorg { fork: H0 });
    payer.to(H0 + 1);
    assert!(payer.wishes().contains(&Wish::RebroadcastFunding));
    // The funding comes back under another id: what counts is script and value.
    let height = payer.height;
    payer.seen(5, AMOUNT, Some(height));
    payer.to(H0 + 3);
    assert_eq!(payer.spend_wish().unwrap().outpoint, outpoint(5));
}

#[test]
fn the_funding_withdrawn_for_good_aborts() {
    let mut payer = Driven::new(Role::Payer, false);
    payer.to(H0 + 2);
    payer.event(Event::FundingConflict {
        txid: txid(8),
        confirmed: H0 + 2,
    });
    assert!(payer.to(H0 + 6).contains(&Effect::StopPaying(Leg::Swap)));
    assert_eq!(payer.to(H0 + 7), [Effect::Say(Say::Key)]);
}

/// That it stood in the mempool once is no reason to wait for it until T.
#[test]
fn a_funding_that_was_seen_and_then_withdrawn_for_good_aborts() {
    let mut payer = Driven::new(Role::Payer, false);
    payer.to(H0 + 1);
    payer.seen(1, AMOUNT, None);
    payer.event(Event::FundingConflict {
        txid: txid(8),
        confirmed: H0 + 2,
    });
    assert!(!payer.to(H0 + 6).contains(&Effect::Say(Say::Key)));
    assert_eq!(payer.to(H0 + 7), [Effect::Say(Say::Key)]);
}

#[test]
fn the_payment_failed_back_before_the_reveal_aborts() {
    let mut payer = Driven::new(Role::Payer, false);
    payer.to(H0 + 1);
    payer.funded();
    payer.event(Event::PaymentFailed { leg: Leg::Swap });
    payer.to(H0 + 2);
    assert!(payer.wishes().is_empty());
}

#[test]
fn a_funder_gone_after_the_reveal_does_not_stop_the_claim_even_past_t() {
    let mut payer = Driven::revealed();
    payer.to(T + 20);
    assert_eq!(payer.spend_how(), Some(SpendHow::Claim));
    payer.spent(SpendKind::Claim, Some(T + 20));
    assert_eq!(payer.to(T + 25), [Effect::Say(Say::Key)]);
    payer.event(Event::PaymentFailed { leg: Leg::Swap });
    payer.event(Event::PaymentFailed { leg: Leg::Prepay });
    assert_eq!(payer.swap.outcome(), Some(Outcome::Done));
}

/// Its leaf waits a block, so no mempool takes it and no fee helps.
#[test]
fn a_funding_that_is_in_no_block_any_more_is_not_claimed_by_the_leaf() {
    let mut payer = Driven::revealed();
    payer.event(Event::Reorg { fork: H0 });
    for height in [T - 41, T - 20] {
        payer.to(height);
        assert_eq!(payer.wishes(), [Wish::RebroadcastFunding], "{height}");
    }
    payer.event(Event::PeerKey {
        secret: Secret32(key(4).secret_bytes()),
    });
    assert_eq!(payer.spend_how(), Some(SpendHow::KeyPath));
}

#[test]
fn a_payment_settled_before_the_reveal_lets_the_claim_go_out_at_once() {
    let mut payer = Driven::new(Role::Payer, false);
    payer.to(H0 + 1);
    payer.funded();
    payer.event(Event::PaymentSettled {
        leg: Leg::Swap,
        fee: Msat(0),
    });
    payer.to(H0 + 2);
    assert_eq!(payer.spend_how(), Some(SpendHow::Claim));
}

#[test]
fn a_failure_after_the_settlement_of_the_same_payment_means_nothing() {
    let mut payer = Driven::revealed();
    payer.event(Event::PaymentSettled {
        leg: Leg::Swap,
        fee: Msat(5),
    });
    let before = payer.swap.clone();
    payer.event(Event::PaymentFailed { leg: Leg::Swap });
    assert_eq!(payer.swap, before);
}

#[test]
fn a_revealed_swap_whose_funding_is_gone_for_good_ends() {
    for (payment, outcome) in [
        (Event::PaymentFailed { leg: Leg::Swap }, Outcome::TakenBack),
        (
            Event::PaymentSettled {
                leg: Leg::Swap,
                fee: Msat(0),
            },
            Outcome::Lost,
        ),
    ] {
        let mut payer = Driven::revealed();
        payer.height = H0;
        payer.event(Event::Reorg { fork: H0 });
        payer.to(H0 + 1);
        payer.event(Event::FundingConflict {
            txid: txid(8),
            confirmed: H0 + 1,
        });
        payer.event(payment);
        payer.event(Event::PaymentFailed { leg: Leg::Prepay });
        payer.to(H0 + 5);
        assert_eq!(payer.swap.outcome(), None);
        payer.to(H0 + 6);
        assert_eq!(payer.swap.outcome(), Some(outcome));
    }
}
