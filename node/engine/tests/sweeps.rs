//! Sweeps of several swaps through the engine's own door: what is stored, what is sent, and what follows a refusal.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::tests_outside_test_module
)]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bitcoin::{OutPoint, ScriptBuf, Transaction};
use cambista_engine::ports::{BatchEvent, BatchStep, StoredBatch, StoredEvent};
use cambista_protocol::swap::{Event, Leg};

use common::{
    Fake, HEIGHT, LIMIT, Sent, block, blocks, outpoint, payment, rest, run, start, to_be_swept,
    with,
};

/// Nothing here waits for anything but the engine.
const PATIENCE: Duration = Duration::from_secs(20);

fn swaps(count: u8) -> Arc<Fake> {
    with((1..=count).map(to_be_swept))
}

/// Waits until something was sent that is as wanted.
async fn wait(fake: &Fake, wanted: impl Fn(&[Sent]) -> bool) -> Vec<Sent> {
    let mut sent = fake.sent.subscribe();
    let found = tokio::time::timeout(PATIENCE, sent.wait_for(|all| wanted(all))).await;
    match found {
        Ok(found) => found.unwrap().clone(),
        Err(_) => panic!("sent instead: {:?}", fake.sent.borrow()),
    }
}

fn spends(tx: &Transaction) -> BTreeSet<OutPoint> {
    tx.input.iter().map(|i| i.previous_output).collect()
}

fn of(swaps: &[u8]) -> BTreeSet<OutPoint> {
    swaps.iter().map(|swap| outpoint(*swap)).collect()
}

/// Whether a transaction of exactly these was sent, with this answer.
fn has(sent: &[Sent], swaps: &[u8], taken: bool) -> bool {
    sent.iter()
        .any(|s| s.taken == taken && spends(&s.tx) == of(swaps))
}

fn split(fake: &Fake) -> bool {
    let disk = fake.disk();
    let mut events = disk.batches.iter();
    events.any(|stored| matches!(stored.event, BatchEvent::Split { .. }))
}

#[test]
fn swaps_that_wait_at_a_start_share_a_transaction_and_its_fee() {
    run(async {
        let fake = swaps(3);
        let _handle = start(&fake).await;
        let sent = wait(&fake, |all| has(all, &[1, 2, 3], true)).await;
        assert_eq!(sent.len(), 1, "{sent:?}");
        let tx = &sent[0].tx;
        let fee = 3 * 250_000 - tx.output[0].value.to_sat();
        let disk = fake.disk();
        let stored: Vec<_> = disk.swaps.iter().flat_map(|swap| &swap.sweeps).collect();
        assert_eq!(stored.len(), 3);
        assert!(stored.iter().all(|s| s.tx == *tx && s.fee.to_sat() < LIMIT));
        let shares: u64 = stored.iter().map(|s| s.fee.to_sat()).sum();
        assert_eq!(shares, fee);
        let [batch] = disk.batches.as_slice() else {
            panic!("{:?}", disk.batches)
        };
        let BatchEvent::Signed { step, txid, shares } = &batch.event else {
            panic!("{batch:?}")
        };
        assert_eq!(
            (*step, *txid, batch.id),
            (BatchStep::Formed, tx.compute_txid(), *txid)
        );
        assert_eq!(shares.iter().map(|s| s.fee_sat).sum::<u64>(), fee);
    });
}

#[test]
fn what_was_stored_before_a_crash_is_sent_after_it() {
    run(async {
        let fake = swaps(2);
        let handle = start(&fake).await;
        let sent = wait(&fake, |all| has(all, &[1, 2], true)).await;
        let disk = fake.disk().clone();
        drop(handle);

        let again = Fake::new(disk);
        let _handle = start(&again).await;
        let resent = wait(&again, |all| !all.is_empty()).await;
        assert_eq!(resent[0].tx, sent[0].tx);
        let disk = again.disk();
        assert_eq!(disk.batches.len(), 1);
        assert!(disk.swaps.iter().all(|swap| swap.sweeps.len() == 1));
    });
}

#[test]
fn an_input_that_is_missing_takes_the_batch_apart_at_once_and_for_good() {
    run(async {
        let fake = swaps(3);
        fake.refuse(outpoint(2), "bad-txns-inputs-missingorspent");
        let handle = start(&fake).await;
        let all_alone =
            |all: &[Sent]| has(all, &[1], true) && has(all, &[2], false) && has(all, &[3], true);
        let sent = wait(&fake, all_alone).await;
        assert!(has(&sent[..1], &[1, 2, 3], false), "{sent:?}");
        assert!(split(&fake));
        for swap in fake.disk().swaps.iter() {
            let alone = swap.sweeps.last().unwrap();
            assert_eq!((alone.tx.input.len(), swap.sweeps.len()), (1, 2));
        }
        let disk = fake.disk().clone();
        drop(handle);

        let again = Fake::new(disk);
        let _handle = start(&again).await;
        let resent = wait(&again, |all| all.len() >= 3).await;
        assert!(resent.iter().all(|s| s.tx.input.len() == 1), "{resent:?}");
    });
}

