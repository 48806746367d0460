//! Offers, quotes, orders and swaps.

use std::str::FromStr as _;
use std::time::Duration;

use axum::Json;
use axum::extract::State as Shared;
use bitcoin::address::NetworkUnchecked;
use bitcoin::hex::FromHex as _;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Address, Amount, Network, ScriptBuf};
use cambista_protocol::money::{MAX_MONEY_SAT, Msat};
use tokio::time::{Instant, sleep_until};

use super::extract::{Body, Id, Params};
use super::problem::Problem;
use super::schema;
use super::state::{MAX_WAIT, State, stopping, uncancelled};
use super::types::{
    AskQuotes, Cancelled, Limits, OfferList, OffersQuery, Order, OrderStarted, QuoteList, SwapList,
    SwapQuery, SwapsQuery,
};
use cambista_engine::view::SwapView;
use cambista_engine::{AskAmount, AskFor, StartSwap};

/// So many makers are asked at a time.
const MAKERS_ASKED: usize = 8;
/// The longest label (bytes).
const MAX_LABEL: usize = 128;

/// Standing offers, best first.
#[utoipa::path(get, path = "/offers", tag = "market", params(OffersQuery),
    responses((status = 200, body = OfferList), (status = "default", body = Problem)))]
pub(super) async fn offers(
    Shared(state): Shared<State>,
    Params(query): Params<OffersQuery>,
) -> Result<Json<OfferList>, Problem> {
    Ok(Json(OfferList {
        offers: state.backend.offers(query).await?,
    }))
}

/// Asks the best makers for firm quotes.
#[utoipa::path(post, path = "/quotes", tag = "market", request_body = AskQuotes,
    responses((status = 200, body = QuoteList), (status = "default", body = Problem)))]
pub(super) async fn quotes(
    Shared(state): Shared<State>,
    Body(ask): Body<AskQuotes>,
) -> Result<Json<QuoteList>, Problem> {
    let amount = amount(ask.amount_sat)?;
    let maker = ask.maker.as_deref().map(maker).transpose()?;
    let direction = ask.direction.into();
    let network = state.backend.network();
    let wanted = AskFor {
        direction,
        amount: if ask.receive {
            AskAmount::Receive(amount)
        } else {
            AskAmount::Swap(amount)
        },
        destination: ask
            .address
            .as_deref()
            .map(|text| {
                script(text, network).map_err(|problem| problem.next("cambista out --help"))
            })
            .transpose()?,
        external: ask.external,
    };
    let makers = state
        .backend
        .makers(direction, ask.amount_sat, maker, MAKERS_ASKED)
        .await?;
    if makers.is_empty() {
        let whom = if maker.is_some() {
            "this maker does not offer"
        } else {
            "no maker on the market offers"
        };
        return Err(Problem::refused(format!(
            "{whom} a swap {direction} of {} sat; nothing was begun",
            ask.amount_sat
        ))
        .next(format!("cambista offers {direction}")));
    }
    let quotes = state.swaps.quotes(wanted, makers).await?;
    state.quoted(&quotes.quotes);
    Ok(Json(QuoteList {
        quotes: quotes.quotes,
        refused: quotes.refused,
    }))
}

/// The owner's standing limits: they hold for every order that does not say otherwise.
#[utoipa::path(get, path = "/limits", tag = "swaps",
    responses((status = 200, body = Limits), (status = "default", body = Problem)))]
pub(super) async fn limits(Shared(state): Shared<State>) -> Json<Limits> {
    Json(state.backend.limits())
}

/// Starts a swap on a quote, within the standing limits where the order says nothing else; answers once its terms are agreed and stored.
#[utoipa::path(post, path = "/orders", tag = "swaps", request_body = Order,
    responses((status = 200, body = OrderStarted), (status = "default", body = Problem)))]
pub(super) async fn order(
    Shared(state): Shared<State>,
    Body(order): Body<Order>,
) -> Result<Json<OrderStarted>, Problem> {
    let order = limited(&state, order)?;
    let request = start_request(order, state.backend.network())?;
    let swap = uncancelled(async move {
        let id = state.swaps.start(request).await?;
        Ok(state.swaps.swap(id.to_string()).await?)
    })
    .await?;
    Ok(Json(OrderStarted {
        order: swap.order.clone(),
        swap,
    }))
}

/// All swaps, newest first; with `since` and `wait`, once any of them has changed.
#[utoipa::path(get, path = "/swaps", tag = "swaps", params(SwapsQuery),
    responses((status = 200, body = SwapList), (status = "default", body = Problem)))]
pub(super) async fn swaps(
    Shared(state): Shared<State>,
    Params(query): Params<SwapsQuery>,
) -> Result<Json<SwapList>, Problem> {
    let wait = Duration::from_secs(query.wait.unwrap_or(0).min(MAX_WAIT));
    let deadline = Instant::now() + wait;
    let mut changes = state.swaps.changes();
    let mut stop = state.stop.clone();
    // Read before the swaps are, so that a change in between is news the next time.
    let mut version = *changes.borrow_and_update();
    while query.since == Some(version) && Instant::now() < deadline {
        tokio::select! {
            changed = changes.changed() => changed.map_err(|_| stopping())?,
            _ = stop.wait_for(|stop| *stop) => return Err(stopping()),
            () = sleep_until(deadline) => {}
        }
        version = *changes.borrow_and_update();
    }
    Ok(Json(SwapList {
        swaps: state.swaps.swaps().await?,
        version,
    }))
}

