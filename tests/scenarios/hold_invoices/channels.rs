//! Channels as they are opened and closed: what LDK says once is said until bitcoind hears it.

use std::sync::Arc;

use cambista_harness::Bitcoind;
use cambista_ldk::OpenChannel;
use cambista_ldk::chain::NoObserver;

use super::node::{Disk, PATIENCE, Running, eventually};
use super::pair;

fn open(to: &Running, sat: u64) -> OpenChannel {
    OpenChannel {
        peer: to.node.node_id(),
        address: Some(to.address()),
        amount_sat: sat,
        push_msat: 0,
        announced: false,
    }
}

/// A node with one coin of 1,000,000 sat, and one without.
async fn strangers(bitcoind: &Bitcoind) -> (Running, Running) {
    bitcoind.mine(110);
    let rich = Running::start(bitcoind, 1).await;
    let poor = Running::start(bitcoind, 2).await;
    rich.fund(bitcoind, 1_000_000).await;
    poor.catch_up(bitcoind).await;
    (rich, poor)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_closing_by_agreement_the_mempool_lost_is_offered_again() {
    let mut bitcoind = Bitcoind::start(&[]);
    let (payer, receiver, channel) = pair(&bitcoind).await;
    payer.node.close_channel(channel, false).unwrap();
    let closing = bitcoind.wait_for_mempool(1, PATIENCE);
    eventually("the wallet has the closing", || {
        let history = payer.node.wallet().history();
        history.iter().any(|tx| closing.contains(&tx.txid))
    })
    .await;
    bitcoind.restart_forgetful();
    payer.node.broadcaster().repeat().await.unwrap();
    assert_eq!(bitcoind.mempool(), closing);
    payer.node.stop().await;
    receiver.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_funding_bitcoind_was_away_for_goes_out_when_it_is_back_also_after_a_crash() {
    let mut bitcoind = Bitcoind::start(&[]);
    let (payer, receiver) = strangers(&bitcoind).await;
    let before = payer.disk.wallet_changes().len();
    bitcoind.away();
    let id = payer.node.open_channel(open(&receiver, 400_000)).await;
    let id = id.unwrap();
    let seen = |change: &Vec<u8>| {
        let change: serde_json::Value = serde_json::from_slice(change).unwrap();
        let seen = &change["tx_graph"]["last_seen"];
        seen.as_object().is_some_and(|seen| !seen.is_empty())
    };
    let mut sent = None;
    eventually("the wallet is told of the funding", || {
        let changes = payer.disk.wallet_changes();
        sent = changes.iter().skip(before).position(seen);
        sent.is_some()
    })
    .await;
    payer.node.barrier().await.unwrap();
    // As a crash leaves it that comes between LDK's saying it and the wallet's hearing it.
    let mut changes = payer.disk.wallet_changes();
    changes.truncate(before + sent.unwrap());
    let rows = payer.disk.states().pop().unwrap();
    let ended = payer.stop().await;
    bitcoind.back();
    assert!(bitcoind.mempool().is_empty());
    let payer = ended
        .start_from(Disk::of(rows, changes), |_| Arc::new(NoObserver))
        .await;
    bitcoind.wait_for_mempool(1, PATIENCE);
    assert!(payer.channel(id).funding.is_some());
    payer.node.stop().await;
    receiver.node.stop().await;
}
