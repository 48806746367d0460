//! What the routes take and give.

use std::time::{Duration, Instant};

use cambista_engine::ports::Clock as _;
use cambista_engine::view::SwapView;
use serde_json::json;

use super::fake_swaps::{MAKER, quote};
use super::served::{listened_to, served};
use crate::adapters::system::SystemClock;
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
async fn makers_that_are_left_alone_are_not_said_to_offer_nothing() {
    let node = served(|node| {
        node.no_makers = true;
        node.resting_until = Some(SystemClock.now() + 590);
    })
    .await;
    let ask = json!({ "direction": "out", "amount_sat": 250_000 });
    let problem = node
        .refused(move |client| client.post::<QuoteList>("/quotes", &ask))
        .await;
    assert_eq!((problem.code, problem.funds), (Code::Refused, Funds::Safe));
    for words in ["10 more minutes", "`--maker ID`", "Nothing was begun"] {
        assert!(problem.detail.contains(words), "{problem:?}");
    }
    // Whoever is named is asked, so that is not why it cannot be.
    let ask = json!({ "direction": "out", "amount_sat": 250_000, "maker": MAKER });
    let problem = node
        .refused(move |client| client.post::<QuoteList>("/quotes", &ask))
        .await;
    assert!(problem.detail.contains("does not offer"), "{problem:?}");
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
async fn a_refusal_of_the_engine_keeps_its_words() {
    let node = served(|node| node.refuse = true).await;
    let order = Order {
        quote_id: Some("11".into()),
        ..Order::default()
    };
    let problem = node
        .refused(move |client| client.post::<OrderStarted>("/orders", &order))
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
    let begun = Instant::now();
    tokio::spawn(async move {
        listened_to(&changer).await;
        changer.send_replace(2);
    });
    let newer: SwapView = node
        .call(move |client| client.get("/swaps/abab", &query(30)))
        .await
        .unwrap();
    assert_eq!(newer.version, 2);
    assert!(begun.elapsed() < Duration::from_secs(30));
    let now: SwapView = node
        .call(|client| client.get("/swaps/abab", &[]))
        .await
        .unwrap();
    assert_eq!(now.version, 2);
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
async fn what_answers_where_a_killed_node_was_is_not_asked() {
    let node = served(|_| ()).await;
    crate::client::Client::open(&node.dir).unwrap();
    // The system gives up the lock of a process that was killed; its files stay.
    node.node.lock.lock().unwrap().take();
    assert!(node.dir.api_access().unwrap().is_some());
    assert!(matches!(
        crate::client::Client::open(&node.dir),
        Err(ClientError::NotRunning(_))
    ));
}

#[tokio::test]
async fn all_swaps_are_listed_again_as_soon_as_one_of_them_changes() {
    let node = served(|_| ()).await;
    let list: SwapList = node.call(|client| client.get("/swaps", &[])).await.unwrap();
    let version = node.node.version.clone();
    tokio::spawn(async move {
        listened_to(&version).await;
        version.send_replace(2);
    });
    let begun = Instant::now();
    let query = [("since", list.version.to_string()), ("wait", "30".into())];
    let next: SwapList = node
        .call(move |client| client.get("/swaps", &query))
        .await
        .unwrap();
    assert_eq!((next.version, next.swaps[0].version), (2, 2));
    assert!(begun.elapsed() < Duration::from_secs(30));
}
