//! Whole commands over a real socket; only the node behind it is made up.

use std::time::Duration;

use clap::Parser as _;

use super::super::args::Cli;
use super::super::context::Context;
use super::super::dispatch;
use super::super::failure::{Exit, Failure};
use crate::api::tests::fake_orders::plan;
use crate::api::tests::fake_swaps::{DEPOSIT, DONE, FAILED, MAKER};
use crate::api::tests::served::{Served, listened_to, served};
use crate::api::types::{Limits, PaymentState};

async fn typed(node: &Served, line: &str) -> Result<Exit, Failure> {
    let words = line
        .split_whitespace()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    let cli = Cli::try_parse_from(words).unwrap();
    let mut context = Context::new(&cli).unwrap();
    context.dir = node.dir.clone();
    context.interactive = false;
    tokio::task::spawn_blocking(move || dispatch(&context, cli.command))
        .await
        .unwrap()
}

#[tokio::test]
async fn money_does_not_move_before_someone_agrees() {
    let node = served(|_| ()).await;
    for line in [
        "cambista out 250000",
        "cambista wallet send bcrt1q 5",
        "cambista channel open 02ab@127.0.0.1:1 100000 --push 5",
        "cambista channel close 5e --force",
    ] {
        let failure = typed(&node, line).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Usage, "{line}");
        assert!(failure.text.contains("--yes"), "{line}: {}", failure.text);
    }
    let asked = node.node.asked.lock().unwrap();
    assert!(asked.accepted.is_empty() && asked.sent.is_empty());
    assert_eq!((asked.opened, asked.closed), (0, 0));
}

#[tokio::test]
async fn a_price_above_the_limit_is_refused_before_it_begins() {
    let node = served(|_| ()).await;
    let failure = typed(&node, "cambista out 250000 --yes --max-fee 881")
        .await
        .unwrap_err();
    assert_eq!(failure.exit, Exit::Refused);
    assert!(failure.text.contains("882 sat"), "{}", failure.text);
    assert!(node.node.asked.lock().unwrap().accepted.is_empty());
    let line = "cambista out 250000 --yes --detach --max-fee 882";
    assert_eq!(typed(&node, line).await.unwrap(), Exit::Done);
    let asked = node.node.asked.lock().unwrap();
    assert_eq!(asked.planned[1].max_fee_sat, Some(882));
    assert_eq!(asked.accepted, [plan().id]);
}

#[tokio::test]
async fn choices_of_channel_and_of_what_arrives_reach_the_engine() {
    let node = served(|_| ()).await;
    let address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
    let line = format!("cambista out 250000 {address} --receive --channel 5E5 --yes --detach");
    typed(&node, &line).await.unwrap();
    let failure = typed(&node, "cambista out 250000 --channel 77 --yes")
        .await
        .unwrap_err();
    assert_eq!(
        (failure.exit, failure.next.as_str()),
        (Exit::Usage, "cambista channel list")
    );
    // What to deposit is known only a moment after the swap has begun; the command waits for it.
    let version = node.node.version.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        version.send_replace(DEPOSIT);
    });
    typed(
        &node,
        &format!("cambista in 250000 --external --last-hop {MAKER} --yes --detach"),
    )
    .await
    .unwrap();
    let asked = node.node.asked.lock().unwrap();
    let [out, into] = asked.planned.as_slice() else {
        panic!("two wishes")
    };
    assert_eq!((out.amount_sat, out.receive), (250_000, true));
    assert!(out.destination.is_some() && !out.external);
    assert_eq!(out.first_hops, Some(vec![[0x5e; 32]]));
    assert_eq!((into.amount_sat, into.external), (250_000, true));
    assert_eq!(*node.node.version.borrow(), DEPOSIT);
    assert_eq!(into.last_hop, Some(MAKER.parse().unwrap()));
}

#[tokio::test]
async fn how_an_amount_may_be_split_reaches_the_planner() {
    let node = served(|_| ()).await;
    for (line, parts) in [
        ("cambista quote out 250000", 4),
        ("cambista out 250000 --yes --detach --single", 1),
        ("cambista out 250000 --yes --detach --max-parts 3", 3),
        ("cambista in 250000 --yes --detach --max-parts 8", 8),
    ] {
        typed(&node, line).await.unwrap();
        let asked = node.node.asked.lock().unwrap();
        assert_eq!(asked.planned.last().unwrap().max_parts, parts, "{line}");
    }
    let line = format!("cambista quote in 250000 --maker {MAKER} --maker {MAKER}");
    typed(&node, &line).await.unwrap();
    for name in ["0279", "0279be66..1798"] {
        let line = format!("cambista quote in 250000 --maker {name}");
        typed(&node, &line).await.unwrap();
        let asked = node.node.asked.lock().unwrap();
        let makers = asked.planned.last().unwrap().makers.iter();
        let makers: Vec<String> = makers.map(ToString::to_string).collect();
        assert_eq!(makers, [MAKER], "{name}");
    }
    let failure = typed(&node, "cambista quote in 250000 --maker 0311").await;
    assert_eq!(failure.unwrap_err().exit, Exit::Other);
    typed(&node, &line).await.unwrap();
    let asked = node.node.asked.lock().unwrap();
    assert_eq!(asked.planned.last().unwrap().makers.len(), 2);
    for line in [
        "cambista out 5 --single --max-parts 2",
        "cambista out 5 --max-parts 9",
        "cambista out 5 --max-parts 0",
    ] {
        assert!(
            Cli::try_parse_from(line.split_whitespace()).is_err(),
            "{line}"
        );
    }
}

