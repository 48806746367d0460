//! The funder when all goes well, and the guards on the funding.

use cambista_protocol::swap::{
    Effect, Event, Funding, Leg, Outcome, Say, SpendHow, SpendKind, Swap, Wish,
};
use cambista_protocol::words::{Role, Secret32};

use crate::common::*;

fn funding(driven: &Driven) -> Funding {
    match &driven.swap {
        Swap::Funder(funder) => funder.funding(),
        Swap::Payer(_) => panic!("not a funder"),
    }
}

#[test]
fn a_funder_holds_funds_claims_and_hands_its_key_over() {
    let mut funder = Driven::new(Role::Funder, true);
    funder.held(Leg::Swap);
    assert!(funder.wishes().is_empty(), "the prepay is not held yet");
    funder.held(Leg::Prepay);
    assert_eq!(funder.wishes(), [Wish::BuildFunding]);
    assert!(
        funder
            .event(Event::FundingBuilt {
                txid: txid(1),
                first_input: outpoint(77)
            })
            .is_empty()
    );
    assert_eq!(funder.wishes(), [Wish::AwaitHold]);
    let effects = funder.event(Event::HoldDurable);
    assert_eq!(effects, [Effect::PublishFunding, Effect::Say(Say::Funded)]);
    assert_eq!(funder.wishes(), [Wish::KeepFunding]);
    funder.to(H0 + 1);
    funder.funded();
    assert!(funder.wishes().is_empty());
    let effects = funder.event(Event::PeerPreimage {
        preimage: Secret32(R),
    });
    assert_eq!(
        effects,
        [Effect::Claim(Leg::Swap), Effect::Claim(Leg::Prepay)]
    );
    assert!(
        !funder.swap.handed_over(),
        "not before the claim is durable"
    );
    assert_eq!(
        funder.event(Event::Claimed { leg: Leg::Swap }),
        [Effect::Say(Say::Key)]
    );
    funder.event(Event::Claimed { leg: Leg::Prepay });
    funder.spent(SpendKind::KeyPath, Some(H0 + 2));
    assert_eq!(funder.swap.outcome(), None);
    funder.to(H0 + 7);
    assert_eq!(funder.swap.outcome(), Some(Outcome::Done));
}

#[test]
fn nothing_is_published_before_the_hold_is_durable() {
    let mut funder = Driven::new(Role::Funder, false);
    assert!(funder.event(Event::HoldDurable).is_empty());
    funder.held(Leg::Swap);
    assert!(funder.event(Event::HoldDurable).is_empty());
    assert_eq!(funding(&funder), Funding::None);
    let built = funder.event(Event::FundingBuilt {
        txid: txid(1),
        first_input: outpoint(77),
    });
    assert!(built.is_empty(), "no byte leaves before it is: {built:?}");
    assert_eq!(funder.wishes(), [Wish::AwaitHold]);
}

#[test]
fn a_payment_that_is_gone_when_the_hold_is_durable_is_not_funded_for() {
    for leg in [Leg::Swap, Leg::Prepay] {
        let mut funder = Driven::new(Role::Funder, true);
        funder.held(Leg::Swap);
        funder.held(Leg::Prepay);
        funder.event(Event::FundingBuilt {
            txid: txid(1),
            first_input: outpoint(77),
        });
        let mut effects = funder.event(Event::Dropped { leg });
        // Of one in parts some may be left.
        assert!(effects.contains(&Effect::FailBack(leg)), "{leg:?}");
        effects.extend(funder.event(Event::HoldDurable));
        assert!(effects.contains(&Effect::ReleaseFunding), "{leg:?}");
        assert!(!effects.contains(&Effect::PublishFunding), "{leg:?}");
        assert_eq!(funding(&funder), Funding::Abandoned);
    }
}

