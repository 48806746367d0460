//! `out` and `in`: the price, the question, the start.

use cambista_engine::order::{OrderView, PlanView};
use cambista_engine::view::{QuoteView, SwapView};
use serde::Serialize;

use super::args_swap::{InArgs, OutArgs, PartArgs, TakeArgs};
use super::channel::{full_ids, peer_of};
use super::context::Context;
use super::failure::{Exit, Failure};
use super::follow::{story, until_deposit};
use super::follow_order;
use super::market::{none, word};
use super::show_order;
use super::show_quote;
use super::show_swap;
use super::text::{count, short};
use crate::api::types::{AskPlan, DirectionName, Limits, Order, OrderStarted, PlanList};

/// What a program is told. `quote` and `swap` are the first swap's; an order may have more.
#[derive(Serialize)]
struct Taken<'a> {
    quote: Option<&'a QuoteView>,
    swap: Option<&'a SwapView>,
    quotes: &'a [QuoteView],
    order: &'a OrderView,
}

/// What the user wishes.
pub(super) struct Wish {
    ask: AskPlan,
    /// `in`: the channel to refill.
    refill: Option<String>,
    yes: bool,
    detach: bool,
    no_qr: bool,
}

impl Wish {
    /// Lightning -> on-chain.
    pub(super) fn out(args: OutArgs) -> Self {
        let mut wish = Self::new(DirectionName::Out, args.take);
        wish.ask.receive = args.receive;
        wish.ask.address = args.address;
        wish.ask.confirmations = args.confs;
        wish.ask.channels = Some(args.channels).filter(|channels| !channels.is_empty());
        wish
    }

    /// On-chain -> Lightning.
    pub(super) fn into_lightning(args: InArgs) -> Self {
        let mut wish = Self::new(DirectionName::In, args.take);
        wish.ask.external = args.external;
        wish.ask.last_hop = args.last_hop;
        wish.refill = args.channel;
        wish.no_qr = args.no_qr;
        wish
    }

    fn new(direction: DirectionName, take: TakeArgs) -> Self {
        let ask = AskPlan {
            max_fee_sat: take.max_fee,
            max_miner_fee_sat: take.max_miner_fee,
            max_routing_fee_sat: take.max_routing_fee,
            label: take.label,
            ..ask(direction, take.amount, &take.parts)
        };
        Self {
            ask,
            refill: None,
            yes: take.yes,
            detach: take.detach,
            no_qr: false,
        }
    }
}

/// The plain question for an amount.
pub(super) fn ask(direction: DirectionName, amount_sat: u64, parts: &PartArgs) -> AskPlan {
    AskPlan {
        direction,
        amount_sat,
        receive: false,
        address: None,
        external: false,
        makers: parts.makers.clone(),
        max_parts: if parts.single {
            Some(1)
        } else {
            parts.max_parts
        },
        max_fee_sat: None,
        max_miner_fee_sat: None,
        max_routing_fee_sat: None,
        channels: None,
        last_hop: None,
        confirmations: None,
        label: None,
    }
}

/// Takes the cheapest way there is and follows it to its end.
pub(super) fn take(context: &Context, mut wish: Wish) -> Result<Exit, Failure> {
    let client = context.client()?;
    if let Some(named) = &wish.ask.channels {
        wish.ask.channels = Some(full_ids(&client, named)?);
    }
    if let Some(channel) = &wish.refill {
        wish.ask.last_hop = Some(peer_of(&client, channel)?);
    }
    let limits: Limits = client.get("/limits", &[])?;
    let list: PlanList = client.post("/plans", &wish.ask)?;
    let Some(plan) = &list.plan else {
        return Err(no_plan(&list, &wish.ask));
    };
    context.say(&price(plan, &wish.ask, &limits));
    context.confirm("Begin?", wish.yes)?;

    let order = Order {
        plan_id: Some(plan.id.clone()),
        ..Order::default()
    };
    let started: OrderStarted = client.post("/orders", &order)?;
    let Some(view) = started.view else {
        return Err(Failure::new(
            Exit::ActionNeeded,
            "the node did not say what it has begun",
            "cambista orders",
        ));
    };
    let name = short(&view.id);
    context.say(&begun(&view));
    if wish.detach {
        return detach(context, &client, &wish, &started.quotes, view);
    }
    for swap in &view.swaps {
        let prefix = follow_order::prefix(&view, swap);
        story(context, swap, 0, "", &prefix);
    }
    let view = follow_order::follow(context, client, view, wish.no_qr)?;
    context.object(&taken(&started.quotes, &view));
    context.say(&show_order::ending(&view));
    if view.swaps.len() > 1 {
        let look = context.command(&format!("cambista orders {name}"));
        context.say(&format!("Look at it with: {look}"));
    }
    Ok(show_order::exit(&view))
}

