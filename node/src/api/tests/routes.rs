//! What the routes take and give.

use std::time::{Duration, Instant};

use bitcoin::Amount;
use cambista_engine::view::SwapView;
use cambista_protocol::money::Msat;
use serde_json::{Value, json};

use super::fake::{MAKER, quote, served, swap};
use crate::api::types::*;
use crate::client::ClientError;

#[tokio::test]
async fn the_status_tells_of_node_swaps_and_maker() {
    let node = served(|_| ()).await;
    let status: Status = node
        .call(|client| client.get("/status", &[]))
        .await
        .unwrap();
    assert_eq!(
        (status.open_swaps, status.maker_enabled, status.node.height),
        (1, false, 120)
    );
}

#[tokio::test]
async fn quotes_come_with_those_who_gave_none() {
    let node = served(|_| ()).await;
    let ask = json!({ "direction": "out", "amount_sat": 250_000, "maker": MAKER });
    let list: QuoteList = node
        .call(move |client| client.post("/quotes", &ask))
        .await
        .unwrap();
    assert_eq!(list.quotes, [quote()]);
    assert_eq!(list.refused[0].reason, "too small");
}

#[tokio::test]
async fn an_empty_market_says_so_and_what_to_type() {
    let node = served(|node| node.no_makers = true).await;
    let ask = json!({ "direction": "in", "amount_sat": 250_000 });
    let problem = node
        .refused(move |client| client.post::<QuoteList>("/quotes", &ask))
        .await;
    assert_eq!(
        (problem.code, problem.funds, problem.status),
        (Code::Refused, Funds::Safe, 409)
    );
    assert_eq!(problem.next.as_deref(), Some("cambista offers in"));
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_before_anyone_is_asked() {
    let node = served(|_| ()).await;
    let asks = [
        json!({ "direction": "out", "amount_sat": 0 }),
        json!({ "direction": "out", "amount_sat": 2_100_000_000_000_001_u64 }),
        json!({ "direction": "up", "amount_sat": 1 }),
        json!({ "direction": "out", "amount_sat": 1, "maker": "02" }),
        json!({ "direction": "out", "amount_sat": 1, "amuont": 1 }),
        json!({ "direction": "out", "amount_sat": 1.5 }),
    ];
    for ask in asks {
        let body = ask.clone();
        let problem = node
            .refused(move |client| client.post::<QuoteList>("/quotes", &body))
            .await;
        assert_eq!(problem.code, Code::Invalid, "{ask}");
    }
}

#[tokio::test]
async fn an_order_reaches_the_engine_with_all_its_limits() {
    let node = served(|_| ()).await;
    let address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
    let order = Order {
        quote_id: "11".into(),
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
    assert_eq!((started.order, started.swap), (swap(1).order, swap(1)));
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
        let sent = order.clone();
        let problem = node
            .refused(move |client| client.post::<OrderStarted>("/orders", &sent))
            .await;
        assert_eq!(problem.code, Code::Invalid, "{order:?}");
    }
    assert!(node.node.asked.lock().unwrap().started.is_empty());
}

#[tokio::test]
async fn coins_are_never_sent_to_another_networks_address() {
    let node = served(|_| ()).await;
    let mainnet = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
    for address in [mainnet, "nonsense", ""] {
        let order = Order {
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

#[tokio::test]
async fn a_refusal_of_the_engine_keeps_its_words() {
    let node = served(|node| node.refuse = true).await;
    let problem = node
        .refused(|client| client.post::<OrderStarted>("/orders", &Order::default()))
        .await;
    assert_eq!(
        (problem.code, problem.detail.as_str()),
        (Code::Refused, "the price has changed")
    );
    let problem = node
        .refused(|client| client.get::<SwapView>("/swaps/77", &[]))
        .await;
    assert_eq!(
        (problem.status, problem.next.as_deref()),
        (404, Some("cambista swaps"))
    );
}

#[tokio::test]
async fn waiting_ends_when_the_swap_changes_and_not_before() {
    let node = served(|_| ()).await;
    let query = |wait: u64| [("since", "1".to_owned()), ("wait", wait.to_string())];
    let begun = Instant::now();
    let same: SwapView = node
        .call(move |client| client.get("/swaps/abab", &query(1)))
        .await
        .unwrap();
    assert_eq!(same.version, 1);
    assert!(begun.elapsed() >= Duration::from_secs(1));

    let changer = node.node.version.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        changer.send_replace(2);
    });
    let newer: SwapView = node
        .call(move |client| client.get("/swaps/abab", &query(20)))
        .await
        .unwrap();
    assert_eq!(newer.version, 2);
    assert!(begun.elapsed() < Duration::from_secs(10));
    let now: SwapView = node
        .call(|client| client.get("/swaps/abab", &[]))
        .await
        .unwrap();
    assert_eq!(now.version, 2);
}

#[tokio::test]
async fn a_makers_business_is_checked_before_it_is_set() {
    let node = served(|_| ()).await;
    let side = SideSettings {
        base_sat: 1,
        ppm: -3,
        min_sat: 10,
        max_sat: 20,
    };
    let good = MakerSettings {
        enabled: true,
        out: Some(side),
        ..MakerSettings::default()
    };
    let wrong = [
        MakerSettings { out: None, ..good },
        MakerSettings {
            refund_delta: 0,
            ..good
        },
        MakerSettings {
            refund_delta: 433,
            ..good
        },
        MakerSettings {
            quote_secs: 0,
            ..good
        },
        MakerSettings {
            into: Some(SideSettings {
                min_sat: 30,
                ..side
            }),
            ..good
        },
        MakerSettings {
            into: Some(SideSettings {
                ppm: 1_000_001,
                ..side
            }),
            ..good
        },
    ];
    for settings in wrong {
        let problem = node
            .refused(move |client| client.put::<MakerSettings>("/maker", &settings))
            .await;
        assert!(
            problem.detail.contains("nothing was changed"),
            "{problem:?}"
        );
    }
    assert!(!node.node.asked.lock().unwrap().policy.enabled);
    let set: MakerSettings = node
        .call(move |client| client.put("/maker", &good))
        .await
        .unwrap();
    assert_eq!(set, good);
    assert_eq!(
        node.node
            .asked
            .lock()
            .unwrap()
            .policy
            .out
            .unwrap()
            .price
            .ppm,
        -3
    );
    let shown: Value = node.call(|client| client.get("/maker", &[])).await.unwrap();
    assert_eq!(shown["out"]["ppm"], -3);
    assert_eq!(shown["in"], Value::Null);
}

#[tokio::test]
async fn everything_else_reaches_the_node() {
    let node = served(|_| ()).await;
    let query = [
        ("direction", "out".to_owned()),
        ("amount_sat", "5".to_owned()),
    ];
    node.call(move |client| client.get::<OfferList>("/offers", &query))
        .await
        .unwrap();
    let force = [("force", "true".to_owned())];
    node.call(move |client| client.delete::<Done>("/channels/5e5e", &force))
        .await
        .unwrap();
    let open = json!({ "node": MAKER, "amount_sat": 100_000 });
    let opened: ChannelOpened = node
        .call(move |client| client.post("/channels", &open))
        .await
        .unwrap();
    assert_eq!(opened.id.len(), 64);
    let given = json!({ "node": MAKER, "amount_sat": 100, "push_sat": 100 });
    let problem = node
        .refused(move |client| client.post::<ChannelOpened>("/channels", &given))
        .await;
    assert_eq!(problem.code, Code::Invalid);
    let peer = ConnectPeer {
        address: "x".into(),
    };
    let problem = node
        .refused(move |client| client.post::<Done>("/peers", &peer))
        .await;
    assert_eq!(
        (problem.status, problem.next.as_deref()),
        (503, Some("cambista peer list"))
    );
    let balance: Balance = node
        .call(|client| client.get("/wallet/balance", &[]))
        .await
        .unwrap();
    assert_eq!(balance.onchain_spendable_sat, 7);
    node.call(|client| client.post::<WalletAddress>("/wallet/address", &json!({})))
        .await
        .unwrap();
    node.call(|client| client.post::<Done>("/stop", &json!({})))
        .await
        .unwrap();
    assert!(node.node.asked.lock().unwrap().stopped);
}

#[tokio::test]
async fn a_node_that_is_gone_was_not_asked() {
    let node = served(|_| ()).await;
    node.server.abort();
    let _ = (
        &node.stop,
        tokio::time::sleep(Duration::from_millis(100)).await,
    );
    let dir = node.dir.clone();
    let gone = tokio::task::spawn_blocking(move || {
        crate::client::Client::open(&dir)
            .unwrap()
            .post::<Done>("/stop", &json!({}))
    });
    assert!(matches!(
        gone.await.unwrap(),
        Err(ClientError::Unreachable { .. })
    ));
    node.dir.forget_api_address();
    assert!(matches!(
        crate::client::Client::open(&node.dir),
        Err(ClientError::NotRunning(_))
    ));
}

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
    assert!(begun.elapsed() < Duration::from_secs(5));

    let maker = std::sync::Arc::clone(&node.node);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        maker.end_payment(PaymentState::Paid);
    });
    let patient = json!({ "invoice": "lnbc", "wait_secs": 30 });
    let payment: Payment = node
        .call(move |client| client.post("/payments", &patient))
        .await
        .unwrap();
    assert_eq!(payment.fee_msat, Some(1_234_567));
    let path = format!("/payments/{}", payment.payment_hash);
    let again: Payment = node
        .call(move |client| client.get(&path, &[("wait", "30".into())]))
        .await
        .unwrap();
    assert_eq!(again, payment);
    assert!(begun.elapsed() < Duration::from_secs(20));
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

#[tokio::test]
async fn all_swaps_are_listed_again_as_soon_as_one_of_them_changes() {
    let node = served(|_| ()).await;
    let list: SwapList = node.call(|client| client.get("/swaps", &[])).await.unwrap();
    let version = node.node.version.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        version.send_replace(2);
    });
    let begun = Instant::now();
    let query = [("since", list.version.to_string()), ("wait", "30".into())];
    let next: SwapList = node
        .call(move |client| client.get("/swaps", &query))
        .await
        .unwrap();
    assert_eq!((next.version, next.swaps[0].version), (2, 2));
    assert!(begun.elapsed() < Duration::from_secs(20));
}
