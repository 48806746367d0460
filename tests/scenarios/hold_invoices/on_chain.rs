//! Held payments and channels when the chain has to decide.

use std::sync::Arc;

use bitcoin::{Block, BlockHash, FeeRate, Transaction};
use cambista_harness::Bitcoind;
use cambista_ldk::chain::{BlockId, NoObserver, Observer, Told};
use cambista_ldk::{LightningEvent, Node};
use serde_json::json;

use super::node::{PATIENCE, eventually};
use super::{FAIL_BACK, hash_of, pair, request};

/// A preimage is used on chain this many blocks before the HTLC expires.
const CLAIM_BUFFER: u32 = 36;
/// Blocks our own claims on chain wait before they can be spent.
const SELF_DELAY: u32 = 144;
/// Confirmations after which LDK spends an output.
const BURIED: u32 = 6;

/// Learns the preimage from the first block it has not seen.
struct FindsPreimage {
    node: Arc<Node>,
    preimage: [u8; 32],
    seen: (u32, BlockHash),
}

impl Observer for FindsPreimage {
    fn best_block(&self) -> Option<(u32, BlockHash)> {
        Some(self.seen)
    }

    fn connected<'a>(&'a self, _: &'a Block, _: u32) -> Told<'a> {
        self.node.claim(self.preimage);
        Box::pin(std::future::ready(Ok(())))
    }

