//! Plans of several swaps, and orders, as people read them.

use cambista_engine::order::{OrderView, PlanView};

use super::failure::Exit;
use super::show_quote::{arrow_of, limits};
use super::show_swap;
use super::text::{count, ends, now, percent, plain, sat, sentence, short, signed, stamp, table};
use crate::api::types::Order;

fn number(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}

/// What each swap of a plan costs, part by part.
pub(super) fn swaps_of(plan: &PlanView) -> String {
    let rows: Vec<Vec<String>> = plan
        .swaps
        .iter()
        .map(|swap| {
            let quote = &swap.quote;
            vec![
                ends(&quote.maker),
                sat(quote.amount_sat),
                signed(quote.maker_fee_sat),
                sat(quote.miner_fee_sat),
                sat(quote.routing_fee_sat),
                signed(quote.total_sat),
                percent(quote.total_sat, quote.amount_sat),
                sat(quote.prepay_sat),
                count(swap.confirmations.into(), "confirmation"),
            ]
        })
        .collect();
    table(
        &[
            "maker",
            ">amount",
            ">maker fee",
            ">miners",
            ">routing",
            ">cost",
            ">share",
            ">prepay",
            "waits for",
        ],
        &rows,
    )
}

/// A plan of several swaps, before anything begins. `typed` is the order as typed, `order` the one with the standing
/// limits.
pub(super) fn plan(plan: &PlanView, typed: &Order, order: &Order) -> String {
    let out = plan.direction == "out";
    let parts = number(plan.swaps.len());
    let mut text = format!(
        "{}, {}, as {} with as many makers\n{}",
        arrow_of(&plan.direction),
        sat(plan.amount_sat),
        count(parts, "swap"),
        swaps_of(plan)
    );
    let to = order
        .address
        .as_deref()
        .map_or_else(|| "this node's wallet".to_owned(), plain);
    let (from, into) = if out {
        (
            "over Lightning, plus routing".to_owned(),
            format!("on-chain, to {to}"),
        )
    } else {
        (
            "on-chain, the miner fees included; one after the other".to_owned(),
            "over Lightning".to_owned(),
        )
    };
    let risk = match plan.prepay_sat {
        0 => String::new(),
        at_risk => format!(
            "; {} of it are prepays, at risk with these makers",
            sat(at_risk)
        ),
    };
    let lines = [
        ("You send", format!("{} {from}{risk}", sat(plan.send_sat))),
        ("You receive", format!("{} {into}", sat(plan.receive_sat))),
        (
            "Cost",
            format!(
                "about {}, {} = makers {} + miners ~{} + routing ~{}",
                signed(plan.total_sat),
                percent(plan.total_sat, plan.amount_sat),
                signed(plan.maker_fee_sat),
                sat(plan.miner_fee_sat),
                sat(plan.routing_fee_sat)
            ),
        ),
        (
            "At most",
            format!(
                "{} if it works (miners up to {}, routing up to {})",
                signed(plan.worst_total_sat),
                sat(plan.max_miner_fee_sat),
                sat(plan.max_routing_fee_sat)
            ),
        ),
        (
            "What fails",
            match plan.worst_if_failed_sat {
                0 => "loses nothing; other makers take its place within these limits".to_owned(),
                worst => format!(
                    "loses at most {} in all; other makers take its place within these limits",
                    sat(worst)
                ),
            },
        ),
        (
            "Locked",
            format!(
                "for {} (~{} h) at most, if a maker goes silent",
                count(plan.locked_blocks.into(), "block"),
                plan.locked_hours
            ),
        ),
    ];
    let limits = limits(typed, order);
    let yours = (!limits.is_empty()).then_some(("Your limit", limits));
    for (name, value) in lines.into_iter().chain(yours) {
        text.push_str(&format!("  {name:<12} {value}\n"));
    }
    text
}

/// How the best plan compares with the best single maker, when it is a split.
pub(super) fn split(plan: &PlanView, best_single: Option<i64>) -> String {
    let why = match best_single {
        None => "No single maker covers it".to_owned(),
        Some(single) => format!(
            "{} less than the best single maker",
            sat(u64::try_from(single.saturating_sub(plan.total_sat)).unwrap_or(0))
        ),
    };
    format!(
        "{why}: {} for {}, {} (good for {} s)\n{}",
        count(number(plan.swaps.len()), "swap"),
        signed(plan.total_sat),
        percent(plan.total_sat, plan.amount_sat),
        plan.valid_until.saturating_sub(now()),
        swaps_of(plan)
    )
}

