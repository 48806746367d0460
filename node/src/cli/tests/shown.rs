//! What people read.

use crate::api::tests::fake_orders::{order, plan, split_order};
use crate::api::tests::fake_swaps::{DEPOSIT, DONE, FAILED, MAKER, payment, quote, swap};
use crate::api::types::*;
use cambista_engine::order::PlanView;
use cambista_engine::view::{CostView, QuoteView};

use super::super::failure::Exit;
use super::super::makers;
use super::super::show_quote;
use super::super::text::sentence;
use super::super::watch::Feed;
use super::super::{show_maker, show_node, show_order, show_pay, show_swap};

/// Compares with the file kept beside this one; `KEEP=1 cargo test` writes it anew, to be read before it is committed.
fn as_kept(name: &str, shown: &str) {
    let path = format!("{}/src/cli/tests/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("KEEP").is_some() {
        std::fs::write(&path, shown).unwrap();
    }
    assert_eq!(shown, std::fs::read_to_string(&path).unwrap(), "{path}");
}

#[test]
fn the_whole_price_is_on_one_page() {
    let quote = quote();
    let typed = Order {
        max_miner_fee_sat: Some(700),
        confirmations: Some(2),
        ..Order::default()
    };
    let limits = Limits {
        max_fee_ppm: Some(6_000),
        ..Limits::default()
    };
    let order = limits.over(&typed, DirectionName::Out, quote.amount_sat);
    let mut swap = plan().swaps.remove(0);
    (swap.max_miner_fee_sat, swap.max_routing_fee_sat) = (700, 300);
    swap.confirmations = 2;
    let shown = show_quote::price(&swap, 300, &typed, &order);
    as_kept("price", &shown);
}

/// A plan of two swaps.
fn two() -> PlanView {
    let mut plan = plan();
    let mut second = plan.swaps[0].clone();
    second.quote.amount_sat = 100_000;
    plan.swaps[0].quote.amount_sat = 150_000;
    second.confirmations = 2;
    plan.swaps.push(second);
    plan.total_sat = 1_764;
    plan
}

#[test]
fn a_split_is_shown_swap_by_swap_and_as_a_whole() {
    let order = Order {
        max_fee_sat: Some(2_000),
        ..Order::default()
    };
    as_kept("plan", &show_order::plan(&two(), &order, &order));
}

#[test]
fn a_split_that_is_cheaper_or_needed_stands_below_the_quotes() {
    let mut list = PlanList {
        plan: Some(two()),
        ..PlanList::default()
    };
    let shown = show_quote::quotes(&list, DirectionName::Out, 250_000);
    assert!(
        shown.contains("No single maker covers it: 2 swaps for 1 764 sat"),
        "{shown}"
    );
    list.quotes = vec![QuoteView {
        total_sat: 2_000,
        ..quote()
    }];
    let shown = show_quote::quotes(&list, DirectionName::Out, 250_000);
    assert!(
        shown.contains("236 sat less than the best single maker: 2 swaps"),
        "{shown}"
    );
}

#[test]
fn an_order_is_shown_with_all_its_swaps_and_who_dropped_out() {
    as_kept("order", &show_order::full(&split_order()));
    let ended = show_order::ending(&split_order());
    assert!(
        ended.starts_with("Partly done: 150 000 sat of 250 000 sat were swapped"),
        "{ended}"
    );
    assert!(ended.contains("No other maker takes it on"), "{ended}");
    assert_eq!(show_order::exit(&split_order()), Exit::SwapFailed);
    // One swap that went through is told as a swap.
    let done = show_order::ending(&order(DONE));
    assert!(
        done.starts_with("Done. 249 738 sat arrived on-chain"),
        "{done}"
    );
}

#[test]
fn quotes_are_listed_with_what_can_be_lost() {
    let list = PlanList {
        quotes: vec![quote()],
        refused: vec![cambista_engine::NoQuote {
            maker: MAKER.into(),
            reason: "no\u{1b}[31m liquidity".into(),
            answered: true,
        }],
        ..PlanList::default()
    };
    let shown = show_quote::quotes(&list, DirectionName::Out, 250_000);
    let rest = shown.split_once('\n').unwrap().1;
    as_kept("quotes", rest);
}