    fn disconnected<'a>(&'a self, _: BlockId) -> Told<'a> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn spent_in_mempool<'a>(&'a self, _: &'a Transaction) -> Told<'a> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_receiver_away_past_its_deadline_claims_what_its_observer_finds_in_the_blocks_it_missed()
{
    let bitcoind = Bitcoind::start(&[]);
    let (payer, receiver, channel) = pair(&bitcoind).await;
    let before = payer.settled_outbound(channel).await;
    let preimage = [3; 32];
    let hash = hash_of(preimage);
    let invoice = receiver
        .node
        .hold_invoice(hash, 400_000_000, 60, 3600, "swap")
        .unwrap();
    payer.node.pay(&request(&invoice, [3; 32], 60)).unwrap();
    let held = receiver.held(hash).await;
    let tip = receiver.node.chain().tip();
    let ended = receiver.stop().await;
    // Past the height at which LDK gives the payment up, short of that at which it would go to the chain.
    assert_eq!(held.cltv_expiry - held.claim_deadline, FAIL_BACK);
    bitcoind.mine(held.claim_deadline + 1 - bitcoind.height());
    let disk = ended.disk.clone();
    let receiver = ended
        .start_from(disk, |node| {
            Arc::new(FindsPreimage {
                node: node.clone(),
                preimage,
                seen: (tip.height, tip.hash),
            })
        })
        .await;
    assert_eq!(receiver.claimed(hash).await, 400_000_000);
    assert_eq!(payer.sent([3; 32]).await.0, preimage);
    assert_eq!(payer.settled_outbound(channel).await, before - 400_000_000);
    payer.node.stop().await;
    receiver.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_held_payment_is_claimed_on_chain_when_the_payer_is_gone() {
    const AMOUNT: u64 = 400_000;
    const SAVINGS: u64 = 100_000;
    const RATE: u64 = 10;
    let bitcoind = Bitcoind::start(&[]);
    let (payer, receiver, _) = pair(&bitcoind).await;
    receiver.fund(&bitcoind, SAVINGS).await;
    payer.catch_up(&bitcoind).await;
    let preimage = [4; 32];
    let hash = hash_of(preimage);
    let invoice = receiver
        .node
        .hold_invoice(hash, AMOUNT * 1_000, 60, 3600, "swap")
        .unwrap();
    payer.node.pay(&request(&invoice, [4; 32], 60)).unwrap();
    let held = receiver.held(hash).await;
    let gone = payer.stop().await;
    // The chain has become more expensive since the commitment was agreed, and nobody is there to agree a new one.
    let mut ended = receiver.stop().await;
    ended.config.fees.fixed = FeeRate::from_sat_per_vb(RATE);
    let disk = ended.disk.clone();
    let receiver = ended.start_from(disk, |_| Arc::new(NoObserver)).await;
    receiver.node.claim(preimage);
    assert_eq!(receiver.claimed(hash).await, AMOUNT * 1_000);
    bitcoind.mine(held.cltv_expiry - CLAIM_BUFFER - bitcoind.height());
    let closed = |event: &LightningEvent| matches!(event, LightningEvent::ChannelClosed { .. });
    eventually("the channel is closed", || receiver.events.has(closed)).await;
    // The commitment with the child that pays for it, then the HTLC with coins that pay for it.
    bitcoind.wait_for_mempool(2, PATIENCE);
    bitcoind.mine(1);
    bitcoind.wait_for_mempool(1, PATIENCE);
    bitcoind.mine(1);
    receiver.catch_up(&bitcoind).await;
    assert_eq!(receiver.node.balance().closing_sat, AMOUNT);
    bitcoind.mine(SELF_DELAY);
    bitcoind.wait_for_mempool(1, PATIENCE);
    bitcoind.mine(BURIED);
    receiver.catch_up(&bitcoind).await;
    let confirmed = receiver.node.wallet().balance().confirmed.to_sat();
    let fees = SAVINGS + AMOUNT - confirmed;
    // Commitment, its child, the HTLC and the sweep are some 850 vB, and more fee is only ever paid for less weight.
    assert!(
        (500 * RATE..1_100 * RATE).contains(&fees),
        "{fees} sat of fees"
    );
    // The payer finds the preimage in the chain.
    let disk = gone.disk.clone();
    let payer = gone.start_from(disk, |_| Arc::new(NoObserver)).await;
    assert_eq!(payer.sent([4; 32]).await.0, preimage);
    payer.node.stop().await;
    receiver.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_channel_closed_by_agreement_pays_into_both_wallets() {
    let bitcoind = Bitcoind::start(&[]);
    let (payer, receiver, channel) = pair(&bitcoind).await;
    let before = payer.node.wallet().balance().confirmed.to_sat();
    let invoice = receiver
        .node
        .invoice(Some(700_000_000), "coffee for years", 3600)
        .unwrap();
    let mut pay = request(&invoice, [6; 32], 42);
    pay.max_total_cltv_delta = 200;
    payer.node.pay(&pay).unwrap();
    payer.sent([6; 32]).await;
    let received = receiver
        .events
        .expect("received payment", |event| match event {
            LightningEvent::Received { amount_msat, .. } => Some(*amount_msat),
            _ => None,
        })
        .await;
    assert_eq!(received, 700_000_000);
    payer.settled_outbound(channel).await;
    payer.node.close_channel(channel, false).unwrap();
    let closing = bitcoind.wait_for_mempool(1, PATIENCE)[0];
    let entry = bitcoind.rpc("getmempoolentry", json!([closing])).unwrap();
    let vsize = entry["vsize"].as_u64().unwrap();
    bitcoind.mine(1);
    payer.catch_up(&bitcoind).await;
    receiver.catch_up(&bitcoind).await;
    // Whoever opened the channel pays for closing it.
    assert_eq!(receiver.node.wallet().balance().confirmed.to_sat(), 700_000);
    let returned = payer.node.wallet().balance().confirmed.to_sat() - before;
    let fee = 5_000_000 - 700_000 - returned;
    assert!(
        (vsize..=10 * vsize).contains(&fee),
        "{fee} sat for {vsize} vB"
    );
    eventually("the channel is forgotten", || {
        payer.node.channels().is_empty()
    })
    .await;
    assert_eq!(payer.node.wallet().reserve().to_sat(), 0);
    payer.node.stop().await;
    receiver.node.stop().await;
}
