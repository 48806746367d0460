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
    assert!(states.len() > 30, "{whose}: {} states", states.len());
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