/// Once the engine stopped before that was stored, once right after.
#[test]
fn a_crash_when_a_batch_is_taken_apart_keeps_nobody_waiting() {
    run(async {
        let fake = swaps(3);
        fake.refuse(outpoint(2), "bad-txns-inputs-missingorspent");
        let handle = start(&fake).await;
        wait(&fake, |all| has(all, &[3], true)).await;
        let mut disk = fake.disk().clone();
        drop(handle);
        let is_split = |stored: &StoredBatch| matches!(stored.event, BatchEvent::Split { .. });
        for stored in [false, true] {
            let parts = disk.batches.iter().position(is_split).unwrap();
            disk.batches.truncate(parts + usize::from(stored));
            for swap in &mut disk.swaps {
                swap.sweeps.truncate(1);
            }
            let again = Fake::new(disk.clone());
            again.refuse(outpoint(2), "bad-txns-inputs-missingorspent");
            let handle = start(&again).await;
            let sent = wait(&again, |all| has(all, &[1], true) && has(all, &[3], true)).await;
            assert_eq!(has(&sent, &[1, 2, 3], false), !stored, "{sent:?}");
            assert!(split(&again));
            disk = again.disk().clone();
            drop(handle);
        }
    });
}

/// Blocks pass a spend by only when it was there before them. A node that was away reads many at once.
#[test]
fn blocks_that_were_mined_before_a_spend_was_made_do_not_raise_its_fee() {
    run(async {
        let fake = swaps(1);
        let handle = start(&fake).await;
        wait(&fake, |all| has(all, &[1], true)).await;
        let versions = || fake.disk().swaps[0].sweeps.len();
        // In the last 42 blocks before T the value is at stake.
        let stake = 244 - 42;
        blocks(&handle, HEIGHT + 1..=stake).await;
        assert_eq!(versions(), 1);
        fake.mined_to(stake + 12);
        blocks(&handle, stake + 1..=stake + 12).await;
        assert_eq!(versions(), 2, "passed by once, by all of them");
        for more in 1..=3 {
            fake.mined_to(stake + 12 + more);
            blocks(&handle, stake + 12 + more..=stake + 12 + more).await;
            assert_eq!(versions(), 2 + usize::try_from(more).unwrap());
        }
    });
}

/// What a single spend pays after some blocks in which the value was at stake, when this is what the mempool says to it.
async fn paid_at_stake(refusal: Option<&'static str>) -> Vec<u64> {
    let fake = swaps(1);
    if let Some(reason) = refusal {
        fake.refuse(outpoint(1), reason);
    }
    let handle = start(&fake).await;
    wait(&fake, |all| has(all, &[1], refusal.is_none())).await;
    let stake = 244 - 42;
    blocks(&handle, HEIGHT + 1..=stake).await;
    for height in stake + 1..=stake + 4 {
        let before = fake.sent.borrow().len();
        fake.mined_to(height);
        block(&handle, height, Vec::new()).await;
        wait(&fake, |all| all.len() > before).await;
        rest().await;
    }
    let disk = fake.disk();
    disk.swaps[0]
        .sweeps
        .iter()
        .map(|s| s.fee.to_sat())
        .collect()
}

#[test]
fn only_a_rival_that_pays_more_is_outbid() {
    run(async {
        let alone = paid_at_stake(None).await;
        for reason in ["non-BIP68-final", "bad-txns-inputs-missingorspent"] {
            assert_eq!(paid_at_stake(Some(reason)).await, alone, "{reason}");
        }
        let against = paid_at_stake(Some("insufficient fee, rejecting replacement")).await;
        assert!(against.last() > alone.last(), "{against:?} {alone:?}");
    });
}

#[test]
fn a_rival_that_pays_more_takes_a_new_batch_apart() {
    run(async {
        let fake = swaps(2);
        fake.refuse(outpoint(1), "insufficient fee, rejecting replacement");
        let _handle = start(&fake).await;
        wait(&fake, |all| has(all, &[1], false) && has(all, &[2], true)).await;
        assert!(split(&fake));
    });
}

#[test]
fn too_low_a_fee_for_the_mempool_takes_nothing_apart() {
    run(async {
        let fake = swaps(2);
        fake.refuse(outpoint(1), "mempool min fee not met");
        let handle = start(&fake).await;
        for height in HEIGHT + 1..HEIGHT + 5 {
            let before = fake.sent.borrow().len();
            block(&handle, height, Vec::new()).await;
            let sent = wait(&fake, |all| all.len() > before).await;
            assert!(has(&sent[before..], &[1, 2], false), "{sent:?}");
        }
        assert!(!split(&fake));
    });
}

#[test]
fn no_peer_turns_off_what_the_mempool_is_watched_for() {
    // A swap that has ended, whose peer named another swap's output as the first input of its funding.
    let named = |swap, input, events: &[Event]| {
        let mut stored = to_be_swept(swap);
        stored.events.truncate(1);
        stored.events.extend(events.iter().map(|event| StoredEvent {
            event: event.clone(),
            height: HEIGHT,
            at: 0,
        }));
        let funding = payment(&ScriptBuf::new(), 0, input);
        stored.fundings.push((funding, bitcoin::Amount::ZERO));
        stored
    };
    run(async {
        let failed = Event::PaymentFailed { leg: Leg::Swap };
        let fake = with([to_be_swept(1), named(2, outpoint(1), &[failed])]);
        let _handle = start(&fake).await;
        assert_eq!(fake.watched(), [outpoint(1)].into());
    });
}
