//! State is the fold of the events.

use std::convert::Infallible;

use cambista_protocol::swap::{Event, Leg, SpendKind, Swap};
use cambista_protocol::words::{Role, Secret32};

use crate::common::*;

/// Folds a log as a restart does, through the stored form.
fn fold(role: Role, prepay: bool, log: &[(Event, u32)]) -> Swap {
    let mut swap = Swap::new(role, deal(prepay));
    for (event, height) in log {
        let stored = serde_json::to_string(event).unwrap();
        let event: Event = serde_json::from_str(&stored).unwrap();
        let next: Result<Swap, Infallible> = swap.step(event, *height).save(|_, _, _| Ok(()));
        swap = next.unwrap();
    }
    swap
}

#[test]
fn replaying_a_payers_log_gives_its_state() {
    let mut payer = Driven::revealed();
    payer.spent(SpendKind::Claim, Some(H0 + 3));
    payer.to(H0 + 9);
    assert_eq!(fold(Role::Payer, true, &payer.log), payer.swap);
}

#[test]
fn replaying_a_funders_log_gives_its_state() {
    let mut funder = Driven::confirmed_funder(true);
    funder.event(Event::PeerPreimage {
        preimage: Secret32(R),
    });
    funder.event(Event::Claimed { leg: Leg::Swap });
    funder.to(H0 + 9);
    assert_eq!(fold(Role::Funder, true, &funder.log), funder.swap);
}

#[test]
fn an_event_that_means_nothing_is_not_stored() {
    let mut funder = Driven::confirmed_funder(true);
    // The last block to mean something: the payer has had its confirmations.
    funder.to(H0 + 2);
    let stored = funder.log.len();
    funder.to(H0 + 50);
    assert_eq!(funder.log.len(), stored);
    assert!(funder.swap.step(Event::Block, H0 + 51).is_noop());
}

#[test]
fn a_step_that_cannot_be_stored_is_not_taken() {
    let funder = Driven::confirmed_funder(false);
    let step = funder.swap.step(
        Event::PeerPreimage {
            preimage: Secret32(R),
        },
        H0 + 2,
    );
    assert_eq!(
        step.save(|_, _, _| Err("disk full")).unwrap_err(),
        "disk full"
    );
}

#[test]
fn secrets_in_events_do_not_print() {
    let event = Event::PeerPreimage {
        preimage: Secret32(R),
    };
    assert!(!format!("{event:?}").contains('7'));
}
