//! What R waits for beside its funding: a claim that is worth its fee, and that the mempool would take.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::tests_outside_test_module
)]

mod common;

use bitcoin::Amount;
use cambista_engine::ports::StoredSwap;
use cambista_protocol::swap::Event;

use common::{Fake, HEIGHT, LIMIT, block, blocks, outpoint, rest, run, start, to_be_swept, with};

/// A swap of this amount whose funding has its confirmations; R has not left.
fn funded(sat: u64) -> StoredSwap {
    let mut stored = to_be_swept(1);
    let amount = Amount::from_sat(sat);
    stored.record.deal.amount = amount;
    stored.events.truncate(2);
    let Event::OutputSeen { value, .. } = &mut stored.events[1].event else {
        panic!("another event")
    };
    *value = amount;
    stored
}

/// Whether the decision to reveal R is stored.
fn revealed(fake: &Fake) -> bool {
    let disk = fake.disk();
    let mut events = disk.swaps[0].events.iter();
    events.any(|stored| matches!(stored.event, Event::ClaimReady { .. }))
}

/// Any spend costs more than 1000 sat at 10 sat/vB, and less than the limit.
#[test]
fn r_stays_while_its_claim_costs_more_than_a_fifth_of_the_amount() {
    for (sat, told) in [(5_000, false), (5 * LIMIT, true)] {
        run(async {
            let fake = with([funded(sat)]);
            let handle = start(&fake).await;
            rest().await;
            blocks(&handle, HEIGHT + 1..=HEIGHT + 3).await;
            assert_eq!(revealed(&fake), told, "{sat} sat");
        });
    }
}

#[test]
fn r_stays_while_the_mempool_would_not_take_its_claim() {
    run(async {
        let fake = with([funded(250_000)]);
        fake.refuse(outpoint(1), "bad-txns-inputs-missingorspent");
        let handle = start(&fake).await;
        rest().await;
        blocks(&handle, HEIGHT + 1..=HEIGHT + 3).await;
        assert!(!revealed(&fake));
        fake.take_again(outpoint(1));
        block(&handle, HEIGHT + 4, Vec::new()).await;
        rest().await;
        assert!(revealed(&fake));
    });
}
