//! Channels as they are opened and closed: what LDK says once is said until bitcoind hears it, what fails costs nothing.

use std::sync::Arc;
use std::time::Duration;

use cambista_harness::Bitcoind;
use cambista_ldk::chain::NoObserver;
use cambista_ldk::{ChannelError, LightningEvent, OpenChannel};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::node::{Disk, PATIENCE, Running, eventually};
use super::pair;

/// What is kept back for one channel, in satoshis.
const RESERVE: u64 = 25_000;
/// Length on the wire of the message that accepts a channel, or a little less.
const ACCEPTANCE: usize = 330;

fn open(to: &Running, sat: u64) -> OpenChannel {
    OpenChannel {
        peer: to.node.node_id(),
        address: Some(to.address()),
        amount_sat: sat,
        push_msat: 0,
        announced: false,
    }
}

fn reserve(of: &Running) -> u64 {
    of.node.wallet().reserve().to_sat()
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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn coins_are_kept_back_for_channels_that_exist_and_no_others() {
    let bitcoind = Bitcoind::start(&[]);
    let (payer, receiver) = strangers(&bitcoind).await;
    // Refused by LDK at once, and by the peer.
    for sat in [500, 15_000] {
        let refused = payer.node.open_channel(open(&receiver, sat)).await;
        assert!(
            matches!(refused, Err(ChannelError::Refused(_))),
            "{refused:?}"
        );
        assert_eq!(reserve(&payer), 0);
    }
    let id = payer.node.open_channel(open(&receiver, 400_000)).await;
    let id = id.unwrap();
    receiver
        .events
        .expect("pending channel", |event| {
            matches!(event, LightningEvent::ChannelPending { .. }).then_some(())
        })
        .await;
    assert_eq!(reserve(&payer), RESERVE);
    assert_eq!(reserve(&receiver), 0, "nobody paid for it yet");
    bitcoind.wait_for_mempool(1, PATIENCE);
    bitcoind.mine(1);
    for side in [&payer, &receiver] {
        eventually("the channel is ready", || side.channel(id).ready).await;
        eventually("coins are kept back", || reserve(side) == RESERVE).await;
    }
    payer.node.stop().await;
    receiver.node.stop().await;
}

/// Carries one connection to `to`. Once told to count, it lets about one acceptance through and nothing after it, until
/// told otherwise.
async fn carrier(to: String, counts: watch::Receiver<bool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (here, _) = listener.accept().await.unwrap();
        let there = TcpStream::connect(to).await.unwrap();
        let (mut from_here, mut to_here) = here.into_split();
        let (mut from_there, mut to_there) = there.into_split();
        tokio::spawn(async move { tokio::io::copy(&mut from_here, &mut to_there).await });
        let mut counts = counts;
        let mut bytes = vec![0; 4096];
        let mut passed = 0;
        while let Ok(read @ 1..) = from_there.read(&mut bytes).await {
            if passed >= ACCEPTANCE && counts.wait_for(|counts| !counts).await.is_err() {
                return;
            }
            if *counts.borrow() {
                passed += read;
            }
            if to_here.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_opening_given_up_while_its_funding_waits_for_the_peers_signature_spends_nothing() {
    let bitcoind = Bitcoind::start(&[]);
    let (payer, receiver) = strangers(&bitcoind).await;
    let (count, counts) = watch::channel(false);
    let through = carrier(receiver.address(), counts).await;
    payer
        .node
        .connect(receiver.node.node_id(), &through)
        .await
        .unwrap();
    count.send_replace(true);
    let mut slow = open(&receiver, 400_000);
    slow.address = None;
    let (node, asked) = (payer.node.clone(), Duration::from_secs(4));
    let opening = tokio::spawn(async move { node.open_channel_within(slow, asked).await });
    let mut made = false;
    eventually("the funding is made", || {
        made |= !payer.node.wallet().locked().is_empty();
        made || opening.is_finished()
    })
    .await;
    assert!(made, "the peer accepted");
    let outcome = opening.await.unwrap();
    assert!(outcome.is_err(), "{outcome:?}");
    // What the peer signed comes after all.
    count.send_replace(false);
    eventually("the coins are free", || {
        payer.node.wallet().locked().is_empty() && payer.node.channels().is_empty()
    })
    .await;
    assert_eq!(payer.node.wallet().fundable().to_sat(), 1_000_000);
    assert_eq!(reserve(&payer), 0);
    assert!(bitcoind.mempool().is_empty());
    payer.node.stop().await;
    receiver.node.stop().await;
}