fn taken<'a>(quotes: &'a [QuoteView], order: &'a OrderView) -> Taken<'a> {
    Taken {
        quote: quotes.first(),
        swap: order.swaps.first(),
        quotes,
        order,
    }
}

/// Leaves what has begun to the node.
fn detach(
    context: &Context,
    client: &crate::client::Client,
    wish: &Wish,
    quotes: &[QuoteView],
    mut order: OrderView,
) -> Result<Exit, Failure> {
    if wish.ask.external
        && let Some(first) = order.swaps.first_mut()
    {
        *first = until_deposit(client, first.clone())?;
        if let Some(deposit) = &first.deposit {
            context.say(&show_swap::deposit(deposit));
            context.qr(&deposit.uri, wish.no_qr);
        }
    }
    let look = match order.swaps.as_slice() {
        [swap] => format!("cambista swaps {}", short(&swap.id)),
        _ => format!("cambista orders {}", short(&order.id)),
    };
    let look = context.command(&look);
    context.say(&format!("Look at it with: {look}"));
    context.object(&taken(quotes, &order));
    Ok(match order.swaps.as_slice() {
        [swap] => show_swap::exit(swap),
        _ => show_order::exit(&order),
    })
}

fn begun(order: &OrderView) -> String {
    match order.swaps.as_slice() {
        [swap] => format!(
            "Swap {} has begun. It goes on without this window.",
            short(&swap.id)
        ),
        swaps => format!(
            "Order {} has begun: {}. It goes on without this window.",
            short(&order.id),
            count(u64::try_from(swaps.len()).unwrap_or(u64::MAX), "swap")
        ),
    }
}

/// The whole price before anything begins.
fn price(plan: &PlanView, ask: &AskPlan, limits: &Limits) -> String {
    let typed = Order {
        address: ask.address.clone(),
        max_fee_sat: ask.max_fee_sat,
        max_miner_fee_sat: ask.max_miner_fee_sat,
        max_routing_fee_sat: ask.max_routing_fee_sat,
        confirmations: ask.confirmations,
        ..Order::default()
    };
    let order = limits.over(&typed, ask.direction, ask.amount_sat);
    match plan.swaps.as_slice() {
        [one] => show_quote::price(one, plan.worst_if_failed_sat, &typed, &order),
        _ => show_order::plan(plan, &typed, &order),
    }
}

/// Why nothing can begin.
pub(super) fn no_plan(list: &PlanList, ask: &AskPlan) -> Failure {
    let direction = ask.direction;
    match &list.no_plan {
        // Every maker that was asked said no: their words say more.
        Some(_) | None if list.quotes.is_empty() && !list.refused.is_empty() => {
            none(&list.refused, direction)
        }
        why => Failure::new(
            Exit::Refused,
            why.clone()
                .unwrap_or_else(|| "there is no way to swap this now. Nothing was begun".into()),
            if list.quotes.is_empty() {
                format!("cambista offers {}", word(direction))
            } else {
                format!("cambista quote {} {}", word(direction), ask.amount_sat)
            },
        ),
    }
}
