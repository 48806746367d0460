//! Offers and quotes as people read them.

use cambista_engine::order::PlannedSwap;
use cambista_engine::view::QuoteView;

use super::show_order;
use super::text::{count, ends, grouped, now, percent, plain, sat, signed, signed_number, table};
use crate::api::types::{DirectionName, Order, PlanList};

/// `Lightning -> on-chain`
pub(super) const fn arrow(direction: DirectionName) -> &'static str {
    match direction {
        DirectionName::Out => "Lightning -> on-chain",
        DirectionName::In => "on-chain -> Lightning",
    }
}

/// The same from a view's word.
pub(super) fn arrow_of(word: &str) -> &'static str {
    arrow(if word == "in" {
        DirectionName::In
    } else {
        DirectionName::Out
    })
}

/// Firm quotes side by side, with what each part costs, who gave none, and the split that is cheaper or needed.
pub(super) fn quotes(list: &PlanList, direction: DirectionName, amount: u64) -> String {
    let mut text = format!("{}, {}", arrow(direction), sat(amount));
    if let Some(best) = list.quotes.first() {
        let seconds = best.valid_until.saturating_sub(now());
        text.push_str(&format!("   (firm, best first; good for {seconds} s)\n"));
        let rows: Vec<Vec<String>> = list.quotes.iter().map(quote_row).collect();
        text.push_str(&table(&QUOTED, &rows));
        text.push_str(LEGEND);
    } else {
        text.push_str(": no single maker gave a price\n");
    }
    for refusal in &list.refused {
        text.push_str(&format!(
            "No price from {}: {}\n",
            ends(&refusal.maker),
            plain(&refusal.reason)
        ));
    }
    if let Some(plan) = list.plan.as_ref().filter(|plan| plan.swaps.len() > 1) {
        let single = list.quotes.first().map(|quote| quote.total_sat);
        text.push_str(&show_order::split(plan, single));
    }
    text
}

/// The columns of firm quotes.
const QUOTED: [&str; 11] = [
    "maker", ">receive", ">fee", ">miners", ">route", ">cost", ">share", ">failing", ">risk",
    ">conf", ">locked",
];
/// What they mean.
const LEGEND: &str = "  \
    In sat. Cost: the maker's fee, miners and route. Failing: what a failed swap is expected to cost,\n  \
    by this node's experience; it counts in the order and is not charged. Risk: lost at most if the\n  \
    swap fails, the prepay included. Conf: confirmations waited for. Locked: at most so long.\n";

fn quote_row(quote: &QuoteView) -> Vec<String> {
    vec![
        ends(&quote.maker),
        grouped(quote.receive_sat),
        signed_number(quote.maker_fee_sat),
        grouped(quote.miner_fee_sat),
        grouped(quote.routing_fee_sat),
        signed_number(quote.total_sat),
        percent(quote.total_sat, quote.amount_sat),
        grouped(quote.failure_cost_sat),
        grouped(quote.worst_if_failed_sat),
        quote.confirmations.to_string(),
        format!("{} h", quote.locked_hours),
    ]
}

/// The limits the user set, in the command (`typed`) or for good.
pub(super) fn limits(typed: &Order, order: &Order) -> String {
    let one = |typed: Option<u64>, limit: Option<u64>, what: &str| {
        let from = match typed {
            Some(_) => "",
            None => " (cambista.toml)",
        };
        limit.map(|limit| format!("{what} {}{from}", sat(limit)))
    };
    let limits = [
        one(typed.max_fee_sat, order.max_fee_sat, "all of it"),
        one(typed.max_miner_fee_sat, order.max_miner_fee_sat, "miners"),
        one(
            typed.max_routing_fee_sat,
            order.max_routing_fee_sat,
            "routing",
        ),
    ];
    limits.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The whole price of one swap, before anything begins. `lost`: the most that may be lost if it fails (sat). `typed` is
/// the order as typed, `order` the one with the standing limits.
pub(super) fn price(swap: &PlannedSwap, lost: u64, typed: &Order, order: &Order) -> String {
    let quote = &swap.quote;
    let to = order.address.as_deref();
    let out = quote.direction == "out";
    let destination = to.map_or_else(|| "this node's wallet".to_owned(), plain);
    let (from, into) = if out {
        (
            "over Lightning, plus routing".to_owned(),
            format!("on-chain, to {destination}"),
        )
    } else {
        (
            if quote.external {
                "on-chain, from outside this node"
            } else {
                "on-chain, its miner fee included"
            }
            .to_owned(),
            "over Lightning".to_owned(),
        )
    };
    let prepay = match quote.prepay_sat {
        0 => String::new(),
        at_risk => format!(
            "; {} of it is a prepay, at risk with this maker",
            sat(at_risk)
        ),
    };
    let lost = match (out, lost) {
        (_, 0) => "nothing".to_owned(),
        (true, worst) => format!("at most {}: the prepay and its routing", sat(worst)),
        (false, worst) => format!(
            "at most {}: miner fees of sending and taking back",
            sat(worst)
        ),
    };
    let lines = [
        ("Maker", ends(&quote.maker)),
        (
            "You send",
            format!("{} {from}{prepay}", sat(quote.send_sat)),
        ),
        ("You receive", format!("{} {into}", sat(quote.receive_sat))),
        ("Cost", about(quote)),
        ("At most", at_most(swap)),
        ("If it fails", format!("you lose {lost}")),
        (
            "Locked",
            format!(
                "for {} (~{} h) at most, if the other side goes silent",
                count(quote.locked_blocks.into(), "block"),
                quote.locked_hours,
            ),
        ),
        (
            if out { "Waits for" } else { "Maker waits" },
            count(swap.confirmations.into(), "confirmation"),
        ),
    ];
    let mut text = format!(
        "{}, {}\n",
        arrow_of(&quote.direction),
        sat(quote.amount_sat)
    );
    let limits = limits(typed, order);
    let yours = (!limits.is_empty()).then_some(("Your limit", limits));
    for (name, value) in lines.into_iter().chain(yours) {
        text.push_str(&format!("  {name:<12} {value}\n"));
    }
    text
}

/// The cost to expect, part by part.
fn about(quote: &QuoteView) -> String {
    let mut parts = vec![format!("maker {}", signed(quote.maker_fee_sat))];
    if quote.miner_fee_sat > 0 {
        parts.push(format!("miners ~{}", sat(quote.miner_fee_sat)));
    }
    if quote.routing_fee_sat > 0 {
        parts.push(format!("routing ~{}", sat(quote.routing_fee_sat)));
    }
    let share = percent(quote.total_sat, quote.amount_sat);
    format!(
        "about {}, {share} = {}",
        signed(quote.total_sat),
        parts.join(" + ")
    )
}

/// The most it may cost, and which limits make it so.
fn at_most(swap: &PlannedSwap) -> String {
    let (miner, routing) = (swap.max_miner_fee_sat, swap.max_routing_fee_sat);
    let mut limits = Vec::new();
    if miner > 0 {
        limits.push(format!("miners up to {}", sat(miner)));
    }
    if routing > 0 {
        limits.push(format!("routing up to {}", sat(routing)));
    }
    let limits = if limits.is_empty() {
        String::new()
    } else {
        format!(" ({})", limits.join(", "))
    };
    let both = miner.saturating_add(routing);
    let worst = swap.quote.maker_fee_sat.saturating_add_unsigned(both);
    format!("{} if it works{limits}", signed(worst))
}
