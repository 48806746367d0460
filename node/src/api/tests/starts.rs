//! One swap begun on a quote.

use bitcoin::Amount;
use cambista_protocol::money::Msat;
use serde_json::json;

use super::fake_swaps::{MAKER, quote, swap};
use super::served::served;
use crate::api::types::*;

#[tokio::test]
async fn an_order_reaches_the_engine_with_all_its_limits() {
    let node = served(|_| ()).await;
    let address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
    let order = Order {
        plan_id: None,
        quote_id: Some("11".into()),
        address: Some(address.into()),
        max_miner_fee_sat: Some(900),
        max_routing_fee_sat: Some(12),
        max_fee_sat: Some(2000),
        channels: Some(vec!["5e".repeat(32)]),
        last_hop: Some(MAKER.into()),
        confirmations: Some(2),
        label: Some("rent".into()),
    };
    let started: OrderStarted = node
        .call(move |client| client.post("/orders", &order))
        .await
        .unwrap();
    assert_eq!(
        (started.order, started.swap),
        (swap(1).order, Some(swap(1)))
    );
    let asked = node.node.asked.lock().unwrap();
    let [start] = asked.started.as_slice() else {
        panic!("one start")
    };
    assert_eq!(
        start.destination.as_ref().unwrap().to_hex_string(),
        "0014751e76e8199196d454941c45d1b3a323f1433bd6"
    );
    assert_eq!(start.max_miner_fee, Some(Amount::from_sat(900)));
    assert_eq!(start.max_routing_fee, Some(Msat(12_000)));
    assert_eq!(start.max_fee, Some(Amount::from_sat(2000)));
    assert_eq!(start.first_hops, Some(vec![[0x5e; 32]]));
    assert_eq!(start.last_hop, Some(MAKER.parse().unwrap()));
    assert_eq!(
        (start.confirmations, start.label.as_deref()),
        (Some(2), Some("rent"))
    );
}

#[tokio::test]
async fn channels_and_nodes_that_cannot_be_meant_begin_nothing() {
    let node = served(|_| ()).await;
    let wrong = [
        Order {
            channels: Some(vec!["5e".into()]),
            ..Order::default()
        },
        Order {
            channels: Some(vec![]),
            ..Order::default()
        },
        Order {
            last_hop: Some("02".into()),
            ..Order::default()
        },
        Order {
            confirmations: Some(0),
            ..Order::default()
        },
        Order {
            label: Some("l".repeat(200)),
            ..Order::default()
        },
        Order {
            max_fee_sat: Some(u64::MAX),
            ..Order::default()
        },
    ];
    for order in wrong {
        let sent = Order {
            quote_id: Some("11".into()),
            ..order.clone()
        };
        let problem = node
            .refused(move |client| client.post::<OrderStarted>("/orders", &sent))
            .await;
        assert_eq!(problem.code, Code::Invalid, "{order:?}");
    }
    assert!(node.node.asked.lock().unwrap().started.is_empty());
}

#[tokio::test]
async fn standing_limits_hold_for_programs_too() {
    let limits = Limits {
        max_fee_ppm: Some(4_000),
        max_routing_fee_sat: Some(50),
        ..Limits::default()
    };
    let node = served(|node| node.limits = limits).await;
    let id = quote().id;
    let order = json!({ "quote_id": id, "max_routing_fee_sat": 60 });
    let unknown = order.clone();
    let problem = node
        .refused(move |client| client.post::<OrderStarted>("/orders", &unknown))
        .await;
    assert_eq!(problem.code, Code::NotFound);
    let ask = json!({ "direction": "out", "amount_sat": 250_000 });
    node.call(move |client| client.post::<QuoteList>("/quotes", &ask))
        .await
        .unwrap();
    node.call(move |client| client.post::<OrderStarted>("/orders", &order))
        .await
        .unwrap();
    let asked = node.node.asked.lock().unwrap();
    let started = &asked.started[0];
    assert_eq!(started.max_fee, Some(Amount::from_sat(1_000)));
    assert_eq!(started.max_routing_fee, Msat::from_sat(60));
    assert_eq!(started.max_miner_fee, None);
}
