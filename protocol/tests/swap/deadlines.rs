//! By when a side wants its spends confirmed, and what it says of itself.

use cambista_protocol::swap::{Event, Leg, Outcome, SpendHow, Swap};
use cambista_protocol::words::Role;

use crate::common::*;

fn deadline(driven: &Driven) -> Option<u32> {
    driven.spend_wish().expect("something to spend").deadline
}

#[test]
fn a_sweep_is_due_by_the_last_height_to_reveal_and_from_there_by_t() {
    let mut payer = Driven::revealed();
    let last = payer.swap.deal().locks.last_reveal(T);
    payer.to(last - 1);
    assert_eq!(deadline(&payer), Some(last));
    assert_eq!(payer.spend_wish().map(|wish| wish.cap_lifted), Some(false));
    payer.to(last);
    assert_eq!(deadline(&payer), Some(T));
    assert_eq!(payer.spend_wish().map(|wish| wish.cap_lifted), Some(false));
    payer.to(last + 1);
    assert_eq!(deadline(&payer), Some(T));
    assert_eq!(payer.spend_wish().map(|wish| wish.cap_lifted), Some(true));
}

#[test]
fn a_refund_is_due_within_its_blocks_after_t() {
    let mut funder = Driven::confirmed_funder(false);
    funder.to(T);
    let wish = funder.spend_wish().expect("a refund");
    assert_eq!(wish.how, SpendHow::Refund);
    let within = funder.swap.deal().locks.refund_confirm;
    assert_eq!(wish.deadline, Some(T + within));
    assert!(wish.cap_lifted);
}

#[test]
fn a_funder_that_asks_to_give_up_says_so_of_itself() {
    let mut funder = Driven::published(false);
    let withdrawn = |driven: &Driven| match &driven.swap {
        Swap::Funder(funder) => funder.withdrawn(),
        Swap::Payer(_) => unreachable!("it funds"),
    };
    assert!(!withdrawn(&funder));
    funder.event(Event::Cancelled);
    assert!(withdrawn(&funder));
}

#[test]
fn a_payment_given_up_before_the_funding_is_built_ends_the_swap_at_once() {
    for leg in [Leg::Swap, Leg::Prepay] {
        let mut funder = Driven::new(Role::Funder, true);
        funder.held(Leg::Swap);
        funder.held(Leg::Prepay);
        assert_eq!(funder.swap.outcome(), None);
        funder.event(Event::Dropped { leg });
        assert_eq!(
            funder.swap.outcome(),
            Some(Outcome::NothingHappened),
            "{leg:?}"
        );
    }
}

#[test]
fn an_output_is_found_by_its_place_and_no_other() {
    let mut payer = Driven::new(Role::Payer, true);
    payer.to(H0 + 1);
    payer.seen(2, AMOUNT, None);
    payer.seen(1, AMOUNT, Some(H0 + 1));
    for n in [1, 2] {
        let found = payer.swap.outputs().get(outpoint(n));
        assert_eq!(found.map(|output| output.outpoint), Some(outpoint(n)));
    }
    assert!(payer.swap.outputs().get(outpoint(3)).is_none());
}
