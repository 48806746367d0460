//! Strangers on the wire: floods, frames that are too long or never end, and bytes that are no message, while an honest swap
//! goes on to its end.

use std::time::Duration;

use cambista_harness::market::p2p_addresses;
use cambista_harness::{Change, Market, Purse, Taken, Way};
use cambista_protocol::cbor;
use cambista_protocol::message::{QuoteReply, RefusalCode, SwapReply, SwapRequest};
use cambista_protocol::signed::Signed;
use cambista_protocol::terms::{FunderTerms, PayerTerms};
use cambista_protocol::words::SwapId;
use tokio::runtime::Runtime;

use crate::adversary::payer::contact;
use crate::adversary::wire::{Frame, Protocol, Wire};
use crate::adversary::{key, random};

/// Ten mebibytes.
const HUGE: u32 = 10 << 20;
/// Strangers at once, and what each sends of every kind.
const STRANGERS: usize = 3;
const EACH: usize = 300;

#[test]
fn an_honest_swap_completes_while_strangers_flood_both_sides() {
    let market = Market::direct(3);
    let (taker, maker, chain) = (&market.taker, &market.makers[0], &market.bitcoind);
    let before = [Purse::of(taker, chain), Purse::of(maker, chain)];
    let runtime = Runtime::new().unwrap();
    let targets = [taker, maker].map(|node| p2p_addresses(node)[0].clone());
    let flood = runtime.spawn(flood(targets.to_vec()));

    let taken = Taken::take(taker, Way::Out, 200_000, &[]);
    let seen = market.confirm_and_claim(&taken);
    let expected = taken.taker_change(&seen, 0, true);
    before[0].assert_changed(taker, chain, expected);
    before[1].assert_changed(maker, chain, taken.maker_change(&seen, 0));
    market.mine(5);
    taken.assert_outcome(taker, "done");
    taken.assert_outcome(maker, "done");
    let answered = runtime.block_on(flood).unwrap();
    println!(
        "{answered} answers to {} requests",
        2 * STRANGERS * EACH * 4
    );
    assert!(answered > 0, "the flood reached nobody");
    runtime.shutdown_background();

    // Both are as they were: another swap goes the same way.
    market.wait_quotes();
    let again = Taken::take(taker, Way::Out, 200_000, &[]);
    market.confirm_and_claim(&again);
    market.mine(5);
    again.assert_outcome(maker, "done");
}

/// Everything at once, from several peers; says how many answers came.
async fn flood(targets: Vec<String>) -> usize {
    let mut strangers = tokio::task::JoinSet::new();
    for _ in 0..STRANGERS {
        for target in targets.clone() {
            strangers.spawn(pester(target));
        }
    }
    let answers = strangers.join_all().await;
    answers.into_iter().sum()
}

