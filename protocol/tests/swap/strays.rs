//! What strangers pay to the script must not matter.

use bitcoin::Amount;
use cambista_protocol::swap::{Effect, Event, Leg, Outcome, SpendHow, SpendKind, Wish};
use cambista_protocol::words::{Role, Secret32};

use crate::common::*;

const STRAY: Amount = Amount::from_sat(70_000);

#[test]
fn any_number_of_strays_does_not_hide_the_funding_or_its_claim() {
    for value in [Amount::from_sat(330), STRAY] {
        let mut funder = Driven::published(false);
        for n in 100..140 {
            funder.seen(n, value, Some(H0));
        }
        funder.to(H0 + 1);
        funder.funded();
        assert!(funder.swap.outputs().get(outpoint(1)).is_some(), "{value}");
        assert_eq!(
            funder.spent(SpendKind::Claim, None),
            [Effect::Claim(Leg::Swap)]
        );
    }
}

/// What is remembered is bounded for each kind by itself.
#[test]
fn a_stray_in_a_block_takes_the_place_of_another_stray_and_never_of_the_funding() {
    let mut payer = Driven::new(Role::Payer, false);
    payer.seen(1, AMOUNT, None);
    for n in 100..140 {
        payer.seen(n, STRAY, None);
    }
    let before = payer.swap.outputs().iter().count();
    payer.seen(200, STRAY, Some(H0));
    assert_eq!(payer.swap.outputs().iter().count(), before);
    for n in [1, 200] {
        assert!(payer.swap.outputs().get(outpoint(n)).is_some(), "{n}");
    }
}

#[test]
fn a_stray_that_was_in_a_block_is_not_forgotten_for_another() {
    let mut payer = Driven::new(Role::Payer, false);
    for n in 100..116 {
        payer.seen(n, STRAY, Some(H0));
    }
    payer.seen(1, AMOUNT, None);
    payer.seen(200, STRAY, Some(H0));
    for n in (100..116).chain([1]) {
        assert!(payer.swap.outputs().get(outpoint(n)).is_some(), "{n}");
    }
    assert!(payer.swap.outputs().get(outpoint(200)).is_none());
}

/// It may be in a block again any time, and R with its claim.
#[test]
fn a_stray_that_a_reorganisation_took_is_waited_for() {
    let mut funder = Driven::confirmed_funder(false);
    funder.to(H0 + 3);
    funder.seen(2, AMOUNT, Some(H0 + 3));
    funder.event(Event::Reorg { fork: H0 + 2 });
    funder.to(T);
    funder.spent(SpendKind::Refund, Some(T));
    assert!(!funder.to(T + 20).contains(&Effect::FailBack(Leg::Swap)));
}

/// In the mempool the last one counts; a block outweighs it.
#[test]
fn a_spend_takes_the_place_of_the_one_before_unless_that_is_in_a_block() {
    let mut funder = Driven::confirmed_funder(false);
    let kind = |driven: &Driven| driven.swap.outputs().get(outpoint(1)).unwrap().spent;
    funder.spent(SpendKind::Refund, None);
    funder.spent(SpendKind::KeyPath, None);
    assert_eq!(kind(&funder).map(|s| s.kind), Some(SpendKind::KeyPath));
    funder.spent(SpendKind::Refund, Some(H0 + 1));
    funder.spent(SpendKind::KeyPath, None);
    assert_eq!(kind(&funder).map(|s| s.kind), Some(SpendKind::Refund));
}

#[test]
fn a_stray_is_remembered_from_five_thousand_on() {
    let mut payer = Driven::new(Role::Payer, false);
    payer.seen(100, Amount::from_sat(4_999), None);
    payer.seen(101, Amount::from_sat(5_000), None);
    assert!(payer.swap.outputs().get(outpoint(100)).is_none());
    assert!(payer.swap.outputs().get(outpoint(101)).is_some());
}

#[test]
fn strays_that_came_first_do_not_hide_the_funding_from_the_payer() {
    let mut payer = Driven::new(Role::Payer, false);
    for n in 100..140 {
        payer.seen(n, STRAY, Some(H0));
    }
    payer.to(H0 + 1);
    payer.funded();
    payer.to(H0 + 2);
    assert_eq!(payer.wishes(), [Wish::PrepareClaim(outpoint(1))]);
}

#[test]
fn a_strangers_output_does_not_stop_the_care_for_our_own_funding() {
    for value in [Amount::from_sat(330), STRAY, AMOUNT] {
        let mut funder = Driven::published(false);
        funder.seen(100, value, Some(H0));
        assert!(funder.wishes().contains(&Wish::KeepFunding), "{value}");
        funder.to(T - 42 - 2 - 6);
        assert!(funder.wishes().contains(&Wish::ReplaceFunding), "{value}");
    }
}

#[test]
fn dust_does_not_keep_a_refunded_swap_open() {
    let mut funder = Driven::confirmed_funder(false);
    funder.seen(100, Amount::from_sat(4_999), Some(H0 + 1));
    funder.to(T);
    funder.spent(SpendKind::Refund, Some(T + 1));
    assert_eq!(funder.to(T + 6), [Effect::FailBack(Leg::Swap)]);
    assert_eq!(funder.swap.outcome(), Some(Outcome::TakenBack));
}

#[test]
fn strays_do_not_hide_a_payers_funding_across_a_reorganisation() {
    let mut payer = Driven::revealed();
    for n in 100..140 {
        payer.seen(n, STRAY, Some(H0));
    }
    payer.height = H0;
    payer.event(Event::Reorg { fork: H0 });
    for n in 140..180 {
        payer.seen(n, STRAY, Some(H0));
    }
    payer.to(H0 + 3);
    assert_eq!(payer.wishes(), [Wish::RebroadcastFunding]);
    payer.seen(1, AMOUNT, Some(H0 + 3));
    assert_eq!(payer.spend_wish().unwrap().outpoint, outpoint(1));
}

