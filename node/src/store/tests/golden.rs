//! Rows as every past version wrote them: they must be readable for ever.

use std::fmt::Debug;

use bitcoin::Amount;
use cambista_engine::ports::{BatchEvent, BatchStep, NewSwap, Share};
use cambista_engine::record::{OrderRecord, SwapRecord};
use cambista_protocol::money::Msat;
use cambista_protocol::swap::{Effect, Event, HeldHtlc, Leg, Say, SpendKind};
use cambista_protocol::words::Secret32;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::sample;
use crate::store::codec::from_json;

/// Each line of the file must read as the value beside it, and the value must still be written as that line. To print
/// the lines of new values, run with `GOLDEN=print`.
fn lines_match<T: Serialize + DeserializeOwned + Debug + PartialEq>(file: &str, values: &[T]) {
    let written: Vec<String> = values
        .iter()
        .map(|value| serde_json::to_string(value).unwrap())
        .collect();
    if std::env::var("GOLDEN").is_ok_and(|what| what == "print") {
        println!("{}", written.join("\n"));
        return;
    }
    let lines: Vec<&str> = file.lines().collect();
    assert_eq!(lines, written);
    for (line, value) in lines.iter().zip(values) {
        let read: T = from_json("a golden row", 1, line).unwrap();
        assert_eq!(&read, value);
    }
}

/// One of every kind. The match makes a new kind fail to compile here until it has its line.
fn every_event() -> Vec<Event> {
    let (outpoint, txid) = (sample::outpoint(1), sample::outpoint(2).txid);
    let held = HeldHtlc {
        payment_id: Secret32([5; 32]),
        amount: Msat(249_500_000),
        claim_deadline: 325,
        sound: true,
    };
    let all = vec![
        Event::Opened,
        Event::Block,
        Event::Reorg { fork: 99 },
        Event::OutputSeen {
            outpoint,
            value: Amount::from_sat(250_000),
            confirmed: None,
        },
        Event::OutputSeen {
            outpoint,
            value: Amount::from_sat(250_000),
            confirmed: Some(101),
        },
        Event::OutputSpent {
            outpoint,
            txid,
            kind: SpendKind::KeyPath,
            preimage: None,
            confirmed: None,
        },
        Event::OutputSpent {
            outpoint,
            txid,
            kind: SpendKind::Claim,
            preimage: Some(Secret32([6; 32])),
            confirmed: Some(102),
        },
        Event::OutputSpent {
            outpoint,
            txid,
            kind: SpendKind::Refund,
            preimage: None,
            confirmed: Some(250),
        },
        Event::FundingConflict {
            txid,
            confirmed: 103,
        },
        Event::PaymentSettled {
            leg: Leg::Swap,
            fee: Msat(1_234),
        },
        Event::PaymentFailed { leg: Leg::Prepay },
        Event::ClaimReady { outpoint },
        Event::Held {
            leg: Leg::Swap,
            htlc: held,
        },
        Event::Claimed { leg: Leg::Swap },
        Event::Dropped { leg: Leg::Prepay },
        Event::FundingBuilt {
            txid,
            first_input: outpoint,
        },
        Event::FundingImpossible,
        Event::HoldDurable,
        Event::FundingBumped { txid },
        Event::PeerKey {
            secret: Secret32([7; 32]),
        },
        Event::PeerPreimage {
            preimage: Secret32([8; 32]),
        },
        Event::PeerWithdrew,
        Event::Cancelled,
    ];
    for event in &all {
        match event {
            Event::Opened
            | Event::Block
            | Event::Reorg { .. }
            | Event::OutputSeen { .. }
            | Event::OutputSpent { .. }
            | Event::FundingConflict { .. }
            | Event::PaymentSettled { .. }
            | Event::PaymentFailed { .. }
            | Event::ClaimReady { .. }
            | Event::Held { .. }
            | Event::Claimed { .. }
            | Event::Dropped { .. }
            | Event::FundingBuilt { .. }
            | Event::FundingImpossible
            | Event::HoldDurable
            | Event::FundingBumped { .. }
            | Event::PeerKey { .. }
            | Event::PeerPreimage { .. }
            | Event::PeerWithdrew
            | Event::Cancelled => {}
        }
    }
    all
}

fn every_effect() -> Vec<Effect> {
    let all = vec![
        Effect::Pay(Leg::Swap),
        Effect::StopPaying(Leg::Prepay),
        Effect::Claim(Leg::Swap),
        Effect::FailBack(Leg::Prepay),
        Effect::PublishFunding,
        Effect::ReleaseFunding,
        Effect::Say(Say::Funded),
        Effect::Say(Say::Preimage),
        Effect::Say(Say::Key),
        Effect::Say(Say::Withdraw),
    ];
    for effect in &all {
        match effect {
            Effect::Pay(_)
            | Effect::StopPaying(_)
            | Effect::Claim(_)
            | Effect::FailBack(_)
            | Effect::PublishFunding
            | Effect::ReleaseFunding
            | Effect::Say(Say::Funded | Say::Preimage | Say::Key | Say::Withdraw) => {}
        }
    }
    all
}

fn every_batch_event() -> Vec<BatchEvent> {
    let share = |seed: u8, fee_sat| Share {
        swap: sample::id(seed),
        outpoint: sample::outpoint(seed),
        fee_sat,
    };
    let signed = |step, shares| BatchEvent::Signed {
        step,
        txid: sample::outpoint(9).txid,
        shares,
    };
    let both = vec![share(1, 254), share(2, 253)];
    let all = vec![
        signed(BatchStep::Formed, both.clone()),
        signed(BatchStep::Joined, both.clone()),
        signed(BatchStep::Bumped, both.clone()),
        signed(BatchStep::Left, both),
        BatchEvent::Split {
            reason: "bad-txns-inputs-missingorspent".to_owned(),
        },
    ];
    for event in &all {
        match event {
            BatchEvent::Signed {
                step: BatchStep::Formed | BatchStep::Joined | BatchStep::Bumped | BatchStep::Left,
                ..
            }
            | BatchEvent::Split { .. } => {}
        }
    }
    all
}

#[test]
fn batch_events_of_version_1_are_read_and_written_as_ever() {
    lines_match(
        include_str!("../golden/batches-v1.jsonl"),
        &every_batch_event(),
    );
}

#[test]
fn events_of_version_1_are_read_and_written_as_ever() {
    lines_match(include_str!("../golden/events-v1.jsonl"), &every_event());
}

#[test]
fn effects_of_version_1_are_read_and_written_as_ever() {
    lines_match(include_str!("../golden/effects-v1.jsonl"), &every_effect());
}

#[test]
fn records_of_version_1_are_read_and_written_as_ever() {
    let NewSwap { order, record } = sample::new_swap(1);
    let task = sample::task();
    let split = OrderRecord {
        task: Some(task),
        ..order.clone()
    };
    lines_match::<OrderRecord>(include_str!("../golden/orders-v1.jsonl"), &[order, split]);
    lines_match::<SwapRecord>(include_str!("../golden/swaps-v1.jsonl"), &[record]);
}

#[test]
fn a_row_of_a_later_version_is_refused_not_guessed_at() {
    assert!(from_json::<Event>("an event", 2, "\"opened\"").is_err());
}