#[test]
fn even_long_rows_of_quotes_and_makers_fit_a_hundred_columns() {
    let list = PlanList {
        quotes: vec![QuoteView {
            receive_sat: 99_999_999,
            maker_fee_sat: 200_000,
            miner_fee_sat: 9_999,
            routing_fee_sat: 9_999,
            total_sat: 219_998,
            amount_sat: 100_000_000,
            failure_cost_sat: 25_000,
            worst_if_failed_sat: 9_999,
            confirmations: 6,
            locked_hours: 108,
            ..quote()
        }],
        ..PlanList::default()
    };
    let quotes = show_quote::quotes(&list, DirectionName::Out, 100_000_000);
    let known = KnownMaker {
        maker: MAKER.into(),
        seen: Some(Seen {
            asked: 99_999,
            quoted: 99_999,
            done: 9_999,
            failed: 999,
            done_sat: 1,
            answer_ms: Some(9_999),
            swap_secs: Some(59_999),
            resting_until: Some(60),
            ..Seen::default()
        }),
        ..KnownMaker::default()
    };
    for text in [quotes, makers::listed(&[known])] {
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|widest| widest <= 100), "{text}");
    }
}

#[test]
fn a_swap_is_shown_with_money_and_next_step_first() {
    let shown = show_swap::full(&swap(1));
    as_kept("swap", &shown);
}

