//! Fundings from outside, and cancelling.

use bitcoin::Amount;
use cambista_protocol::swap::{
    Abort, Decision, Effect, Event, Funding, Leg, Outcome, Say, SpendHow, SpendKind, Swap, Wish,
};
use cambista_protocol::words::{Role, Secret32};

use crate::common::*;

/// A funder whose user pays from outside, with the address shown.
fn external() -> Driven {
    let mut funder = Driven::external();
    funder.held(Leg::Swap);
    assert_eq!(funder.wishes(), [Wish::AwaitHold], "nothing is built here");
    assert!(funder.event(Event::HoldDurable).is_empty());
    let Swap::Funder(swap) = &funder.swap else {
        panic!("not a funder")
    };
    assert_eq!(swap.funding(), Funding::External);
    funder
}

#[test]
fn the_right_deposit_is_a_funding_like_any_other() {
    let mut funder = external();
    funder.to(H0 + 30);
    funder.funded();
    assert!(funder.wishes().is_empty());
    let effects = funder.event(Event::PeerPreimage {
        preimage: Secret32(R),
    });
    assert_eq!(effects, [Effect::Claim(Leg::Swap)]);
    assert_eq!(
        funder.event(Event::Claimed { leg: Leg::Swap }),
        [Effect::Say(Say::Key)]
    );
}

#[test]
fn no_address_is_shown_after_the_window_to_fund() {
    let mut funder = Driven::external();
    funder.held(Leg::Swap);
    let effects = funder.to(H0 + 37);
    assert_eq!(
        effects,
        [Effect::FailBack(Leg::Swap), Effect::Say(Say::Withdraw)]
    );
}

#[test]
fn a_wrong_deposit_asks_the_payer_to_give_up_and_goes_home() {
    for value in [AMOUNT - Amount::from_sat(1), AMOUNT + Amount::from_sat(1)] {
        let mut funder = external();
        let effects = funder.seen(1, value, Some(H0));
        assert_eq!(effects, [Effect::Say(Say::Withdraw)]);
        assert!(funder.spend_wish().is_none(), "the payer has not answered");
        funder.event(Event::PeerKey {
            secret: Secret32(key(2).secret_bytes()),
        });
        assert_eq!(funder.spend_how(), Some(SpendHow::KeyPath));
    }
}

#[test]
fn a_wrong_deposit_goes_home_at_t_when_the_payer_is_silent() {
    let mut funder = external();
    funder.seen(1, Amount::from_sat(100_000), None);
    funder.to(T);
    assert_eq!(
        funder.spend_how(),
        Some(SpendHow::Refund),
        "unconfirmed too"
    );
}

#[test]
fn the_payment_of_an_outside_funding_is_never_failed_early() {
    let mut funder = external();
    funder.funded();
    funder.to(T);
    funder.spent(SpendKind::Refund, Some(T + 1));
    assert!(
        funder.to(T + 60).is_empty(),
        "a second deposit could still come and be taken with R"
    );
    funder.let_go(Leg::Swap);
    assert_eq!(funder.swap.outcome(), Some(Outcome::TakenBack));
}

#[test]
fn a_second_deposit_of_the_right_value_is_spent_back_after_success() {
    let mut funder = external();
    funder.funded();
    funder.seen(2, AMOUNT, Some(H0 + 1));
    funder.event(Event::PeerPreimage {
        preimage: Secret32(R),
    });
    funder.event(Event::Claimed { leg: Leg::Swap });
    funder.spent(SpendKind::Claim, Some(H0 + 2));
    funder.event(Event::PeerKey {
        secret: Secret32(key(2).secret_bytes()),
    });
    assert_eq!(funder.spend_wish().unwrap().outpoint, outpoint(2));
}

#[test]
fn an_outside_funding_that_never_comes_ends_when_lightning_lets_the_payment_go() {
    let mut funder = external();
    funder.to(T + 100);
    assert_eq!(funder.swap.outcome(), None);
    funder.let_go(Leg::Swap);
    assert_eq!(funder.swap.outcome(), Some(Outcome::NothingHappened));
    // What arrives after that still goes home.
    let height = funder.height;
    funder.seen(1, AMOUNT, Some(height));
    assert_eq!(funder.spend_how(), Some(SpendHow::Refund));
}

/// Found by the model: one block was taken back, and the swap waited for its deposit for ever.
#[test]
fn a_deposit_a_reorganisation_took_for_good_does_not_keep_the_swap_open() {
    let mut funder = external();
    funder.to(T);
    funder.seen(1, AMOUNT, Some(T));
    funder.event(Event::Reorg { fork: T - 1 });
    funder.to(funder.claim_deadline() - 1);
    assert_eq!(funder.swap.outcome(), None, "it may come back");
    funder.let_go(Leg::Swap);
    assert_eq!(funder.swap.outcome(), Some(Outcome::NothingHappened));
    assert_eq!(
        funder.spend_how(),
        Some(SpendHow::Refund),
        "it still goes home"
    );
}

#[test]
fn a_payer_that_cancels_keeps_r_and_hands_its_key_over() {
    let mut payer = Driven::new(Role::Payer, false);
    let effects = payer.event(Event::Cancelled);
    assert!(effects.contains(&Effect::Say(Say::Key)));
    let Swap::Payer(swap) = &payer.swap else {
        panic!("not a payer")
    };
    assert_eq!(swap.decision(), Decision::Aborted(Abort::Cancelled));
    payer.to(H0 + 1);
    payer.funded();
    payer.to(H0 + 3);
    assert!(payer.wishes().is_empty());
}

#[test]
fn a_payer_cannot_cancel_once_r_is_out() {
    let mut payer = Driven::revealed();
    let before = payer.swap.clone();
    assert!(payer.event(Event::Cancelled).is_empty());
    assert_eq!(payer.swap, before);
}

#[test]
fn a_funder_that_cancels_before_publishing_ends_unfunded() {
    let mut funder = Driven::new(Role::Funder, false);
    funder.held(Leg::Swap);
    let effects = funder.event(Event::Cancelled);
    assert_eq!(
        effects,
        [Effect::FailBack(Leg::Swap), Effect::Say(Say::Withdraw)]
    );
    assert_eq!(funder.swap.outcome(), Some(Outcome::NothingHappened));
}

#[test]
fn a_funder_that_cancels_after_publishing_asks_the_payer_and_keeps_no_prepay() {
    let mut funder = Driven::confirmed_funder(true);
    assert_eq!(funder.event(Event::Cancelled), [Effect::Say(Say::Withdraw)]);
    assert!(funder.event(Event::Cancelled).is_empty(), "asked once");
    funder.event(Event::PeerKey {
        secret: Secret32(key(2).secret_bytes()),
    });
    funder.spent(SpendKind::KeyPath, Some(H0 + 2));
    let effects = funder.to(H0 + 7);
    assert_eq!(
        effects,
        [Effect::FailBack(Leg::Swap), Effect::FailBack(Leg::Prepay)]
    );
}
