//! A maker answers its taker with what is no answer: noise, the half of one, ten mebibytes, or half of one and then nothing more.
//! The taker does without it, and has lost nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cambista_harness::market::p2p_addresses;
use cambista_harness::swap::wait_offer;
use cambista_harness::wait::{secs, wait_for};
use cambista_harness::{Change, Market, Node, NodeOptions, Purse, Way};
use cambista_protocol::cbor;
use cambista_protocol::message::BookReply;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::adversary::garble::{AT_ONCE, Garble, STALLS};
use crate::adversary::maker::Maker;
use crate::adversary::prey::Hostile as _;
use crate::adversary::wire::{Protocol, Wire};
use crate::adversary::{join, random};
use crate::orders_move_on::purses;
use crate::orders_split::{assert_changes, confirm_and_claim_all, ended, parts};

/// The hostile maker's fee is the lower one for it.
const AMOUNT: u64 = 400_000;

/// It is the cheapest, and is asked first.
#[test]
fn an_order_leaves_a_maker_whose_answers_make_no_sense() {
    let market = Market::direct(3);
    let (taker, honest) = (&market.taker, market.makers[0].id());
    let hostile = join::with_out(&market);
    let liar = hostile.own().lightning().node_id().to_string();
    let before = purses(&market, 1);
    assert_eq!(quoted(taker), [liar.clone(), honest.clone()]);

    let stalls = ("half of it and silence", STALLS);
    for (what, garble) in AT_ONCE.into_iter().chain([stalls]) {
        let makers = spoil(&hostile, Protocol::Quote, garble, || quoted(taker));
        assert_eq!(makers, std::slice::from_ref(&honest), "{what}");
    }

    // A price that did not come is remembered: it is the cheapest all the same.
    assert_eq!(quoted(taker), [liar.clone(), honest.clone()]);
    let amount = AMOUNT.to_string();
    let (mut taken, mut seen) = (Vec::new(), Vec::new());
    for (what, garble) in AT_ONCE.into_iter().chain([stalls]) {
        join::catch_up(&market, &hostile);
        let answer = spoil(&hostile, Protocol::Swap, garble, || {
            taker.cli(&["out", &amount, "--yes", "--detach"])
        });
        assert_eq!(
            answer["order"]["failed"][0]["maker"], liar,
            "{what}: {answer}"
        );
        let mut parts = parts(&answer);
        assert_eq!(parts.len(), 1, "{what}: {answer}");
        assert_eq!(parts[0].quote.maker, honest, "{what}: {answer}");
        seen.extend(confirm_and_claim_all(&market, &parts));
        market.mine(5);
        let order = ended(taker, &answer["order"]);
        assert_eq!(order["state"], "done", "{what}: {order}");
        taken.append(&mut parts);
    }
    assert!(hostile.own().lightning().held_htlcs().is_empty());
    assert_changes(&market, &before, &taken, &seen);
}

/// A node that has just come asks everybody it meets for its book, and one of them is honest.
#[test]
fn books_that_make_no_sense_keep_nobody_from_the_market() {
    let market = Market::direct(3);
    let runtime = Runtime::new().unwrap();
    let stalls = ("half of it and silence", STALLS);
    let liars: Vec<(Arc<AtomicUsize>, Wire)> = AT_ONCE
        .into_iter()
        .chain([stalls])
        .map(|(_, garble)| runtime.block_on(liar(garble)))
        .collect();
    let mut known: Vec<String> = liars.iter().map(|(_, wire)| wire.address.clone()).collect();
    known.extend(p2p_addresses(&market.makers[0]));
    let options = NodeOptions {
        bootstrap: known,
        ..NodeOptions::default()
    };
    let newcomer = Node::start("newcomer", &market.bitcoind, &options);
    let before = Purse::of(&newcomer, &market.bitcoind);
    wait_offer(&newcomer, Way::Out, AMOUNT);
    for (asked, _) in &liars {
        wait_for("everybody to be asked for a book", secs(60), || {
            let asked = asked.load(Ordering::Relaxed);
            (asked > 0).then_some(()).ok_or_else(|| asked.to_string())
        });
    }
    let offers = newcomer.cli(&["offers", "out"]);
    let offers = offers["offers"].as_array().unwrap();
    assert_eq!(offers.len(), 1, "{offers:?}");
    assert_eq!(offers[0]["maker"], market.makers[0].id());
    before.assert_changed(&newcomer, &market.bitcoind, Change::default());
    drop(liars);
    runtime.shutdown_background();
}

/// A peer whose book is spoilt like this, and how often it was asked for it.
async fn liar(garble: Garble) -> (Arc<AtomicUsize>, Wire) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let wire = Wire::start(Arc::new(move |_, protocol, _| {
        if protocol != Protocol::Book {
            return None;
        }
        count.fetch_add(1, Ordering::Relaxed);
        let offers = (0..8).map(|_| random().to_vec()).collect();
        Some(garble(cbor::to_vec(&BookReply { offers, more: None })))
    }));
    (asked, wire.await)
}

/// Does something while answers are spoilt like this. One is, at least.
#[track_caller]
fn spoil<T>(
    hostile: &Maker,
    protocol: Protocol,
    garble: Garble,
    meanwhile: impl FnOnce() -> T,
) -> T {
    let before = hostile.spoilt();
    hostile.garble(Some((protocol, garble)));
    let done = meanwhile();
    hostile.garble(None);
    assert!(hostile.spoilt() > before, "it was not asked");
    done
}

/// Who gives the taker a price, the cheapest first.
#[track_caller]
fn quoted(taker: &Node) -> Vec<String> {
    let amount = AMOUNT.to_string();
    let answer = taker.cli(&["quote", "out", &amount]);
    let quotes = answer["quotes"].as_array().unwrap();
    let maker = |quote: &Value| quote["maker"].as_str().unwrap().to_owned();
    quotes.iter().map(maker).collect()
}
