//! Whatever a peer writes anywhere, it cannot move the cursor, turn a line around or hide in it.

use cambista_engine::order::PlanView;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::show_quote;
use super::super::watch::Feed;
use super::super::{show_node, show_offers, show_order, show_pay, show_swap};
use crate::api::tests::fake_orders::{plan, split_order};
use crate::api::tests::fake_swaps::{DEPOSIT, DONE, MAKER, payment, quote, swap};
use crate::api::types::*;

/// Clears the screen, rings, turns around, hides, begins a line of its own.
const EVIL: &str = "\u{1b}[2J\u{7}\u{9b}31m\u{202e}\u{200b}\r\nPaid.";

/// The same with every text in it made hostile; only words that decide what is shown stay.
fn hostile<T: Serialize + DeserializeOwned>(value: &T) -> T {
    fn poison(value: &mut Value) {
        const KEPT: [&str; 14] = [
            "out",
            "in",
            "taker",
            "maker",
            "done",
            "lost",
            "paying",
            "pending",
            "paid",
            "failed",
            "lightning",
            "market",
            "payer",
            "funder",
        ];
        match value {
            Value::String(text) if !KEPT.contains(&text.as_str()) => text.insert_str(0, EVIL),
            Value::Array(values) => values.iter_mut().for_each(poison),
            Value::Object(fields) => fields.values_mut().for_each(poison),
            _ => {}
        }
    }
    let mut json = serde_json::to_value(value).unwrap();
    poison(&mut json);
    serde_json::from_value(json).unwrap()
}

fn harmless(shown: &str) {
    let mut escaped = 0;
    for line in shown.lines() {
        let letters = |wanted: fn(char) -> bool| line.chars().any(wanted);
        assert!(!letters(char::is_control), "{line:?}");
        assert!(
            !letters(|c| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')),
            "{line:?}"
        );
        assert!(!line.starts_with("Paid."), "{line:?}");
        escaped += line.matches("\\u{1b}").count();
    }
    assert!(escaped > 0, "nothing foreign is in it: {shown}");
}

#[test]
fn swaps_are_harmless() {
    for version in [1, DEPOSIT, DONE] {
        let swap = hostile(&swap(version));
        harmless(&show_swap::full(&swap));
        harmless(&show_swap::list(&[&swap]));
        harmless(&show_swap::ending(&swap));
        let list = SwapList {
            swaps: vec![swap],
            version,
            older: 0,
        };
        let news = Feed::default().news(&list).pop().unwrap().text();
        harmless(&news);
    }
}

#[test]
fn orders_are_harmless() {
    let order = hostile(&split_order());
    harmless(&show_order::full(&order));
    harmless(&show_order::list(&[&order]));
    harmless(&show_order::ending(&order));
}

fn split_plan() -> PlanView {
    let mut plan = plan();
    plan.swaps.push(plan.swaps[0].clone());
    plan
}

#[test]
fn offers_and_quotes_are_harmless() {
    let quote = hostile(&quote());
    let refused = vec![cambista_engine::NoQuote {
        maker: MAKER.into(),
        reason: "too small".into(),
        answered: true,
    }];
    let list = PlanList {
        quotes: vec![quote.clone()],
        refused: hostile(&refused),
        plan: Some(hostile(&split_plan())),
        no_plan: None,
    };
    harmless(&show_quote::quotes(&list, DirectionName::Out, 5));
    let order = hostile(&Order {
        address: Some("bcrt1q".into()),
        ..Order::default()
    });
    let plan = hostile(&split_plan());
    harmless(&show_quote::price(&plan.swaps[0], 5, &order, &order));
    harmless(&show_order::plan(&plan, &order, &order));
    let offer = hostile(&Offer {
        maker: MAKER.into(),
        peer_id: "12D3".into(),
        direction: DirectionName::In,
        base_sat: 1,
        ppm: 1,
        min_sat: 1,
        max_sat: 1,
        expires_at: 1,
        own: false,
        est_fee_sat: None,
        est_miner_fee_sat: None,
        est_total_sat: None,
        est_confirmations: None,
        failure_cost_sat: None,
        seen: None,
    });
    harmless(&show_offers::offers(&[offer], None, None));
}

#[test]
fn channels_peers_and_status_are_harmless() {
    let channel = hostile(&Channel {
        id: "5e".repeat(32),
        peer: MAKER.into(),
        alias: Some("Bob".into()),
        capacity_sat: 1,
        outbound_sat: 1,
        inbound_sat: 1,
        ready: true,
        usable: true,
        announced: true,
        closing: false,
        confirmations: 1,
        confirmations_required: None,
        funding_txid: None,
        payments_under_way: 0,
        force_close_delay_blocks: None,
    });
    harmless(&show_node::channels(std::slice::from_ref(&channel)));
    harmless(&show_node::closing(&channel, true));
    let peer = hostile(&Peer {
        kind: PeerKind::Market,
        id: "12D3".into(),
        address: Some("/ip4".into()),
        connected: true,
    });
    harmless(&show_node::peers(&[peer]));
    let node = NodeStatus {
        chain_error: Some("no".into()),
        lightning_addresses: vec!["a".into()],
        p2p_addresses: vec!["b".into()],
        ..NodeStatus::default()
    };
    let status = Status {
        node,
        ..Status::default()
    };
    harmless(&show_node::status(&hostile(&status), "cambista status"));
}

#[test]
fn invoices_and_payments_are_harmless() {
    for state in [
        PaymentState::Pending,
        PaymentState::Paid,
        PaymentState::Failed,
    ] {
        let payment = hostile(&payment(state));
        harmless(&show_pay::full(&payment));
        harmless(&show_pay::list(&[payment]));
    }
    for state in [PaymentState::Paid, PaymentState::Failed] {
        harmless(&show_pay::outcome(&hostile(&payment(state)), "look"));
    }
    harmless(&show_pay::invoice(&hostile(&Invoice {
        invoice: "lnbc".into(),
        payment_hash: "00".into(),
        amount_sat: None,
        expires_at: 0,
    })));
    harmless(&show_pay::history(&[hostile(&WalletTransaction {
        txid: "ee".into(),
        net_sat: 1,
        fee_sat: None,
        height: None,
        time: None,
    })]));
}