#[tokio::test]
async fn an_order_is_shown_followed_and_called_off_by_its_id() {
    let node = served(|_| ()).await;
    assert_eq!(typed(&node, "cambista orders").await.unwrap(), Exit::Done);
    let version = node.node.version.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        version.send_replace(FAILED);
    });
    assert_eq!(
        typed(&node, "cambista orders cdcd --follow").await.unwrap(),
        Exit::SwapFailed
    );
    // No swap begins like this, an order does.
    typed(&node, "cambista cancel cdcd --yes").await.unwrap();
    let asked = node.node.asked.lock().unwrap();
    assert_eq!(asked.cancelled_orders, ["cd".repeat(32)]);
    assert!(asked.cancelled.is_empty());
}

#[tokio::test]
async fn a_swap_is_called_off_only_when_someone_agrees() {
    let node = served(|_| ()).await;
    assert_eq!(
        typed(&node, "cambista cancel abab").await.unwrap_err().exit,
        Exit::Usage
    );
    assert!(node.node.asked.lock().unwrap().cancelled.is_empty());
    assert_eq!(
        typed(&node, "cambista cancel abab --yes").await.unwrap(),
        Exit::Done
    );
    assert_eq!(node.node.asked.lock().unwrap().cancelled, ["ab".repeat(32)]);
    let late = served(|node| node.refuse = true).await;
    let failure = typed(&late, "cambista cancel abab --yes")
        .await
        .unwrap_err();
    assert_eq!(
        (failure.exit, failure.text.as_str()),
        (Exit::Refused, "the coins are on the chain")
    );
}

#[tokio::test]
async fn a_swap_is_followed_to_its_end_and_the_exit_code_tells_how() {
    for (end, exit) in [(DONE, Exit::Done), (FAILED, Exit::SwapFailed)] {
        let node = served(|_| ()).await;
        let version = node.node.version.clone();
        tokio::spawn(async move {
            for step in [2, 3, end] {
                tokio::time::sleep(Duration::from_millis(100)).await;
                version.send_replace(step);
            }
        });
        assert_eq!(
            typed(&node, "cambista out 250000 --yes --json")
                .await
                .unwrap(),
            exit
        );
    }
}

#[tokio::test]
async fn following_survives_a_restart_of_the_node() {
    let node = served(|_| ()).await;
    let next = served(|node| node.version.send_modify(|version| *version = DONE)).await;
    let (dir, stop) = (node.dir.clone(), node.stop.clone());
    let new_address = next.address.clone();
    let version = node.node.version.clone();
    tokio::spawn(async move {
        // The command follows the swap by now.
        listened_to(&version).await;
        stop.send_replace(true);
        dir.forget_api_address();
        tokio::time::sleep(Duration::from_millis(700)).await;
        dir.write_api_address(&new_address).unwrap();
    });
    assert_eq!(
        typed(&node, "cambista swaps ab --follow").await.unwrap(),
        Exit::Done
    );
}

#[tokio::test]
async fn a_maker_that_breaks_its_word_means_nothing_began() {
    let node = served(|node| node.refuse = true).await;
    let failure = typed(&node, "cambista out 250000 --yes").await.unwrap_err();
    assert_eq!(
        (failure.exit, failure.text.as_str()),
        (Exit::Refused, "the price has changed")
    );
    let empty = served(|node| node.no_makers = true).await;
    let failure = typed(&empty, "cambista quote in 5").await.unwrap_err();
    assert_eq!(
        (failure.exit, failure.next.as_str()),
        (Exit::Refused, "cambista offers in")
    );
}

#[tokio::test]
async fn without_a_node_every_command_says_how_to_start_one() {
    let node = served(|_| ()).await;
    node.dir.forget_api_address();
    for next in ["cambista init --help", "cambista run"] {
        for line in [
            "cambista status",
            "cambista out 5 --yes",
            "cambista maker show",
            "cambista stop",
        ] {
            let failure = typed(&node, line).await.unwrap_err();
            assert_eq!(
                (failure.exit, failure.next.as_str()),
                (Exit::Unreachable, next),
                "{line}"
            );
        }
        // The second time round the folder holds a node, which does not run.
        std::fs::write(node.dir.config(), "").unwrap();
    }
}