#[test]
fn a_deposit_is_asked_for_once_exactly_and_in_time() {
    let shown = show_swap::deposit(&swap(DEPOSIT).deposit.unwrap());
    for part in [
        "exactly 250 000 sat once",
        "block 156",
        "bitcoin:bcrt1p?amount=0.0025",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(show_swap::full(&swap(DEPOSIT)).contains(&shown));
}

#[test]
fn an_ending_says_where_the_money_is_and_what_it_cost() {
    let done = show_swap::ending(&swap(DONE));
    assert!(
        done.starts_with("Done. 249 738 sat arrived on-chain at bcrt1q. "),
        "{done}"
    );
    assert!(
        done.ends_with("It cost 500 sat, 0.20 % = maker 500 sat."),
        "{done}"
    );
    let failed = show_swap::ending(&swap(FAILED));
    assert!(
        failed.starts_with("The swap failed, your funds are safe. "),
        "{failed}"
    );
}

#[test]
fn what_a_maker_earned_is_not_called_a_cost() {
    let cost = CostView {
        maker_fee_sat: -1019,
        miner_fee_sat: 444,
        total_sat: -575,
        ..CostView::default()
    };
    let shown = show_swap::cost(&cost, 250_000);
    assert_eq!(shown, "575 sat, 0.23 % = maker 1 019 sat - miners 444 sat");
    let mut earned = swap(DONE);
    earned.side = "maker".into();
    earned.cost = cost;
    assert!(show_swap::ending(&earned).contains("It earned 575 sat"));
}

#[test]
fn the_status_ends_with_what_to_do() {
    let node = NodeStatus {
        version: "0.1.0".into(),
        network: "regtest".into(),
        node_id: MAKER.into(),
        peer_id: "12D3".into(),
        height: 120,
        synced: true,
        lightning_addresses: vec!["127.0.0.1:9735".into()],
        channels: 1,
        lightning_peers: 2,
        balance: Balance {
            lightning_outbound_sat: 400_000,
            onchain_spendable_sat: 1_000_000,
            onchain_reserved_sat: 25_000,
            ..Balance::default()
        },
        ..NodeStatus::default()
    };
    let mut status = Status {
        node,
        open_swaps: 0,
        maker_enabled: true,
    };
    let shown = show_node::status(&status, show_node::next_step(&status));
    as_kept("status", &shown);
    let next = |status: &Status| show_node::next_step(status);
    status.node.p2p_peers = 1;
    assert_eq!(next(&status), "cambista offers");
    status.node.channels = 0;
    assert_eq!(next(&status), "cambista wallet address");
    status.open_swaps = 1;
    assert_eq!(next(&status), "cambista swaps");
}

#[test]
fn a_makers_business_reads_in_satoshis_and_shares() {
    let side = SideSettings {
        base_sat: 500,
        ppm: -1500,
        min_sat: 20_000,
        max_sat: 1_000_000,
        lean_ppm: 0,
    };
    let settings = MakerSettings {
        enabled: true,
        into: Some(side),
        ..MakerSettings::default()
    };
    let shown = show_maker::settings(&settings);
    as_kept("maker", &shown);
}

#[test]
fn a_maker_is_told_why_nobody_hears_of_its_offer() {
    let mut business = crate::api::types::Business {
        sides: Vec::new(),
        open_sat: 0,
        unproven_sat: 0,
        profit_sat: 0,
        not_announced: None,
    };
    assert!(!show_maker::business(&business).contains("not told"));
    business.not_announced = Some("its price makes no sense".into());
    let shown = show_maker::business(&business);
    assert!(
        shown.contains("Others are not told of this: its price makes no sense\n"),
        "{shown}"
    );
}

#[test]
fn errors_are_sentences() {
    assert_eq!(sentence("no node is running"), "No node is running.");
    assert_eq!(sentence("Go on?"), "Go on?");
    assert_eq!(sentence(""), ".");
}

#[test]
fn a_payment_says_where_the_money_is() {
    let shown: Vec<String> = [
        PaymentState::Pending,
        PaymentState::Paid,
        PaymentState::Failed,
    ]
    .into_iter()
    .map(payment)
    .map(|payment| {
        format!(
            "{}\n\n{}",
            show_pay::outcome(&payment, "cambista payments 2a2a"),
            show_pay::full(&payment)
        )
    })
    .collect();
    as_kept("payment", &shown.join("\n"));
}

#[test]
fn payments_and_transactions_are_lists() {
    let payments = [payment(PaymentState::Paid), payment(PaymentState::Failed)];
    let transactions = [
        WalletTransaction {
            txid: "ee".repeat(32),
            net_sat: -5_300,
            fee_sat: Some(300),
            height: None,
            time: None,
        },
        WalletTransaction {
            txid: "dd".repeat(32),
            net_sat: 250_000,
            fee_sat: None,
            height: Some(120),
            time: Some(1_795_341_734),
        },
    ];
    let shown = [show_pay::list(&payments), show_pay::history(&transactions)];
    as_kept("lists", &shown.join("\n"));
}

fn channel(payments_under_way: usize, delay: Option<u16>) -> Channel {
    Channel {
        id: "5e".repeat(32),
        peer: MAKER.into(),
        alias: Some("Bob".into()),
        capacity_sat: 1_000_000,
        outbound_sat: 400_000,
        inbound_sat: 500_000,
        ready: true,
        usable: true,
        announced: false,
        closing: false,
        confirmations: 6,
        confirmations_required: Some(3),
        funding_txid: None,
        payments_under_way,
        force_close_delay_blocks: delay,
    }
}

#[test]
fn closing_a_channel_says_when_its_coins_are_free() {
    let mut shown = show_node::channels(&[channel(0, Some(144)), channel(2, None)]);
    for (payments, delay, force) in [
        (0, Some(144), false),
        (1, Some(144), false),
        (0, Some(144), true),
        (2, None, true),
    ] {
        let told = show_node::closing(&channel(payments, delay), force);
        shown.push_str(&format!("\n{told}\n"));
    }
    let part = |wait, free_at_height| Returning {
        channel: Some("5e".repeat(32)),
        amount_sat: 250_000,
        wait,
        free_at_height,
    };
    let parts = [
        part(Wait::Close, None),
        part(Wait::Locked, Some(287)),
        part(Wait::Payment, Some(300)),
        part(Wait::Sweep, None),
    ];
    shown.push_str(&format!("\n{}", show_node::returning(&parts)));
    assert_eq!(show_node::returning(&[]), "");
    as_kept("channels", &shown);
}

#[test]
fn a_watcher_is_told_every_line_of_every_swap_once() {
    let list = |version| SwapList {
        swaps: vec![swap(version)],
        version,
        older: 0,
    };
    let mut feed = Feed::default();
    assert_eq!(feed.news(&list(1)).len(), 1);
    assert!(feed.news(&list(2)).is_empty());
    let done = list(DONE);
    let news = feed.news(&done);
    let shown: Vec<String> = news
        .iter()
        .map(|news| format!("{}\n{}", news.text(), serde_json::to_string(news).unwrap()))
        .collect();
    as_kept("watch", &shown.join("\n"));
    assert!(feed.news(&done).is_empty());
}
