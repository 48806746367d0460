//! Hold invoices on real nodes: held with enough time, claimed or failed back by their owner alone, through restarts.

mod channels;
mod crash;
mod gossip;
pub(crate) mod node;
mod on_chain;
pub(crate) mod second_set;

use std::time::{Duration, Instant};

use bitcoin::hashes::{Hash, sha256};
use cambista_harness::Bitcoind;
use cambista_ldk::{LightningEvent, PayError, PayRequest, PaymentState};

use node::{Running, eventually};

/// LDK fails a held HTLC back this many blocks before its expiry.
const FAIL_BACK: u32 = 39;
/// LDK writes this much more into an invoice than it then demands.
const INVOICE_SLACK: u32 = 3;

fn hash_of(preimage: [u8; 32]) -> [u8; 32] {
    sha256::Hash::hash(&preimage).to_byte_array()
}

/// A request to pay `invoice` whose funds are locked for exactly as long as the invoice asks, if `delta` is the
/// invoice's own.
fn request(invoice: &cambista_ldk::Bolt11Invoice, id: [u8; 32], delta: u32) -> PayRequest {
    PayRequest {
        invoice: invoice.to_string(),
        payment_id: id,
        max_fee_msat: 0,
        // LDK wants the limit above the receiver's delta, not at it.
        max_total_cltv_delta: delta + INVOICE_SLACK + 1,
        max_parts: 4,
        retry_secs: 10,
        first_hops: None,
        last_hop: None,
    }
}