#[test]
fn a_payment_that_is_not_as_agreed_goes_back_unfunded() {
    let needed = deal(false).locks.needed_claim_deadline(T);
    let bad: [&dyn Fn(&mut cambista_protocol::swap::HeldHtlc); 3] = [
        &|htlc| htlc.claim_deadline = needed - 1,
        &|htlc| htlc.amount.0 -= 1,
        &|htlc| htlc.sound = false,
    ];
    for change in bad {
        let mut funder = Driven::new(Role::Funder, false);
        let effects = funder.held_with(Leg::Swap, change);
        assert_eq!(
            effects,
            [Effect::FailBack(Leg::Swap), Effect::Say(Say::Withdraw)]
        );
        assert_eq!(funder.swap.outcome(), Some(Outcome::NothingHappened));
        assert!(funder.wishes().is_empty());
    }
}

#[test]
fn the_funding_window_ends_six_blocks_after_the_agreement() {
    let mut funder = Driven::new(Role::Funder, false);
    funder.held(Leg::Swap);
    assert!(funder.to(H0 + 6).is_empty());
    assert_eq!(
        funder.to(H0 + 7),
        [Effect::FailBack(Leg::Swap), Effect::Say(Say::Withdraw)]
    );
    assert_eq!(funder.swap.outcome(), Some(Outcome::NothingHappened));
}

#[test]
fn a_payment_that_arrives_after_the_end_goes_back() {
    let mut funder = Driven::new(Role::Funder, false);
    funder.to(H0 + 7);
    assert_eq!(funder.held(Leg::Swap), [Effect::FailBack(Leg::Swap)]);
}

#[test]
fn a_funding_built_but_too_late_to_publish_is_released() {
    let mut funder = Driven::new(Role::Funder, false);
    funder.held(Leg::Swap);
    funder.event(Event::FundingBuilt {
        txid: txid(1),
        first_input: outpoint(77),
    });
    let effects = funder.to(H0 + 7);
    assert!(effects.contains(&Effect::ReleaseFunding));
    assert!(effects.contains(&Effect::FailBack(Leg::Swap)));
    assert!(!effects.contains(&Effect::PublishFunding));
}

/// As an old copy of what was written would have it: there the intent to publish is missing, and the chain has the funding.
#[test]
fn a_funding_that_was_built_and_is_seen_is_published() {
    let built = || {
        let mut funder = Driven::new(Role::Funder, false);
        funder.held(Leg::Swap);
        funder.event(Event::FundingBuilt {
            txid: txid(1),
            first_input: outpoint(77),
        });
        funder
    };
    let mut funder = built();
    funder.to(H0 + 1);
    funder.funded();
    assert_eq!(funding(&funder), Funding::Published(outpoint(77)));
    assert!(funder.event(Event::HoldDurable).is_empty());
    assert!(funder.to(H0 + 7).is_empty(), "the payment went back");
    let effects = funder.event(Event::PeerPreimage {
        preimage: Secret32(R),
    });
    assert_eq!(effects, [Effect::Claim(Leg::Swap)]);

    // What somebody else pays to the script says nothing of it.
    let mut funder = built();
    funder.seen(2, deal(false).amount, Some(H0));
    assert_eq!(funding(&funder), Funding::Built(outpoint(77)));
    assert!(funder.to(H0 + 7).contains(&Effect::FailBack(Leg::Swap)));
}

#[test]
fn strays_go_home_once_the_payer_has_handed_its_key_over() {
    let mut funder = Driven::confirmed_funder(false);
    funder.seen(2, bitcoin::Amount::from_sat(70_000), Some(H0 + 1));
    funder.event(Event::PeerPreimage {
        preimage: Secret32(R),
    });
    funder.event(Event::Claimed { leg: Leg::Swap });
    funder.spent(SpendKind::Claim, Some(H0 + 2));
    funder.to(T + 1);
    assert!(
        funder.spend_wish().is_none(),
        "the refund leaf is dead once we are paid"
    );
    funder.event(Event::PeerKey {
        secret: Secret32(key(2).secret_bytes()),
    });
    let wish = funder.spend_wish().unwrap();
    assert_eq!((wish.outpoint, wish.how), (outpoint(2), SpendHow::KeyPath));
}
