//! What can go wrong, on the funder's side.

use cambista_protocol::swap::{
    Effect, Event, Htlc, Leg, Outcome, Say, SpendHow, SpendKind, Swap, Wish,
};
use cambista_protocol::words::{Role, Secret32};

use crate::common::*;

#[test]
fn a_payer_that_vanishes_is_refunded_from_at_t_and_loses_its_prepay() {
    let mut funder = Driven::confirmed_funder(true);
    funder.to(T - 1);
    assert!(funder.spend_wish().is_none());
    funder.to(T);
    assert_eq!(funder.spend_how(), Some(SpendHow::Refund));
    funder.spent(SpendKind::Refund, Some(T + 1));
    assert!(funder.to(T + 5).is_empty(), "five deep is not buried");
    assert_eq!(
        funder.to(T + 6),
        [Effect::FailBack(Leg::Swap), Effect::Claim(Leg::Prepay)]
    );
    assert_eq!(funder.swap.outcome(), None, "the prepay is being claimed");
    funder.event(Event::Claimed { leg: Leg::Prepay });
    assert_eq!(funder.swap.outcome(), Some(Outcome::PrepayKept));
}

#[test]
fn a_funding_confirmed_too_late_to_reveal_for_returns_the_prepay() {
    let mut funder = Driven::published(true);
    funder.to(T - 42);
    funder.funded();
    funder.to(T);
    funder.spent(SpendKind::Refund, Some(T + 1));
    assert_eq!(
        funder.to(T + 6),
        [Effect::FailBack(Leg::Swap), Effect::FailBack(Leg::Prepay)]
    );
    assert_eq!(funder.swap.outcome(), Some(Outcome::TakenBack));
}

#[test]
fn a_payer_that_gives_up_lets_the_coins_go_home_at_once_and_the_payment_after_six_blocks() {
    let mut funder = Driven::confirmed_funder(false);
    assert!(
        funder
            .event(Event::PeerKey {
                secret: Secret32(key(2).secret_bytes())
            })
            .is_empty()
    );
    assert_eq!(funder.spend_how(), Some(SpendHow::KeyPath));
    funder.spent(SpendKind::KeyPath, Some(H0 + 2));
    assert!(!funder.to(H0 + 6).contains(&Effect::FailBack(Leg::Swap)));
    assert_eq!(funder.to(H0 + 7), [Effect::FailBack(Leg::Swap)]);
    assert_eq!(funder.swap.outcome(), Some(Outcome::TakenBack));
}

#[test]
fn a_reorganisation_of_the_refund_holds_the_payment() {
    let mut funder = Driven::confirmed_funder(false);
    funder.to(T);
    funder.spent(SpendKind::Refund, Some(T + 1));
    funder.to(T + 5);
    funder.height = T;
    funder.event(Event::Reorg { fork: T });
    assert!(
        funder.to(T + 10).is_empty(),
        "unburied, the payment stays held"
    );
    assert_eq!(funder.spend_how(), Some(SpendHow::Refund));
}

#[test]
fn a_key_that_is_not_the_payers_takes_nothing_back() {
    let mut funder = Driven::confirmed_funder(false);
    funder.event(Event::PeerKey {
        secret: Secret32(key(1).secret_bytes()),
    });
    assert!(funder.spend_wish().is_none());
}

#[test]
fn r_on_the_chain_or_in_the_mempool_claims_the_payment() {
    for confirmed in [None, Some(H0 + 3)] {
        let mut funder = Driven::confirmed_funder(false);
        assert_eq!(
            funder.spent(SpendKind::Claim, confirmed),
            [Effect::Claim(Leg::Swap)]
        );
    }
}

#[test]
fn r_of_another_hash_or_before_the_funding_is_not_taken() {
    let mut funder = Driven::confirmed_funder(false);
    assert!(
        funder
            .event(Event::PeerPreimage {
                preimage: Secret32([9; 32])
            })
            .is_empty()
    );
    let mut early = Driven::new(Role::Funder, false);
    early.held(Leg::Swap);
    assert!(
        early
            .event(Event::PeerPreimage {
                preimage: Secret32(R)
            })
            .is_empty()
    );
}

#[test]
fn with_r_known_the_coins_are_not_taken_back_even_at_t() {
    let mut funder = Driven::confirmed_funder(false);
    funder.event(Event::PeerPreimage {
        preimage: Secret32(R),
    });
    funder.to(T + 1);
    assert!(funder.spend_wish().is_none());
    assert!(!funder.to(T + 30).contains(&Effect::FailBack(Leg::Swap)));
}

#[test]
fn a_funder_that_is_paid_does_not_wait_for_ever_for_a_payer_that_never_claims() {
    let mut funder = Driven::confirmed_funder(false);
    funder.event(Event::PeerPreimage {
        preimage: Secret32(R),
    });
    funder.event(Event::Claimed { leg: Leg::Swap });
    funder.to(T + 24);
    assert_eq!(funder.swap.outcome(), None);
    funder.to(T + 25);
    assert_eq!(funder.swap.outcome(), Some(Outcome::Done));
    assert!(funder.spend_wish().is_none(), "the output is the payer's");
}

#[test]
fn a_payment_lightning_gave_up_leaves_the_refund_open() {
    let mut funder = Driven::confirmed_funder(false);
    funder.let_go(Leg::Swap);
    assert_eq!(funder.spend_how(), Some(SpendHow::Refund));
}