/// One swap; with `since` and `wait`, once it has changed.
#[utoipa::path(get, path = "/swaps/{id}", tag = "swaps",
    params(("id" = String, Path, description = "The id or an unambiguous beginning of it (hex)"), SwapQuery),
    responses((status = 200, body = schema::SwapView), (status = "default", body = Problem)))]
pub(super) async fn swap(
    Shared(state): Shared<State>,
    Id(id): Id,
    Params(query): Params<SwapQuery>,
) -> Result<Json<SwapView>, Problem> {
    let wait = Duration::from_secs(query.wait.unwrap_or(0).min(MAX_WAIT));
    let deadline = Instant::now() + wait;
    // Taken before the first look, so that no change between look and wait is missed.
    let mut changes = state.swaps.changes();
    let mut stop = state.stop.clone();
    loop {
        changes.borrow_and_update();
        let swap = state.swaps.swap(id.clone()).await?;
        let news = query.since.is_none_or(|since| swap.version > since);
        if news || wait.is_zero() {
            return Ok(Json(swap));
        }
        tokio::select! {
            changed = changes.changed() => changed.map_err(|_| stopping())?,
            _ = stop.wait_for(|stop| *stop) => return Err(stopping()),
            () = sleep_until(deadline) => return Ok(Json(swap)),
        }
    }
}

/// Calls a swap off, as far as it still can be.
#[utoipa::path(post, path = "/swaps/{id}/cancel", tag = "swaps",
    params(("id" = String, Path, description = "The id or an unambiguous beginning of it (hex)")),
    responses((status = 200, body = Cancelled), (status = "default", body = Problem)))]
pub(super) async fn cancel(
    Shared(state): Shared<State>,
    Id(id): Id,
) -> Result<Json<Cancelled>, Problem> {
    let cancelled = uncancelled(async move {
        let text = state.swaps.cancel(id.clone()).await?;
        let swap = state.swaps.swap(id).await?;
        Ok(Cancelled { text, swap })
    });
    Ok(Json(cancelled.await?))
}

/// The order with the standing limits where it says nothing itself.
fn limited(state: &State, order: Order) -> Result<Order, Problem> {
    let limits = state.backend.limits();
    if limits == Limits::default() {
        return Ok(order);
    }
    let (out, amount_sat) = state.quote(&order.quote_id).ok_or_else(|| {
        Problem::not_found("there is no such quote any more; nothing was begun")
            .next("cambista offers")
    })?;
    Ok(limits.fill(&order, out, amount_sat))
}

fn amount(sat: u64) -> Result<Amount, Problem> {
    if sat == 0 || sat > MAX_MONEY_SAT {
        return Err(Problem::invalid(format!(
            "{sat} sat cannot be swapped; nothing was begun"
        )));
    }
    Ok(Amount::from_sat(sat))
}

fn maker(text: &str) -> Result<PublicKey, Problem> {
    node(text).map_err(|problem| problem.next("cambista offers"))
}

fn node(text: &str) -> Result<PublicKey, Problem> {
    PublicKey::from_str(text).map_err(|_| {
        Problem::invalid(
            "a node is named by its Lightning key, 66 hex digits beginning with 02 or 03; nothing was begun",
        )
    })
}

fn channels(ids: Vec<String>) -> Result<Vec<[u8; 32]>, Problem> {
    let id = |id: &String| <[u8; 32]>::from_hex(id).ok();
    let ids: Option<Vec<_>> = ids.iter().map(id).collect();
    ids.filter(|ids| !ids.is_empty()).ok_or_else(|| {
        Problem::invalid("channels are named by their ids, 64 hex digits each; nothing was begun")
            .next("cambista channel list")
    })
}

/// The script of an address of this network.
pub(super) fn script(address: &str, network: Network) -> Result<ScriptBuf, Problem> {
    let address = Address::<NetworkUnchecked>::from_str(address.trim()).map_err(|error| {
        Problem::invalid(format!(
            "this is not an address ({error}); nothing was sent"
        ))
    })?;
    let address = address.require_network(network).map_err(|_| {
        Problem::invalid(format!(
            "this address is not of the network {network}; nothing was sent"
        ))
    })?;
    Ok(address.script_pubkey())
}

fn start_request(order: Order, network: Network) -> Result<StartSwap, Problem> {
    let fee = |sat: Option<u64>| match sat {
        Some(sat) if sat > MAX_MONEY_SAT => Err(Problem::invalid(
            "a fee limit is above all money there is; nothing was begun",
        )),
        sat => Ok(sat),
    };
    if order
        .label
        .as_ref()
        .is_some_and(|label| label.len() > MAX_LABEL)
    {
        return Err(Problem::invalid(format!(
            "a label is at most {MAX_LABEL} bytes long"
        )));
    }
    if order.confirmations == Some(0) {
        return Err(Problem::invalid(
            "a swap waits for at least 1 confirmation: without one the coins are not there yet",
        ));
    }
    Ok(StartSwap {
        quote_id: order.quote_id,
        destination: order
            .address
            .as_deref()
            .map(|text| {
                script(text, network).map_err(|problem| problem.next("cambista out --help"))
            })
            .transpose()?,
        max_miner_fee: fee(order.max_miner_fee_sat)?.map(Amount::from_sat),
        max_routing_fee: fee(order.max_routing_fee_sat)?.and_then(Msat::from_sat),
        confirmations: order.confirmations,
        label: order.label,
        max_fee: fee(order.max_fee_sat)?.map(Amount::from_sat),
        first_hops: order.channels.map(channels).transpose()?,
        last_hop: order.last_hop.as_deref().map(node).transpose()?,
    })
}
