//! Plans and orders over the API.

use std::time::Duration;

use cambista_engine::order::OrderView;
use serde_json::json;

use super::fake_orders::order;
use super::fake_swaps::{MAKER, swap};
use super::served::served;
use crate::api::types::*;

#[tokio::test]
async fn a_wish_reaches_the_planner_and_the_plan_is_begun_as_it_was_shown() {
    let limits = Limits {
        max_fee_ppm: Some(4_000),
        ..Limits::default()
    };
    let node = served(|node| node.limits = limits).await;
    let ask = json!({
        "direction": "out", "amount_sat": 250_000, "makers": [MAKER], "max_parts": 3,
        "max_miner_fee_sat": 900, "confirmations": 2, "label": "rent"
    });
    let list: PlanList = node
        .call(move |client| client.post("/plans", &ask))
        .await
        .unwrap();
    let plan = list.plan.unwrap();
    assert_eq!((list.quotes.len(), plan.swaps.len()), (1, 1));
    let begin = json!({ "plan_id": plan.id });
    let started: OrderStarted = node
        .call(move |client| client.post("/orders", &begin))
        .await
        .unwrap();
    assert_eq!(started.swap, Some(swap(1)));
    assert_eq!(started.view.unwrap(), order(1));
    let asked = node.node.asked.lock().unwrap();
    let wish = &asked.planned[0];
    assert_eq!(wish.makers, [MAKER.parse().unwrap()]);
    assert_eq!((wish.max_parts, wish.confirmations), (3, Some(2)));
    // The standing limit holds where the wish says nothing.
    assert_eq!(
        (wish.max_fee_sat, wish.max_miner_fee_sat),
        (Some(1_000), Some(900))
    );
    assert_eq!(asked.accepted, [plan.id]);
}

#[tokio::test]
async fn wishes_that_cannot_be_meant_are_refused_before_anybody_is_asked() {
    let node = served(|_| ()).await;
    for wrong in [
        json!({ "max_parts": 0 }),
        json!({ "max_parts": 9 }),
        json!({ "amount_sat": 0 }),
        json!({ "makers": ["bob"] }),
        json!({ "last_hop": MAKER }),
        json!({ "confirmations": 0 }),
        json!({ "receive": true, "max_parts": 2 }),
        json!({ "channels": ["5e".repeat(32)], "max_parts": 2 }),
        json!({ "direction": "in", "external": true, "max_parts": 3 }),
        json!({ "direction": "in", "confirmations": 3 }),
        json!({ "direction": "in", "address": "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080" }),
        json!({ "label": "l".repeat(200) }),
    ] {
        let mut ask = json!({ "direction": "out", "amount_sat": 250_000 });
        for (name, value) in wrong.as_object().unwrap() {
            ask[name] = value.clone();
        }
        let problem = node
            .refused(move |client| client.post::<PlanList>("/plans", &ask))
            .await;
        assert_eq!(problem.code, Code::Invalid, "{wrong}");
    }
    // A plan has its limits already.
    let both = json!({ "plan_id": "77", "max_fee_sat": 5 });
    let problem = node
        .refused(move |client| client.post::<OrderStarted>("/orders", &both))
        .await;
    assert_eq!(problem.code, Code::Invalid);
    let asked = node.node.asked.lock().unwrap();
    assert!(asked.planned.is_empty() && asked.accepted.is_empty());
}

#[tokio::test]
async fn an_order_is_listed_followed_and_called_off() {
    let node = served(|_| ()).await;
    let list: OrderList = node
        .call(|client| client.get("/orders", &[]))
        .await
        .unwrap();
    assert_eq!(list.orders, [order(1)]);
    let version = node.node.version.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        version.send_replace(2);
    });
    let query = [("since", "1".to_owned()), ("wait", "30".into())];
    let newer: OrderView = node
        .call(move |client| client.get("/orders/cdcd", &query))
        .await
        .unwrap();
    assert_eq!(newer, order(2));
    let cancelled: OrderCancelled = node
        .call(|client| client.post("/orders/cdcd/cancel", &json!({})))
        .await
        .unwrap();
    assert_eq!(cancelled.order, order(2));
    let problem = node
        .refused(|client| client.get::<OrderView>("/orders/77", &[]))
        .await;
    assert_eq!(
        (problem.code, problem.next.as_deref()),
        (Code::NotFound, Some("cambista orders"))
    );
}
