//! Routes over channels that are known by gossip alone.

use cambista_harness::Bitcoind;
use cambista_ldk::{PayError, PayRequest, RouteTarget};

use super::node::{Running, eventually};
use super::{hash_of, request};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_announced_channel_is_checked_on_chain_learned_and_paid_through() {
    const BASE_FEE: u64 = 1_000;
    const AMOUNT: u64 = 100_000_000;
    let bitcoind = Bitcoind::start(&[]);
    bitcoind.mine(110);
    let payer = Running::start(&bitcoind, 11).await;
    let hop = Running::start(&bitcoind, 12).await;
    let receiver = Running::start(&bitcoind, 13).await;
    payer.fund(&bitcoind, 5_000_000).await;
    hop.fund(&bitcoind, 5_000_000).await;
    for running in [&payer, &hop, &receiver] {
        running.catch_up(&bitcoind).await;
    }
    payer.announce_to(&hop, &bitcoind, 1_000_000).await;
    receiver.catch_up(&bitcoind).await;
    hop.announce_to(&receiver, &bitcoind, 1_000_000).await;
    payer.catch_up(&bitcoind).await;
    let target = RouteTarget::Node(receiver.node.node_id());
    let fee = || payer.node.estimate_route_fee(&target, AMOUNT, 500);
    eventually("gossip reaches the payer", || fee().is_some()).await;
    assert_eq!(fee(), Some(BASE_FEE));
    // More than the channels hold, and less time than the hop wants.
    let estimate = |amount, delta| payer.node.estimate_route_fee(&target, amount, delta);
    assert_eq!(estimate(2_000_000_000, 500), None);
    assert_eq!(estimate(AMOUNT, 100), None);

    let preimage = [21; 32];
    let hash = hash_of(preimage);
    let invoice = receiver
        .node
        .hold_invoice(hash, AMOUNT, 225, 3600, "swap")
        .unwrap();
    assert!(invoice.route_hints().is_empty());
    let pay = PayRequest {
        max_fee_msat: BASE_FEE,
        max_total_cltv_delta: 500,
        last_hop: Some(hop.node.node_id()),
        ..request(&invoice, [21; 32], 225)
    };
    let elsewhere = PayRequest {
        last_hop: Some(receiver.node.node_id()),
        ..pay.clone()
    };
    assert_eq!(payer.node.pay(&elsewhere), Err(PayError::NoRoute));
    payer.node.pay(&pay).unwrap();
    receiver.held(hash).await;
    receiver.node.claim(preimage);
    assert_eq!(payer.sent([21; 32]).await, (preimage, BASE_FEE));
    for running in [&payer, &hop, &receiver] {
        running.node.stop().await;
    }
}
