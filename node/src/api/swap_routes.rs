//! Offers, quotes and swaps.

use std::future::ready;

use axum::Json;
use axum::extract::State as Shared;
use cambista_engine::order::left_alone;
use cambista_engine::ports::Clock as _;
use cambista_engine::view::SwapView;
use cambista_engine::{AskAmount, AskFor};

use crate::adapters::system::SystemClock;

use super::asked::{amount, destination, maker};
use super::extract::{Body, Id, Params};
use super::listing;
use super::problem::Problem;
use super::schema;
use super::state::{State, uncancelled};
use super::types::{
    AskQuotes, Cancelled, Limits, OfferList, OffersQuery, QuoteList, SwapList, SwapQuery,
    SwapsQuery,
};
use super::wait::until;

/// So many makers are asked at a time.
const MAKERS_ASKED: usize = 8;
/// So many swaps that ended are listed when nobody says how many.
const USUAL_ENDED: usize = 500;
/// So many at most.
const MOST_ENDED: usize = 2_000;
/// Standing offers, best first.
#[utoipa::path(get, path = "/offers", tag = "market", params(OffersQuery),
    responses((status = 200, body = OfferList), (status = "default", body = Problem)))]
pub(super) async fn offers(
    Shared(state): Shared<State>,
    Params(query): Params<OffersQuery>,
) -> Result<Json<OfferList>, Problem> {
    let all = state.backend.offers(query).await?;
    Ok(Json(listing::offers(all, &query)))
}

/// Asks the best makers for firm quotes.
#[utoipa::path(post, path = "/quotes", tag = "market", request_body = AskQuotes,
    responses((status = 200, body = QuoteList), (status = "default", body = Problem)))]
pub(super) async fn quotes(
    Shared(state): Shared<State>,
    Body(ask): Body<AskQuotes>,
) -> Result<Json<QuoteList>, Problem> {
    let amount = amount(ask.amount_sat)?;
    let maker = match ask.maker.as_deref() {
        Some(text) => Some(maker(&state, text).await?),
        None => None,
    };
    let direction = ask.direction.into();
    let wanted = AskFor {
        direction,
        amount: if ask.receive {
            AskAmount::Receive(amount)
        } else {
            AskAmount::Swap(amount)
        },
        destination: destination(ask.address.as_deref(), state.backend.network())?,
        external: ask.external,
    };
    let makers = state
        .backend
        .makers(direction, ask.amount_sat, maker, MAKERS_ASKED)
        .await?;
    if makers.is_empty() {
        if let Some(alone) = state.backend.alone() {
            return Err(alone);
        }
        let resting = match maker {
            None => state.backend.resting_until(direction, ask.amount_sat),
            Some(_) => None,
        };
        if let Some(until) = resting {
            let secs = until.saturating_sub(SystemClock.now());
            let text = left_alone(direction, ask.amount_sat, secs);
            return Err(Problem::refused(text).next(format!("cambista offers {direction}")));
        }
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

/// Open swaps and the latest that ended, newest first; with `since` and `wait`, once any of them has changed.
#[utoipa::path(get, path = "/swaps", tag = "swaps", params(SwapsQuery),
    responses((status = 200, body = SwapList), (status = "default", body = Problem)))]
pub(super) async fn swaps(
    Shared(state): Shared<State>,
    Params(query): Params<SwapsQuery>,
) -> Result<Json<SwapList>, Problem> {
    let now = || ready(Ok(*state.swaps.changes().borrow()));
    // Read before the swaps are, so that a change in between is news the next time.
    let version = until(
        &state,
        state.swaps.changes(),
        query.wait.unwrap_or(0),
        now,
        |version| query.since != Some(*version),
    )
    .await?;
    let ended = query.ended.unwrap_or(USUAL_ENDED).min(MOST_ENDED);
    let list = state.swaps.swaps(ended).await?;
    Ok(Json(SwapList {
        swaps: list.swaps,
        version,
        older: list.older,
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
    let swap = until(
        &state,
        state.swaps.changes(),
        query.wait.unwrap_or(0),
        async || Ok(state.swaps.swap(id.clone()).await?),
        |swap| query.since.is_none_or(|since| swap.version > since),
    );
    Ok(Json(swap.await?))
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
