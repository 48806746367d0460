//! The payer when all goes well, and the guards on the reveal.

use cambista_protocol::money::Msat;
use cambista_protocol::swap::{Effect, Event, Leg, Outcome, Say, SpendHow, SpendKind, Wish};
use cambista_protocol::words::{Role, Secret32};

use crate::common::*;

#[test]
fn a_payer_pays_reveals_sweeps_by_key_path_and_hands_its_key_over_last() {
    let mut payer = Driven::new(Role::Payer, true);
    assert_eq!(
        payer.effects,
        [Effect::Pay(Leg::Swap), Effect::Pay(Leg::Prepay)]
    );
    payer.to(H0 + 1);
    payer.funded();
    assert!(payer.wishes().is_empty(), "one of two confirmations");
    payer.to(H0 + 2);
    assert_eq!(payer.wishes(), [Wish::PrepareClaim(outpoint(1))]);
    let effects = payer.event(Event::ClaimReady {
        outpoint: outpoint(1),
    });
    assert_eq!(effects, [Effect::Say(Say::Preimage)]);
    assert!(payer.spend_wish().is_none(), "the key may still come");
    payer.event(Event::PeerKey {
        secret: Secret32(key(4).secret_bytes()),
    });
    assert_eq!(payer.spend_how(), Some(SpendHow::KeyPath));
    payer.event(Event::PaymentSettled {
        leg: Leg::Swap,
        fee: Msat(1000),
    });
    payer.event(Event::PaymentSettled {
        leg: Leg::Prepay,
        fee: Msat(0),
    });
    payer.spent(SpendKind::KeyPath, Some(H0 + 3));
    let effects = payer.to(H0 + 7);
    assert!(effects.is_empty() || !effects.contains(&Effect::Say(Say::Key)));
    assert_eq!(payer.to(H0 + 8), [Effect::Say(Say::Key)]);
    assert_eq!(payer.swap.outcome(), Some(Outcome::Done));
}

#[test]
fn without_a_key_within_one_block_the_claim_leaf_is_used() {
    let mut payer = Driven::revealed();
    assert_eq!(payer.spend_how(), None);
    payer.to(payer.height + 1);
    assert_eq!(payer.spend_how(), Some(SpendHow::Claim));
}

#[test]
fn a_key_that_is_not_the_agreed_one_is_not_taken() {
    let mut payer = Driven::revealed();
    payer.event(Event::PeerKey {
        secret: Secret32(key(3).secret_bytes()),
    });
    payer.event(Event::PeerKey {
        secret: Secret32([0; 32]),
    });
    payer.to(payer.height + 1);
    assert_eq!(payer.spend_how(), Some(SpendHow::Claim));
}

#[test]
fn r_is_never_revealed_with_a_confirmation_too_few() {
    let mut payer = Driven::new(Role::Payer, false);
    payer.to(H0 + 1);
    payer.funded();
    assert!(
        payer
            .event(Event::ClaimReady {
                outpoint: outpoint(1)
            })
            .is_empty()
    );
    assert!(payer.spend_wish().is_none());
}

#[test]
fn r_is_never_revealed_for_another_value() {
    for value in [
        AMOUNT - bitcoin::Amount::from_sat(1),
        AMOUNT + bitcoin::Amount::from_sat(1),
    ] {
        let mut payer = Driven::new(Role::Payer, false);
        payer.seen(1, value, Some(H0));
        payer.to(H0 + 10);
        assert!(payer.wishes().is_empty());
        assert!(
            payer
                .event(Event::ClaimReady {
                    outpoint: outpoint(1)
                })
                .is_empty()
        );
    }
}

#[test]
fn a_strangers_dust_at_the_script_changes_nothing() {
    let mut payer = Driven::new(Role::Payer, false);
    payer.seen(2, bitcoin::Amount::from_sat(330), Some(H0));
    payer.to(H0 + 1);
    payer.funded();
    payer.to(H0 + 2);
    assert_eq!(payer.wishes(), [Wish::PrepareClaim(outpoint(1))]);
}

#[test]
fn the_last_height_to_reveal_is_t_minus_42() {
    for (height, allowed) in [(T - 42, true), (T - 41, false)] {
        let mut payer = Driven::new(Role::Payer, false);
        payer.to(T - 60);
        payer.funded();
        payer.to(height);
        let effects = payer.event(Event::ClaimReady {
            outpoint: outpoint(1),
        });
        assert_eq!(
            effects.contains(&Effect::Say(Say::Preimage)),
            allowed,
            "at T - {}",
            T - height
        );
    }
}

#[test]
fn a_funding_that_is_being_spent_already_is_not_revealed_for() {
    let mut payer = Driven::new(Role::Payer, false);
    payer.to(H0 + 1);
    payer.funded();
    payer.to(H0 + 2);
    payer.spent(SpendKind::Refund, None);
    assert!(
        payer
            .event(Event::ClaimReady {
                outpoint: outpoint(1)
            })
            .is_empty()
    );
}

/// A node with an old copy of its state sees a claim it does not remember. Its key goes home once that is buried; then a
/// reorganisation deeper than that takes the claim away, and another version of the funding is in a block.
#[test]
fn r_never_leaves_once_the_key_is_given_away_even_without_a_reveal() {
    let mut payer = Driven::new(Role::Payer, false);
    payer.to(H0 + 1);
    payer.funded();
    payer.spent(SpendKind::Claim, Some(H0 + 1));
    assert!(payer.to(H0 + 6).contains(&Effect::Say(Say::Key)));
    payer.height = H0;
    payer.event(Event::Reorg { fork: H0 });
    payer.to(H0 + 1);
    payer.seen(2, AMOUNT, Some(H0 + 1));
    payer.to(H0 + 8);
    let outpoint = outpoint(2);
    assert_eq!(payer.event(Event::ClaimReady { outpoint }), []);
}

#[test]
fn near_t_the_claim_waits_for_no_key() {
    let mut payer = Driven::new(Role::Payer, false);
    payer.to(T - 60);
    payer.funded();
    payer.to(T - 59);
    payer.event(Event::ClaimReady {
        outpoint: outpoint(1),
    });
    assert_eq!(payer.spend_how(), Some(SpendHow::Claim));
}

#[test]
fn the_fee_cap_is_lifted_inside_the_reveal_margin_only() {
    let mut payer = Driven::revealed();
    payer.to(T - 42);
    assert!(!payer.spend_wish().unwrap().cap_lifted);
    payer.to(T - 41);
    assert!(payer.spend_wish().unwrap().cap_lifted);
}

#[test]
fn an_output_confirmed_once_its_replacement_is_public_counts_only_when_it_is_buried() {
    let from = T - 42 - 2 - 6;
    for (confirmed, needed) in [(from - 1, 2), (from, 6)] {
        let mut payer = Driven::new(Role::Payer, false);
        payer.to(confirmed);
        payer.funded();
        payer.to(confirmed + needed - 2);
        assert!(
            payer.wishes().is_empty(),
            "{needed} are needed at {confirmed}"
        );
        payer.to(confirmed + needed - 1);
        assert_eq!(payer.wishes(), [Wish::PrepareClaim(outpoint(1))]);
    }
}