async fn pester(target: String) -> usize {
    let wire = std::sync::Arc::new(Wire::mute().await);
    let (peer, addresses) = contact(&target);
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..EACH {
        let noise = [random(), random()].concat();
        for (protocol, frame) in [
            (Protocol::Quote, Frame::of(noise.clone())),
            (
                Protocol::Swap,
                Frame::of(cbor::to_vec(&strangers_preimage())),
            ),
            (Protocol::Book, Frame::half(u32::MAX, noise.clone())),
            (Protocol::Swap, Frame::half(64, vec![0x82])),
        ] {
            let (wire, addresses) = (wire.clone(), addresses.clone());
            asked.spawn(async move { wire.ask(peer, &addresses, protocol, frame).await.is_ok() });
        }
        if number % 100 == 0 {
            let huge = Frame::of(vec![0; usize::try_from(HUGE).unwrap()]);
            let (wire, addresses) = (wire.clone(), addresses.clone());
            asked.spawn(async move {
                wire.ask(peer, &addresses, Protocol::Swap, huge)
                    .await
                    .is_ok()
            });
        }
        wire.publish(noise).await;
        if number % 10 == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    asked.join_all().await.into_iter().filter(|ok| *ok).count()
}

/// A quote that nobody gave.
fn signed_by_nobody() -> Signed {
    Signed {
        payload: random().to_vec(),
        signature: [7; 64],
    }
}

/// R of a swap nobody has.
fn strangers_preimage() -> SwapRequest {
    SwapRequest::Preimage {
        swap_id: SwapId(random()),
        preimage: random(),
    }
}

/// Every message of the protocol, cut short, extended, with a byte changed, and with items that nest: each is refused or not
/// answered, and none of it does anything.
#[test]
fn a_message_that_is_none_is_refused_and_changes_nothing() {
    let market = Market::direct(3);
    let (maker, chain) = (&market.makers[0], &market.bitcoind);
    let before = Purse::of(maker, chain);
    let runtime = Runtime::new().unwrap();
    let wire = runtime.block_on(Wire::mute());
    let (peer, addresses) = contact(&p2p_addresses(maker)[0]);
    let ask = |protocol, bytes: Vec<u8>| {
        runtime.block_on(wire.ask(peer, &addresses, protocol, Frame::of(bytes)))
    };
    let swap_id = SwapId(random());
    let (point, quote) = (key().public_key(), signed_by_nobody());
    let messages = [
        SwapRequest::Open {
            swap_id,
            quote,
            payer: Some(PayerTerms {
                payment_hash: random(),
                claim_key: point,
                internal_key: point,
                confirmations: 1,
            }),
        },
        SwapRequest::Terms {
            swap_id,
            funder: FunderTerms {
                refund_key: point,
                internal_key: point,
                refund_height: 300,
                swap_invoice: "lnbcrt1nothing".into(),
                prepay_invoice: None,
                last_hop: Some(point),
            },
        },
        SwapRequest::Funded {
            swap_id,
            tx: vec![1; 60],
        },
        SwapRequest::Preimage {
            swap_id,
            preimage: random(),
        },
        SwapRequest::Key {
            swap_id,
            secret: random(),
        },
        SwapRequest::Withdraw { swap_id },
        SwapRequest::Resume { swap_id },
    ];
    for message in &messages {
        let whole = cbor::to_vec(message);
        let refused = |bytes: Vec<u8>, code: RefusalCode| {
            let answer = ask(Protocol::Swap, bytes.clone()).expect("an answer");
            let answer: SwapReply = cbor::from_slice(&answer, 65_536).unwrap();
            let SwapReply::Refused(refusal) = &answer else {
                panic!("{message:?} as {bytes:02x?}: {answer:?}");
            };
            assert_eq!(refusal.code, code, "{bytes:02x?}: {}", refusal.text);
        };
        let code = match message {
            SwapRequest::Open { .. } => RefusalCode::Quote,
            _ => RefusalCode::Swap,
        };
        refused(whole.clone(), code);
        refused(whole[..whole.len() - 1].to_vec(), RefusalCode::Malformed);
        refused([whole.clone(), vec![0]].concat(), RefusalCode::Malformed);
        refused(
            [&[0x82, 0x18, 99], &whole[2..]].concat(),
            RefusalCode::Malformed,
        );
        refused([&[0x9f], &whole[1..]].concat(), RefusalCode::Malformed);
    }
    for bytes in [vec![], vec![0xff], vec![0x81; 60_000], vec![0xa1; 60_000]] {
        let answer = ask(Protocol::Swap, bytes).expect("an answer");
        let answer: SwapReply = cbor::from_slice(&answer, 65_536).unwrap();
        assert!(matches!(answer, SwapReply::Refused(_)), "{answer:?}");
    }
    for bytes in [vec![], vec![0xff], vec![0x84, 3, 0], vec![0x9f; 4000]] {
        let answer = ask(Protocol::Quote, bytes.clone()).expect("an answer");
        let answer: QuoteReply = cbor::from_slice(&answer, 65_536).unwrap();
        assert!(matches!(answer, QuoteReply::Refused(_)), "{answer:?}");
        let page = ask(Protocol::Book, bytes.clone());
        assert!(page.is_err(), "a page for {bytes:02x?}");
    }
    for protocol in [Protocol::Quote, Protocol::Swap, Protocol::Book] {
        // A byte above the limit: no answer, and the connection stays.
        let limit = if protocol == Protocol::Quote {
            4096
        } else {
            65_536
        };
        ask(protocol, vec![0; limit + 1]).unwrap_err();
    }
    ask(Protocol::Swap, cbor::to_vec(&messages[5])).expect("it still answers");
    drop(wire);
    runtime.shutdown_background();
    before.assert_changed(maker, chain, Change::default());
    assert_eq!(maker.status()["open_swaps"], 0);
}
