//! Sending coins, invoices and paying them.

use std::time::{Duration, Instant};

use serde_json::json;

use super::served::{listened_to, served};
use crate::api::types::*;

/// The longest one waits for something to change: what takes less was not waited for to the end.
const LONGEST: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_payment_is_waited_for_or_not_as_the_caller_wishes() {
    let node = served(|_| ()).await;
    let at_once = json!({ "invoice": "lnbc", "max_fee_sat": 5 });
    let begun = Instant::now();
    let payment: Payment = node
        .call(move |client| client.post("/payments", &at_once))
        .await
        .unwrap();
    assert_eq!(payment.state, PaymentState::Pending);
    assert!(begun.elapsed() < LONGEST, "nobody waited");

    let maker = std::sync::Arc::clone(&node.node);
    tokio::spawn(async move {
        listened_to(&maker.payment_changes).await;
        maker.end_payment(PaymentState::Paid);
    });
    let begun = Instant::now();
    let patient = json!({ "invoice": "lnbc", "wait_secs": 30 });
    let payment: Payment = node
        .call(move |client| client.post("/payments", &patient))
        .await
        .unwrap();
    assert_eq!(payment.fee_msat, Some(1_234_567));
    assert!(begun.elapsed() < LONGEST);
    let begun = Instant::now();
    let path = format!("/payments/{}", payment.payment_hash);
    let again: Payment = node
        .call(move |client| client.get(&path, &[("wait", "30".into())]))
        .await
        .unwrap();
    assert_eq!(again, payment);
    assert!(begun.elapsed() < LONGEST);
}

#[tokio::test]
async fn invoices_that_cannot_be_meant_are_refused() {
    let node = served(|_| ()).await;
    for ask in [
        json!({ "amount_sat": 0 }),
        json!({ "amount_sat": 2_100_000_000_000_001_u64 }),
        json!({ "expiry_secs": 0 }),
        json!({ "amount": 5 }),
    ] {
        let problem = node
            .refused(move |client| client.post::<Invoice>("/invoices", &ask))
            .await;
        assert_eq!(problem.code, Code::Invalid);
    }
    let problem = node
        .refused(|client| client.get::<Payment>("/payments/2a", &[]))
        .await;
    assert_eq!(problem.code, Code::Invalid);
}

#[tokio::test]
async fn coins_are_never_sent_to_another_networks_address() {
    let node = served(|_| ()).await;
    let mainnet = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
    for address in [mainnet, "nonsense", ""] {
        let order = Order {
            quote_id: Some("11".into()),
            address: Some(address.into()),
            ..Order::default()
        };
        let problem = node
            .refused(move |client| client.post::<OrderStarted>("/orders", &order))
            .await;
        assert_eq!(problem.code, Code::Invalid);
        let send = json!({ "address": address, "amount_sat": 1 });
        let problem = node
            .refused(move |client| client.post::<Sent>("/wallet/send", &send))
            .await;
        assert_eq!(problem.code, Code::Invalid);
    }
    let asked = node.node.asked.lock().unwrap();
    assert!(asked.started.is_empty() && asked.sent.is_empty());
}

#[tokio::test]
async fn a_send_says_exactly_one_of_amount_and_all() {
    let node = served(|_| ()).await;
    let address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
    let wrong = [
        json!({ "address": address }),
        json!({ "address": address, "amount_sat": 1, "all": true }),
        json!({ "address": address, "amount_sat": 0 }),
        json!({ "address": address, "amount_sat": 1, "fee_rate_sat_vb": 0 }),
    ];
    for send in wrong {
        let problem = node
            .refused(move |client| client.post::<Sent>("/wallet/send", &send))
            .await;
        assert_eq!(problem.code, Code::Invalid);
    }
    let all = json!({ "address": address, "all": true });
    let sent: Sent = node
        .call(move |client| client.post("/wallet/send", &all))
        .await
        .unwrap();
    assert_eq!(sent.fee_sat, 2);
    assert_eq!(node.node.asked.lock().unwrap().sent.len(), 1);
}
