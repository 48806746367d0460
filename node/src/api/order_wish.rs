//! What an order says, checked and completed with the owner's standing limits.

use bitcoin::{Amount, Network};
use cambista_engine::StartSwap;
use cambista_engine::order::OrderWish;
use cambista_protocol::money::Msat;

use super::asked::{amount, channels, destination, fee, label_and_confirmations, maker, node};
use super::problem::Problem;
use super::state::State;
use super::types::{AskPlan, DirectionName, Limits, Order};

/// So many swaps an order becomes at most when nothing is said.
const PARTS: u8 = 4;

/// The most that can be asked for.
const MOST_PARTS: u8 = 8;

/// The wish with the standing limits where it says nothing itself.
pub(super) async fn wish(state: &State, ask: AskPlan) -> Result<OrderWish, Problem> {
    amount(ask.amount_sat)?;
    let limits = state.backend.limits();
    let out = ask.direction == DirectionName::Out;
    let own = Order {
        max_fee_sat: fee(ask.max_fee_sat)?,
        max_miner_fee_sat: fee(ask.max_miner_fee_sat)?,
        max_routing_fee_sat: fee(ask.max_routing_fee_sat)?,
        confirmations: ask.confirmations,
        ..Order::default()
    };
    let own = limits.fill(&own, out, ask.amount_sat);
    label_and_confirmations(ask.label.as_deref(), own.confirmations)?;
    let invalid = |text: &str| Err(Problem::invalid(format!("{text}; nothing was begun")));
    if !out && ask.confirmations.is_some() {
        return invalid(
            "for on-chain -> Lightning the maker says how many confirmations it waits for",
        );
    }
    if !out && ask.address.is_some() {
        return invalid("on-chain -> Lightning pays into your channels; it takes no address");
    }
    if (out && ask.last_hop.is_some()) || (!out && ask.channels.is_some()) {
        return invalid("that channel choice is not of this direction");
    }
    let max_parts = ask.max_parts.unwrap_or(PARTS);
    if !(1..=MOST_PARTS).contains(&max_parts) {
        return invalid(&format!("an order becomes 1 to {MOST_PARTS} swaps"));
    }
    let mut makers = Vec::with_capacity(ask.makers.len());
    for text in &ask.makers {
        makers.push(maker(state, text).await?);
    }
    let wish = OrderWish {
        direction: ask.direction.into(),
        amount_sat: ask.amount_sat,
        receive: ask.receive,
        external: ask.external,
        makers,
        max_parts,
        destination: destination(ask.address.as_deref(), state.backend.network())?,
        confirmations: own.confirmations.filter(|_| out),
        first_hops: ask.channels.map(channels).transpose()?,
        last_hop: ask.last_hop.as_deref().map(node).transpose()?,
        max_fee_sat: own.max_fee_sat,
        max_miner_fee_sat: own.max_miner_fee_sat,
        max_routing_fee_sat: own.max_routing_fee_sat,
        label: ask.label,
    };
    if let (Some(because), Some(2..)) = (wish.single_because(), ask.max_parts) {
        return invalid(&format!("{because} is one swap: it cannot be split"));
    }
    Ok(wish)
}

/// The order with the standing limits where it says nothing itself.
pub(super) fn limited(state: &State, order: Order) -> Result<Order, Problem> {
    let limits = state.backend.limits();
    if limits == Limits::default() {
        return Ok(order);
    }
    let (out, amount_sat) = state
        .quote(order.quote_id.as_deref().unwrap_or_default())
        .ok_or_else(|| {
            Problem::not_found("there is no such quote any more; nothing was begun")
                .next("cambista offers")
        })?;
    Ok(limits.fill(&order, out, amount_sat))
}

/// The request for one swap on a quote.
pub(super) fn start_request(order: Order, network: Network) -> Result<StartSwap, Problem> {
    label_and_confirmations(order.label.as_deref(), order.confirmations)?;
    let quote_id = order.quote_id.ok_or_else(|| {
        Problem::invalid("say which plan or quote; nothing was begun")
            .next("cambista quote out 250000")
    })?;
    Ok(StartSwap {
        quote_id,
        destination: destination(order.address.as_deref(), network)?,
        max_miner_fee: fee(order.max_miner_fee_sat)?.map(Amount::from_sat),
        max_routing_fee: fee(order.max_routing_fee_sat)?.and_then(Msat::from_sat),
        confirmations: order.confirmations,
        least_confirmations: 0,
        label: order.label,
        max_fee: fee(order.max_fee_sat)?.map(Amount::from_sat),
        first_hops: order.channels.map(channels).transpose()?,
        last_hop: order.last_hop.as_deref().map(node).transpose()?,
        order: None,
    })
}