/// Whoever knows H can send a payment on it that runs out soon, and Lightning says of that one what it would say of the other.
#[test]
fn a_payment_is_not_taken_for_let_go_before_its_deadline() {
    for leg in [Leg::Swap, Leg::Prepay] {
        let mut funder = Driven::confirmed_funder(true);
        funder.to(T);
        assert_eq!(funder.event(Event::Dropped { leg }), []);
        let claims = funder.event(Event::PeerPreimage {
            preimage: Secret32(R),
        });
        assert!(claims.contains(&Effect::Claim(leg)), "{leg:?}: {claims:?}");
        funder.event(Event::Dropped { leg });
        let claims = |driven: &Driven| match &driven.swap {
            Swap::Funder(funder) => matches!(funder.htlc(leg), Htlc::Claiming(_)),
            Swap::Payer(_) => false,
        };
        assert!(claims(&funder), "{leg:?}: its claim goes on");
    }
}

/// A reorganisation between the deadline and Lightning's word would leave the swap open for ever.
#[test]
fn a_payment_held_past_its_buried_deadline_is_gone_whatever_was_heard() {
    let mut funder = Driven::confirmed_funder(false);
    funder.to(T);
    funder.spent(SpendKind::Refund, None);
    funder.to(funder.claim_deadline() + 5);
    let held = |driven: &Driven| match &driven.swap {
        Swap::Funder(funder) => matches!(funder.htlc(Leg::Swap), Htlc::Held(_)),
        Swap::Payer(_) => false,
    };
    assert!(held(&funder));
    funder.to(funder.claim_deadline() + 6);
    assert!(!held(&funder));
}

#[test]
fn a_second_set_on_a_held_hash_is_left_alone() {
    let mut funder = Driven::confirmed_funder(false);
    let second = funder.held_with(Leg::Swap, |htlc| htlc.payment_id = Secret32([9; 32]));
    assert!(second.is_empty(), "failing it would fail the first as well");
}

#[test]
fn a_stuck_funding_is_replaced_before_it_is_too_late_and_the_payment_then_goes_back() {
    let mut funder = Driven::published(true);
    let from = T - 42 - 2 - 6;
    funder.to(from - 1);
    assert_eq!(funder.wishes(), [Wish::KeepFunding]);
    funder.to(from);
    assert_eq!(funder.wishes(), [Wish::ReplaceFunding]);
    funder.event(Event::FundingConflict {
        txid: txid(8),
        confirmed: from + 1,
    });
    assert!(!funder.to(from + 5).contains(&Effect::FailBack(Leg::Swap)));
    let effects = funder.to(from + 6);
    assert_eq!(
        effects,
        [Effect::FailBack(Leg::Swap), Effect::FailBack(Leg::Prepay)]
    );
    assert_eq!(funder.swap.outcome(), Some(Outcome::TakenBack));
}

#[test]
fn a_funding_still_unconfirmed_at_t_is_refunded_unconfirmed() {
    let mut funder = Driven::published(false);
    funder.seen(1, AMOUNT, None);
    funder.to(T);
    assert_eq!(funder.spend_how(), Some(SpendHow::Refund));
}

/// It cannot confirm any more, and is there again as soon as a reorganisation lets it.
#[test]
fn a_funding_whose_input_went_elsewhere_is_not_spent_any_more() {
    let mut funder = Driven::published(false);
    funder.seen(1, AMOUNT, None);
    funder.to(T);
    funder.event(Event::FundingConflict {
        txid: txid(8),
        confirmed: T,
    });
    assert_eq!(funder.spend_how(), None);
    funder.event(Event::Reorg { fork: T - 1 });
    assert_eq!(funder.spend_how(), Some(SpendHow::Refund));
    funder.event(Event::FundingConflict {
        txid: txid(8),
        confirmed: T,
    });
    funder.to(T + 5);
    assert_eq!(funder.wishes(), []);
}

#[test]
fn every_output_ever_paid_must_be_back_before_the_payment_goes() {
    let mut funder = Driven::confirmed_funder(false);
    funder.seen(2, bitcoin::Amount::from_sat(70_000), Some(H0 + 1));
    funder.to(T);
    funder.spent(SpendKind::Refund, Some(T + 1));
    assert!(
        funder.to(T + 20).is_empty(),
        "the second output is still out"
    );
}

#[test]
fn a_payer_that_gives_up_before_the_funding_ends_the_swap_unfunded() {
    let mut funder = Driven::new(Role::Funder, true);
    funder.held(Leg::Prepay);
    let effects = funder.event(Event::PeerKey {
        secret: Secret32(key(2).secret_bytes()),
    });
    assert_eq!(
        effects,
        [Effect::FailBack(Leg::Prepay), Effect::Say(Say::Withdraw)]
    );
    assert_eq!(funder.swap.outcome(), Some(Outcome::NothingHappened));
}

#[test]
fn the_prepay_is_claimed_before_its_own_deadline_if_the_payer_had_its_chance() {
    let mut funder = Driven::confirmed_funder(true);
    let deadline = deal(true).locks.needed_claim_deadline(T);
    assert!(
        !funder
            .to(deadline - 13)
            .contains(&Effect::Claim(Leg::Prepay))
    );
    assert!(
        funder
            .to(deadline - 12)
            .contains(&Effect::Claim(Leg::Prepay))
    );
}

#[test]
fn a_claim_by_the_payer_with_the_payment_gone_is_called_what_it_is() {
    let mut funder = Driven::confirmed_funder(false);
    funder.let_go(Leg::Swap);
    let height = funder.height + 1;
    funder.to(height);
    funder.spent(SpendKind::Claim, Some(height));
    funder.to(height + 5);
    assert_eq!(funder.swap.outcome(), Some(Outcome::Lost));
}