/// What the exit code says of an order that was followed.
pub(super) fn exit(order: &OrderView) -> Exit {
    let lost = order
        .swaps
        .iter()
        .any(|swap| show_swap::exit(swap) == Exit::ActionNeeded);
    match (order.ended, order.state.as_str()) {
        _ if lost => Exit::ActionNeeded,
        (false, _) | (true, "done") => Exit::Done,
        (true, _) => Exit::SwapFailed,
    }
}

/// How it stands, in a few words.
fn state(order: &OrderView) -> String {
    match order.state.as_str() {
        "looking" => "looking for makers",
        "running" => "under way",
        "done" => "done",
        "partly_done" => "partly done",
        "failed" => "failed",
        "cancelled" => "called off",
        other => return plain(other),
    }
    .to_owned()
}

/// A list, newest first.
pub(super) fn list(orders: &[&OrderView]) -> String {
    let rows: Vec<Vec<String>> = orders
        .iter()
        .map(|order| {
            vec![
                short(&order.id),
                stamp(order.created_at),
                arrow_of(&order.direction).to_owned(),
                sat(order.amount_sat),
                number(order.swaps.len()).to_string(),
                sat(order.done_sat),
                state(order),
                signed(order.cost.total_sat),
                order.label.as_deref().map(plain).unwrap_or_default(),
            ]
        })
        .collect();
    table(
        &[
            "order",
            "began (UTC)",
            "direction",
            ">amount",
            ">swaps",
            ">done",
            "state",
            ">cost",
            "label",
        ],
        &rows,
    )
}

/// Everything about one.
pub(super) fn full(order: &OrderView) -> String {
    let label = order
        .label
        .as_deref()
        .map(|label| format!("   \"{}\"", plain(label)))
        .unwrap_or_default();
    let mut text = format!(
        "Order {}   {}, {}{label}\n",
        short(&order.id),
        arrow_of(&order.direction),
        sat(order.amount_sat)
    );
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("  {name:<12} {value}\n"));
        }
    };
    row("State", &state(order));
    row("Your money", &plain(&order.money));
    row("Next", &plain(&order.next));
    row("Cost", &show_swap::cost(&order.cost, order.amount_sat));
    let most = order
        .max_cost_sat
        .map(|most| format!("{} if it works", signed(most)));
    row("At most", &most.unwrap_or_default());
    row("Full id", &plain(&order.id));
    for failed in &order.failed {
        row(
            "Dropped out",
            &format!("{}: {}", ends(&failed.maker), plain(&failed.reason)),
        );
    }
    if !order.swaps.is_empty() {
        text.push('\n');
        let swaps: Vec<_> = order.swaps.iter().collect();
        text.push_str(&show_swap::list(&swaps));
    }
    text
}

/// How it ended, in one or two sentences.
pub(super) fn ending(order: &OrderView) -> String {
    if let ([swap], true) = (order.swaps.as_slice(), order.stuck.is_none()) {
        return show_swap::ending(swap);
    }
    let verdict = match (exit(order), order.state.as_str()) {
        (Exit::ActionNeeded, _) => "This order needs you".to_owned(),
        (_, "done") => "Done".to_owned(),
        (_, "partly_done") => format!(
            "Partly done: {} of {} were swapped, the rest is safe",
            sat(order.done_sat),
            sat(order.amount_sat)
        ),
        _ => "The order failed, your funds are safe".to_owned(),
    };
    let arrived = match (order.received_sat, order.direction.as_str()) {
        (0, _) => String::new(),
        (received, "out") => format!("{} arrived on-chain. ", sat(received)),
        (received, _) => format!("{} arrived over Lightning. ", sat(received)),
    };
    let why = order
        .stuck
        .as_deref()
        .map(|why| format!("\nNothing more was begun: {}", plain(&sentence(why))))
        .unwrap_or_default();
    format!(
        "{verdict}. {arrived}{}{why}\nIt cost {}.",
        plain(&sentence(&order.money)),
        show_swap::cost(&order.cost, order.amount_sat)
    )
}
