//! A crash at any moment leaves a state that LDK goes on from: no channel is lost or closed.

use std::time::Duration;

use cambista_harness::Bitcoind;
use cambista_ldk::Node;

use super::node::{Disk, Ended, Running};
use super::{hash_of, pair, request};

/// Pays an invoice of `to`'s over `from`'s side; claimed or failed back as `claim` says.
async fn pay(from: &Running, to: &Running, number: u8, claim: bool) {
    let preimage = [number; 32];
    let (hash, id) = (hash_of(preimage), [100 + number; 32]);
    let invoice = to
        .node
        .hold_invoice(hash, 200_000_000, 225, 3600, "swap")
        .unwrap();
    from.node.pay(&request(&invoice, id, 225)).unwrap();
    to.held(hash).await;
    if claim {
        to.node.claim(preimage);
        to.claimed(hash).await;
        from.sent(id).await;
    } else {
        to.node.fail(hash);
        from.payment_failed(id).await;
    }
}

/// Loads a node from every state its disk was ever in.
async fn assert_every_state_loads(ended: &Ended, whose: &str) {
    let states = ended.disk.states();
    assert!(states.len() > 10, "{whose}: {} states", states.len());
    for (number, state) in states.iter().enumerate() {
        let disk = Disk::of(state.clone(), ended.disk.wallet_changes());
        let monitors = disk.count("monitors", "");
        let node: Result<std::sync::Arc<Node>, _> = ended.load(&disk).await;
        let node = node.unwrap_or_else(|why| panic!("{whose}, state {number}: {why}"));
        assert_eq!(
            node.channels().len(),
            monitors,
            "{whose}, state {number} of {}: LDK gave a channel up",
            states.len()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crash_between_any_two_writes_closes_no_channel() {
    let bitcoind = Bitcoind::start(&[]);
    let (payer, receiver, channel) = pair(&bitcoind).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    pay(&payer, &receiver, 1, true).await;
    // Several at once, some of them back: updates of both sides cross.
    tokio::join!(
        pay(&payer, &receiver, 2, true),
        pay(&payer, &receiver, 3, false),
        pay(&payer, &receiver, 4, true),
    );
    payer.settled_outbound(channel).await;
    tokio::join!(
        pay(&receiver, &payer, 5, true),
        pay(&payer, &receiver, 6, true),
        pay(&receiver, &payer, 7, false),
    );
    payer.settled_outbound(channel).await;
    receiver.settled_outbound(channel).await;
    for (node, whose) in [(payer, "payer"), (receiver, "receiver")] {
        let ended = node.stop().await;
        assert_every_state_loads(&ended, whose).await;
    }
}

/// The payer (or else the receiver) cannot save any more after so many batches of a payment, and is started again on
/// what it has saved. Had it told its peer of anything else, the two would not agree on the channel any more.
async fn assert_survives(
    (mut payer, mut receiver, channel): (Running, Running, [u8; 32]),
    number: u8,
    of_payer: bool,
    batches: u32,
) -> (Running, Running, [u8; 32]) {
    let before = payer.settled_outbound(channel).await;
    receiver.settled_outbound(channel).await;
    let (preimage, id) = ([number; 32], [100 + number; 32]);
    let hash = hash_of(preimage);
    let invoice = receiver
        .node
        .hold_invoice(hash, 200_000_000, 225, 3600, "swap")
        .unwrap();
    let wanted = request(&invoice, id, 225);
    let victim = if of_payer { &payer } else { &receiver };
    victim.disk.fail_after(batches);
    let fatal = victim.node.fatal();
    let goes_on = async {
        payer.node.pay(&wanted).unwrap();
        receiver.held(hash).await;
        receiver.node.claim(preimage);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = fatal => {}
        () = goes_on => {}
        () = tokio::time::sleep(super::node::PATIENCE) => panic!("more batches than there are"),
    }
    if of_payer {
        let disk = payer.disk.copy();
        payer = payer.restart_from(disk).await;
        if payer.node.payment(id).is_none() {
            payer.settled_outbound(channel).await;
            payer.node.pay(&wanted).unwrap();
        }
    } else {
        let disk = receiver.disk.copy();
        receiver = receiver.restart_from(disk).await;
    }
    let claiming = async {
        loop {
            receiver.node.claim(preimage);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        sent = payer.sent(id) => assert_eq!(sent, (preimage, 0)),
        () = claiming => {}
    }
    assert_eq!(before - payer.settled_outbound(channel).await, 200_000_000);
    receiver.settled_outbound(channel).await;
    (payer, receiver, channel)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_not_saved_was_told_to_nobody() {
    let bitcoind = Bitcoind::start(&[]);
    let mut both = pair(&bitcoind).await;
    let mut number = 0;
    for (of_payer, batches) in [
        (false, 0),
        (true, 0),
        (false, 1),
        (true, 1),
        (false, 2),
        (true, 2),
    ] {
        number += 1;
        println!("{number}: payer {of_payer}, after {batches}");
        both = assert_survives(both, number, of_payer, batches).await;
    }
    both.0.node.stop().await;
    both.1.node.stop().await;
}