#[tokio::test]
async fn the_rest_reaches_the_node() {
    let node = served(|_| ()).await;
    for line in [
        "cambista status",
        "cambista offers out --amount 5",
        "cambista quote out 250000",
        "cambista swaps",
        "cambista swaps ABab --json",
        "cambista maker set --out-base 5 --floor-ppm -2 --out-ppm -2",
        "cambista maker on",
        "cambista maker",
        "cambista makers --limit 5",
        "cambista channel list",
        "cambista channel open 02ab@127.0.0.1:1 100000",
        "cambista channel open 02ab@127.0.0.1:1 100000 --push 5 --yes",
        "cambista channel close 5e5e --force --yes",
        "cambista peer list",
        "cambista wallet address",
        "cambista wallet balance",
        "cambista wallet history",
        "cambista invoice 5 --description coffee",
        "cambista payments",
        "cambista version",
        "cambista stop",
    ] {
        assert_eq!(typed(&node, line).await.unwrap(), Exit::Done, "{line}");
    }
    let asked = node.node.asked.lock().unwrap();
    assert!(asked.stopped && asked.policy.enabled);
    assert_eq!(asked.policy.out.unwrap().price.ppm, -2);
    assert_eq!((asked.opened, asked.closed), (2, 1));
}

#[tokio::test]
async fn names_that_are_no_ids_do_not_reach_the_api() {
    let node = served(|_| ()).await;
    for line in ["cambista swaps ../status", "cambista channel close a/b"] {
        assert_eq!(
            typed(&node, line).await.unwrap_err().exit,
            Exit::Usage,
            "{line}"
        );
    }
}

/// The coffee of BOLT 11: 250 000 sat.
const COFFEE: &str = "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh";

#[tokio::test]
async fn an_invoice_is_paid_only_when_someone_agrees_and_the_exit_code_tells_how_it_went() {
    let node = served(|_| ()).await;
    for (line, part) in [
        (format!("cambista pay {COFFEE}"), "--yes"),
        (
            "cambista pay lnbc1 --yes".to_owned(),
            "no Lightning invoice",
        ),
    ] {
        let failure = typed(&node, &line).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.text.contains(part), "{}", failure.text);
    }
    assert!(node.node.asked.lock().unwrap().paid.is_empty());

    let at_once = format!("cambista pay {COFFEE} --yes --max-fee 9 --timeout 0");
    assert_eq!(typed(&node, &at_once).await.unwrap(), Exit::Done);
    assert_eq!(node.node.asked.lock().unwrap().paid[0].max_fee_sat, Some(9));
    let impatient = format!("cambista pay {COFFEE} --yes --timeout 1");
    assert_eq!(typed(&node, &impatient).await.unwrap(), Exit::ActionNeeded);

    for (end, exit) in [
        (PaymentState::Paid, Exit::Done),
        (PaymentState::Failed, Exit::SwapFailed),
    ] {
        node.node.end_payment(PaymentState::Pending);
        let maker = std::sync::Arc::clone(&node.node);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            maker.end_payment(end);
        });
        let line = format!("cambista pay {COFFEE} --yes --json");
        assert_eq!(typed(&node, &line).await.unwrap(), exit);
    }
    let poor = served(|node| node.refuse = true).await;
    assert_eq!(
        typed(&poor, &at_once).await.unwrap_err().exit,
        Exit::Refused
    );
}

#[tokio::test]
async fn a_channel_to_refill_is_named_by_the_beginning_of_its_id() {
    let node = served(|_| ()).await;
    let line = "cambista in 250000 --channel 5e5 --yes --detach";
    assert_eq!(typed(&node, line).await.unwrap(), Exit::Done);
    let failure = typed(&node, "cambista in 250000 --channel 5 --yes")
        .await
        .unwrap_err();
    assert!(failure.text.contains("more than one"), "{}", failure.text);
    let asked = node.node.asked.lock().unwrap();
    assert_eq!(asked.accepted.len(), 1);
    assert_eq!(asked.planned[0].last_hop, Some(MAKER.parse().unwrap()));
}

#[tokio::test]
async fn standing_limits_hold_where_nothing_else_is_typed() {
    let limits = Limits {
        max_fee_ppm: Some(3_500),
        max_routing_fee_sat: Some(200),
        ..Limits::default()
    };
    let node = served(|node| node.limits = limits).await;
    // About 882 sat, and 3 500 ppm of 250 000 sat are 875.
    let failure = typed(&node, "cambista out 250000 --yes").await.unwrap_err();
    assert_eq!(failure.exit, Exit::Refused);
    let line = "cambista out 250000 --yes --detach --max-fee 900";
    assert_eq!(typed(&node, line).await.unwrap(), Exit::Done);
    let asked = node.node.asked.lock().unwrap();
    assert_eq!(asked.accepted.len(), 1);
    assert_eq!(asked.planned[1].max_fee_sat, Some(900));
    assert_eq!(asked.planned[1].max_routing_fee_sat, Some(200));
}