/// Two nodes with a channel, all of it on the first one's side.
async fn pair(bitcoind: &Bitcoind) -> (Running, Running, [u8; 32]) {
    bitcoind.mine(110);
    let payer = Running::start(bitcoind, 1).await;
    let receiver = Running::start(bitcoind, 2).await;
    payer.fund(bitcoind, 10_000_000).await;
    receiver.catch_up(bitcoind).await;
    let channel = payer.open_to(&receiver, bitcoind, 5_000_000).await;
    (payer, receiver, channel)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn held_payments_keep_the_promised_time_and_move_exactly_their_amount() {
    let bitcoind = Bitcoind::start(&[]);
    let (payer, receiver, channel) = pair(&bitcoind).await;
    let mut payer_before = payer.settled_outbound(channel).await;
    let mut receiver_before = receiver.settled_outbound(channel).await;
    // After its start LDK gives peers two seconds to come back before it looks at HTLCs.
    tokio::time::sleep(Duration::from_secs(2)).await;
    for (number, delta) in [(1_u8, 225_u16), (2, 357)] {
        let preimage = [number; 32];
        let hash = hash_of(preimage);
        let amount = 300_000_000 + u64::from(number);
        let invoice = receiver
            .node
            .hold_invoice(hash, amount, delta, 3600, "swap")
            .unwrap();
        let delta = u32::from(delta);
        assert_eq!(
            invoice.min_final_cltv_expiry_delta(),
            u64::from(delta + INVOICE_SLACK)
        );
        let height = bitcoind.height();
        let id = [100 + number; 32];
        let started = Instant::now();
        payer.node.pay(&request(&invoice, id, delta)).unwrap();
        let held = receiver.held(hash).await;
        let until_held = started.elapsed();
        receiver.node.barrier().await.unwrap();
        let until_safe = started.elapsed();
        println!("delta {delta}: held after {until_held:?}, on disk after {until_safe:?}");

        assert_eq!(held.amount_msat, amount);
        assert_eq!(held.claim_deadline, held.cltv_expiry - FAIL_BACK);
        // One block for the transit, and at most one more of random extra.
        let least = height + 1 + delta + INVOICE_SLACK;
        assert!((least..=least + 1).contains(&held.cltv_expiry));
        assert_eq!(payer.node.max_lock_height(hash), Some(held.cltv_expiry));
        assert_eq!(payer.node.payment(id), Some(PaymentState::Pending));
        let again = payer.node.pay(&request(&invoice, id, delta));
        assert_eq!(again, Err(PayError::Duplicate));

        receiver.node.claim(preimage);
        assert_eq!(receiver.claimed(hash).await, amount);
        assert_eq!(payer.sent(id).await, (preimage, 0));
        let payer_now = payer.settled_outbound(channel).await;
        let receiver_now = receiver.settled_outbound(channel).await;
        // The receiver's first coins are its reserve, one per cent of the channel: they cannot be sent.
        let reserve = if number == 1 { 50_000_000 } else { 0 };
        assert_eq!(payer_before - payer_now, amount);
        assert_eq!(receiver_now - receiver_before, amount - reserve);
        (payer_before, receiver_before) = (payer_now, receiver_now);
        assert!(receiver.node.held_htlcs().is_empty());
    }
    payer.node.stop().await;
    receiver.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_payment_failed_back_returns_in_full() {
    let bitcoind = Bitcoind::start(&[]);
    let (payer, receiver, channel) = pair(&bitcoind).await;
    let before = payer.settled_outbound(channel).await;
    let hash = hash_of([7; 32]);
    let invoice = receiver
        .node
        .hold_invoice(hash, 200_000_000, 225, 3600, "swap")
        .unwrap();
    payer.node.pay(&request(&invoice, [1; 32], 225)).unwrap();
    receiver.held(hash).await;
    assert!(payer.channel(channel).outbound_msat <= before - 200_000_000);
    receiver.node.fail(hash);
    let reason = payer.payment_failed([1; 32]).await;
    assert_eq!(reason, "RecipientRejected");
    assert_eq!(payer.settled_outbound(channel).await, before);
    // The preimage is worth nothing any more.
    receiver.node.claim([7; 32]);
    receiver.node.barrier().await.unwrap();
    assert!(!receiver.events.has(|event| matches!(
        event,
        LightningEvent::Claimed { .. } | LightningEvent::Dropped { .. }
    )));
    payer.node.stop().await;
    receiver.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_receiver_that_restarts_still_claims() {
    let bitcoind = Bitcoind::start(&[]);
    let (payer, mut receiver, channel) = pair(&bitcoind).await;
    let before = payer.settled_outbound(channel).await;
    let mut spent = 0;
    for (number, crash) in [(1_u8, false), (2, true)] {
        let preimage = [number; 32];
        let hash = hash_of(preimage);
        let amount = 250_000_000;
        let invoice = receiver
            .node
            .hold_invoice(hash, amount, 225, 3600, "swap")
            .unwrap();
        let id = [number; 32];
        payer.node.pay(&request(&invoice, id, 225)).unwrap();
        receiver.held(hash).await;
        receiver.node.barrier().await.unwrap();
        // A copy taken now lacks everything an orderly stop writes.
        let crashed = receiver.disk.copy();
        let disk = if crash {
            crashed
        } else {
            receiver.disk.clone()
        };
        receiver = receiver.restart_from(disk).await;
        let held: Vec<_> = receiver.node.held_htlcs();
        assert_eq!(held.len(), 1);
        assert_eq!((held[0].hash, held[0].amount_msat), (hash, amount));
        receiver.node.claim(preimage);
        assert_eq!(receiver.claimed(hash).await, amount);
        assert_eq!(payer.sent(id).await.0, preimage);
        spent += amount;
        assert_eq!(payer.settled_outbound(channel).await, before - spent);
    }
    payer.node.stop().await;
    receiver.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_payment_is_dropped_at_its_claim_deadline_and_not_before() {
    let bitcoind = Bitcoind::start(&[]);
    let (payer, receiver, channel) = pair(&bitcoind).await;
    let before = payer.settled_outbound(channel).await;
    let hash = hash_of([9; 32]);
    let invoice = receiver
        .node
        .hold_invoice(hash, 200_000_000, 60, 3600, "swap")
        .unwrap();
    payer.node.pay(&request(&invoice, [9; 32], 60)).unwrap();
    let held = receiver.held(hash).await;
    let dropped = |event: &LightningEvent| matches!(event, LightningEvent::Dropped { .. });
    bitcoind.mine(held.claim_deadline - 1 - bitcoind.height());
    receiver.catch_up(&bitcoind).await;
    receiver.node.barrier().await.unwrap();
    assert!(!receiver.events.has(dropped));
    assert_eq!(receiver.node.held_htlcs().len(), 1);
    bitcoind.mine(1);
    eventually("the drop is reported", || receiver.events.has(dropped)).await;
    assert_eq!(payer.payment_failed([9; 32]).await, "RecipientRejected");
    assert_eq!(payer.settled_outbound(channel).await, before);
    payer.node.stop().await;
    receiver.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn limits_on_fee_lock_time_and_hops_are_kept() {
    const BASE_FEE: u64 = 1_000;
    const HOP_DELTA: u32 = 72;
    let bitcoind = Bitcoind::start(&[]);
    let (payer, hop, first) = pair(&bitcoind).await;
    let receiver = Running::start(&bitcoind, 3).await;
    hop.fund(&bitcoind, 5_000_000).await;
    payer.catch_up(&bitcoind).await;
    receiver.catch_up(&bitcoind).await;
    hop.open_to(&receiver, &bitcoind, 2_000_000).await;
    let hinted = |hash: [u8; 32]| {
        let node = &receiver.node;
        node.hold_invoice(hash, 100_000_000, 225, 3600, "swap")
            .unwrap()
    };
    // The hop's fee must be known to the receiver before it can be hinted.
    eventually("the invoice has a hint", || {
        !hinted([0; 32]).route_hints().is_empty()
    })
    .await;
    let before = payer.settled_outbound(first).await;
    let preimage = [5; 32];
    let hash = hash_of(preimage);
    let good = PayRequest {
        max_fee_msat: BASE_FEE,
        max_total_cltv_delta: 225 + INVOICE_SLACK + 1 + HOP_DELTA,
        first_hops: Some(vec![first]),
        last_hop: Some(hop.node.node_id()),
        ..request(&hinted(hash), [5; 32], 225)
    };
    let bad = [
        (
            "fee",
            PayRequest {
                max_fee_msat: BASE_FEE - 1,
                ..good.clone()
            },
        ),
        (
            "lock time",
            PayRequest {
                max_total_cltv_delta: 225 + INVOICE_SLACK + 1,
                ..good.clone()
            },
        ),
        (
            "first hop",
            PayRequest {
                first_hops: Some(vec![[8; 32]]),
                ..good.clone()
            },
        ),
        (
            "last hop",
            PayRequest {
                last_hop: Some(payer.node.node_id()),
                ..good.clone()
            },
        ),
    ];
    for (what, bad) in bad {
        assert_eq!(payer.node.pay(&bad), Err(PayError::NoRoute), "{what}");
        assert_eq!(payer.node.payment(bad.payment_id), None, "{what}");
    }
    payer.node.pay(&good).unwrap();
    receiver.held(hash).await;
    receiver.node.claim(preimage);
    receiver.claimed(hash).await;
    assert_eq!(payer.sent([5; 32]).await, (preimage, BASE_FEE));
    hop.events
        .expect("the hop's fee", |event| match event {
            LightningEvent::Forwarded { fee_msat } => {
                assert_eq!(*fee_msat, BASE_FEE);
                Some(())
            }
            _ => None,
        })
        .await;
    let spent = before - payer.settled_outbound(first).await;
    assert_eq!(spent, 100_000_000 + BASE_FEE);
    for running in [&payer, &hop, &receiver] {
        running.node.stop().await;
    }
}
