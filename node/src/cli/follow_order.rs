//! `orders`, and following all swaps of an order in one view.

use std::collections::BTreeMap;

use cambista_engine::order::OrderView;
use cambista_engine::view::SwapView;
use serde_json::json;

use super::args_swap::{CancelArgs, OrdersArgs};
use super::context::Context;
use super::failure::{Exit, Failure};
use super::follow::{Absence, WAIT, on_interrupt, story};
use super::paths;
use super::show_order;
use super::show_quote::arrow_of;
use super::show_swap;
use super::text::{ends, plain, sat, sentence, short};
use crate::api::types::{OrderCancelled, OrderList};
use crate::client::Client;

/// Ended orders listed when not all are asked for.
const RECENT: usize = 20;

/// Lists orders, or shows or follows one.
pub(super) fn orders(context: &Context, args: &OrdersArgs) -> Result<Exit, Failure> {
    let client = context.client()?;
    let Some(id) = &args.id else {
        return list(context, &client, args.all);
    };
    let mut order: OrderView = client.get(&paths::order(id)?, &[])?;
    if !args.follow {
        context.show(&order, || show_order::full(&order));
        return Ok(Exit::Done);
    }
    context.say(&show_order::full(&order));
    if !order.ended {
        order = follow(context, client, order, true)?;
    }
    context.object(&order);
    context.say(&show_order::ending(&order));
    Ok(show_order::exit(&order))
}

fn list(context: &Context, client: &Client, all: bool) -> Result<Exit, Failure> {
    let list: OrderList = client.get("/orders", &[])?;
    context.show(&list, || {
        if list.orders.is_empty() {
            return format!(
                "No orders yet.\nNext: {}",
                context.command("cambista offers")
            );
        }
        let mut ended = 0_usize;
        let shown: Vec<&OrderView> = list
            .orders
            .iter()
            .filter(|order| {
                ended += usize::from(order.ended);
                all || !order.ended || ended <= RECENT
            })
            .collect();
        let mut text = show_order::list(&shown);
        if shown.len() < list.orders.len() {
            text.push_str(&format!(
                "{} older ones: {}",
                list.orders.len() - shown.len(),
                context.command("cambista orders --all")
            ));
        }
        text
    });
    Ok(Exit::Done)
}

/// Calls an order off, as far as it still can be.
pub(super) fn cancel(
    context: &Context,
    client: &Client,
    order: &OrderView,
    args: &CancelArgs,
) -> Result<(), Failure> {
    context.say(&format!(
        "Order {}: {}, {}\n{}",
        short(&order.id),
        arrow_of(&order.direction),
        sat(order.amount_sat),
        plain(&sentence(&order.money))
    ));
    context.confirm("Call it off, with all its swaps?", args.yes)?;
    let cancelled: OrderCancelled =
        client.post(&format!("{}/cancel", paths::order(&order.id)?), &json!({}))?;
    context.show(&cancelled, || {
        let look = context.command(&format!("cambista orders {}", short(&order.id)));
        format!(
            "{}\nLook at it with: {look}",
            plain(&sentence(&cancelled.text))
        )
    });
    Ok(())
}

/// What stands before a line of a swap's story: nothing while the order has only one.
pub(super) fn prefix(order: &OrderView, swap: &SwapView) -> String {
    if order.swaps.len() > 1 {
        format!("  {}", short(&swap.id))
    } else {
        String::new()
    }
}

/// How much of a swap's story was told, and what was said to come next.
#[derive(Default)]
struct Told {
    lines: usize,
    next: String,
    deposit: bool,
}

/// Prints what happens to all swaps of an order until it is over. Ctrl-C leaves it to the node.
pub(super) fn follow(
    context: &Context,
    mut client: Client,
    mut order: OrderView,
    no_qr: bool,
) -> Result<OrderView, Failure> {
    let look = match order.swaps.as_slice() {
        [swap] => format!("cambista swaps {}", short(&swap.id)),
        _ => format!("cambista orders {}", short(&order.id)),
    };
    let look = context.command(&look);
    on_interrupt(format!("\nIt goes on without you: {look}"), 130);
    let path = paths::order(&order.id)?;
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    for swap in &order.swaps {
        told.insert(
            swap.id.clone(),
            Told {
                lines: swap.timeline.len(),
                next: swap.next.clone(),
                deposit: swap.deposit.is_some(),
            },
        );
    }
    let mut dropped = 0;
    let mut absence = Absence::default();
    loop {
        for failed in order.failed.iter().skip(dropped) {
            context.say(&format!(
                "  {} drops out: {}",
                ends(&failed.maker),
                plain(&failed.reason)
            ));
        }
        dropped = order.failed.len().max(dropped);
        if order.ended {
            return Ok(order);
        }
        let query = [
            ("since", order.version.to_string()),
            ("wait", WAIT.to_string()),
        ];
        match client.get::<OrderView>(&path, &query) {
            Ok(newer) => {
                absence.over(context);
                for swap in &newer.swaps {
                    let known = told.entry(swap.id.clone()).or_default();
                    let prefix = prefix(&newer, swap);
                    story(context, swap, known.lines, &known.next, &prefix);
                    if let (false, Some(deposit)) = (known.deposit, &swap.deposit) {
                        context.say(&format!("\n{}\n", show_swap::deposit(deposit)));
                        context.qr(&deposit.uri, no_qr);
                    }
                    *known = Told {
                        lines: swap.timeline.len(),
                        next: swap.next.clone(),
                        deposit: known.deposit || swap.deposit.is_some(),
                    };
                }
                order = newer;
            }
            Err(error) => {
                let what = format!("order {}", short(&order.id));
                client = absence.wait(context, client, error, &what)?;
            }
        }
    }
}
