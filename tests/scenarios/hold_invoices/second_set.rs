//! A second HTLC on a hash that is held. Whoever knows the hash can send one, with an invoice of its own making.

use std::time::{SystemTime, UNIX_EPOCH};

use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::Secp256k1;
use cambista_harness::Bitcoind;
use cambista_ldk::{Bolt11Invoice, LightningEvent, PayRequest};
use lightning::bolt11_invoice::{Currency, InvoiceBuilder, PaymentSecret};
use lightning::sign::KeysManager;

use super::node::eventually;
use super::{INVOICE_SLACK, hash_of, pair, request};

/// Below what a node needs to hold an HTLC (blocks).
const TOO_SHORT: u16 = 20;

/// An invoice on `hash` that no honest receiver would make: it is due too soon to be held, and its secret is nobody's. A payer
/// needs none to send what it asks for; with the receiver's seed the test has one all the same.
fn made_up(receiver: [u8; 32], hash: [u8; 32]) -> Bolt11Invoice {
    let key = KeysManager::new(&receiver, 0, 0, true).get_node_secret_key();
    InvoiceBuilder::new(Currency::Regtest)
        .description("made up".into())
        .payment_hash(sha256::Hash::from_byte_array(hash))
        .payment_secret(PaymentSecret([7; 32]))
        .amount_milli_satoshis(1_000_000)
        .duration_since_epoch(SystemTime::now().duration_since(UNIX_EPOCH).unwrap())
        .min_final_cltv_expiry_delta(TOO_SHORT.into())
        .basic_mpp()
        .build_signed(|digest| Secp256k1::new().sign_ecdsa_recoverable(digest, &key))
        .unwrap()
}

/// The payment of such an invoice.
pub(crate) fn too_soon(receiver: [u8; 32], hash: [u8; 32], id: [u8; 32]) -> PayRequest {
    PayRequest {
        retry_secs: 0,
        ..request(
            &made_up(receiver, hash),
            id,
            u32::from(TOO_SHORT) - INVOICE_SLACK,
        )
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_said_of_a_second_htlc_on_a_held_hash_is_not_true_of_the_first() {
    let bitcoind = Bitcoind::start(&[]);
    let (payer, receiver, channel) = pair(&bitcoind).await;
    let before = payer.settled_outbound(channel).await;
    let preimage = [9; 32];
    let hash = hash_of(preimage);
    let invoice = receiver
        .node
        .hold_invoice(hash, 200_000_000, 225, 3600, "swap")
        .unwrap();
    payer.node.pay(&request(&invoice, [1; 32], 225)).unwrap();
    receiver.held(hash).await;

    let second = too_soon(receiver.ldk_seed(), hash, [2; 32]);
    payer.node.pay(&second).unwrap();
    let dropped = |event: &LightningEvent| matches!(event, LightningEvent::Dropped { .. });
    eventually("the second is said to be dropped", || {
        receiver.events.has(dropped)
    })
    .await;
    payer.payment_failed([2; 32]).await;

    let held: Vec<_> = receiver.node.held_htlcs();
    assert_eq!(held.len(), 1, "the first is held all the same");
    receiver.node.claim(preimage);
    assert_eq!(receiver.claimed(hash).await, 200_000_000);
    assert_eq!(payer.sent([1; 32]).await, (preimage, 0));
    assert_eq!(payer.settled_outbound(channel).await, before - 200_000_000);
    payer.node.stop().await;
    receiver.node.stop().await;
}