#[test]
fn a_replaced_version_of_the_funding_is_neither_spent_nor_waited_for() {
    let mut funder = Driven::published(false);
    funder.seen(1, AMOUNT, None);
    funder.event(Event::FundingBumped { txid: txid(2) });
    funder.seen(2, AMOUNT, None);
    funder.to(T);
    let wish = funder.spend_wish().unwrap();
    assert_eq!((wish.outpoint, wish.how), (outpoint(2), SpendHow::Refund));
    funder.seen(2, AMOUNT, Some(T));
    funder.event(Event::OutputSpent {
        outpoint: outpoint(2),
        txid: txid(9),
        kind: SpendKind::Refund,
        preimage: None,
        confirmed: Some(T),
    });
    assert!(funder.to(T + 5).contains(&Effect::FailBack(Leg::Swap)));
    assert_eq!(funder.swap.outcome(), Some(Outcome::TakenBack));
}

/// Miners had the older version. Whoever goes on spending the latest tries in vain for as long as the node lives.
#[test]
fn the_latest_version_is_not_spent_while_an_older_one_is_in_a_block() {
    let mut funder = Driven::published(false);
    funder.seen(1, AMOUNT, None);
    funder.event(Event::FundingBumped { txid: txid(2) });
    funder.seen(2, AMOUNT, None);
    funder.to(T);
    let spent = |funder: &Driven| {
        let wishes = funder.wishes().into_iter();
        let spends = wishes.filter_map(|wish| match wish {
            Wish::Spend(spend) => Some(spend.outpoint),
            _ => None,
        });
        spends.collect::<Vec<_>>()
    };
    assert_eq!(spent(&funder), [outpoint(2)]);
    funder.seen(1, AMOUNT, Some(T));
    assert_eq!(spent(&funder), [outpoint(1)]);
    funder.height = T - 1;
    funder.event(Event::Reorg { fork: T - 1 });
    funder.to(T);
    assert_eq!(spent(&funder), [outpoint(2)]);

    funder.seen(1, AMOUNT, Some(T));
    funder.event(Event::OutputSpent {
        outpoint: outpoint(1),
        txid: txid(9),
        kind: SpendKind::Refund,
        preimage: None,
        confirmed: Some(T + 1),
    });
    assert!(funder.to(T + 6).contains(&Effect::FailBack(Leg::Swap)));
    assert_eq!(funder.swap.outcome(), Some(Outcome::TakenBack));
    assert_eq!(funder.wishes(), []);
}

/// It never was this side's coin. A stranger's output too small for its own refund, or taken away by a reorganisation for good,
/// would hold up the payment until Lightning lets it go.
#[test]
fn what_strangers_paid_holds_up_no_payment_once_its_time_to_go_home_is_over() {
    for gone in [false, true] {
        let mut funder = Driven::confirmed_funder(false);
        funder.seen(100, STRAY, Some(funder.height));
        if gone {
            let fork = funder.height - 1;
            funder.event(Event::Reorg { fork });
            funder.funded();
        }
        funder.to(T);
        funder.spent(SpendKind::Refund, Some(T + 1));
        let early = funder.to(T + 24);
        assert!(!early.contains(&Effect::FailBack(Leg::Swap)), "{gone}");
        assert_eq!(funder.to(T + 25), [Effect::FailBack(Leg::Swap)], "{gone}");
        assert_eq!(funder.swap.outcome(), Some(Outcome::TakenBack), "{gone}");
    }
}

#[test]
fn a_funding_that_never_had_its_confirmations_in_time_keeps_no_prepay() {
    let mut funder = Driven::published(true);
    funder.to(H0 + 1);
    funder.funded();
    funder.height = H0;
    funder.event(Event::Reorg { fork: H0 });
    funder.to(T - 30);
    funder.funded();
    funder.to(T);
    funder.spent(SpendKind::Refund, Some(T + 1));
    let effects = funder.to(T + 6);
    assert!(effects.contains(&Effect::FailBack(Leg::Prepay)));
    assert!(!effects.contains(&Effect::Claim(Leg::Prepay)));
}

#[test]
fn the_fee_cap_binds_a_take_back_before_t_and_is_lifted_from_t() {
    let mut funder = Driven::confirmed_funder(false);
    funder.event(Event::PeerKey {
        secret: Secret32(key(2).secret_bytes()),
    });
    assert!(!funder.spend_wish().unwrap().cap_lifted);
    funder.to(T);
    assert!(funder.spend_wish().unwrap().cap_lifted);
}

#[test]
fn a_version_that_a_reorganisation_replaced_does_not_hold_the_payment() {
    let mut funder = Driven::published(false);
    funder.event(Event::FundingBumped { txid: txid(2) });
    funder.to(H0 + 1);
    funder.funded();
    funder.height = H0;
    funder.event(Event::Reorg { fork: H0 });
    funder.to(H0 + 1);
    funder.seen(2, AMOUNT, Some(H0 + 1));
    funder.to(T);
    funder.event(Event::OutputSpent {
        outpoint: outpoint(2),
        txid: txid(9),
        kind: SpendKind::Refund,
        preimage: None,
        confirmed: Some(T + 1),
    });
    assert_eq!(funder.to(T + 6), [Effect::FailBack(Leg::Swap)]);
    assert_eq!(funder.swap.outcome(), Some(Outcome::TakenBack));
}
