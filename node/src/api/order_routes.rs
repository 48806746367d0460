//! Plans and orders.

use axum::Json;
use axum::extract::State as Shared;
use cambista_engine::order::OrderView;

use super::extract::{Body, Id, Params};
use super::order_wish::{limited, start_request, wish};
use super::problem::Problem;
use super::schema;
use super::state::{State, uncancelled};
use super::types::{
    AskPlan, DirectionName, Order, OrderCancelled, OrderList, OrderStarted, PlanList, SwapQuery,
};
use super::wait::until;

/// Looks for the cheapest way to swap an amount, with one maker or several, within the limits. Nothing begins.
#[utoipa::path(post, path = "/plans", tag = "market", request_body = AskPlan,
    responses((status = 200, body = PlanList), (status = "default", body = Problem)))]
pub(super) async fn plan(
    Shared(state): Shared<State>,
    Body(ask): Body<AskPlan>,
) -> Result<Json<PlanList>, Problem> {
    let direction = ask.direction;
    let wish = wish(&state, ask).await?;
    let planned = state.swaps.plan(wish).await.map_err(|error| {
        let mut problem = Problem::from(error);
        if problem.next.as_deref() == Some("cambista offers") {
            if let Some(alone) = state.backend.alone() {
                return alone;
            }
            problem.next = Some(format!("cambista offers {}", word(direction)));
        }
        problem
    })?;
    state.quoted(&planned.quotes);
    Ok(Json(PlanList {
        quotes: planned.quotes,
        refused: planned.refused,
        plan: planned.plan,
        no_plan: planned.no_plan,
    }))
}

const fn word(direction: DirectionName) -> &'static str {
    match direction {
        DirectionName::Out => "out",
        DirectionName::In => "in",
    }
}

/// Begins a plan, or one swap on a quote, within the standing limits where nothing else is said; answers once the terms are agreed and stored.
#[utoipa::path(post, path = "/orders", tag = "swaps", request_body = Order,
    responses((status = 200, body = OrderStarted), (status = "default", body = Problem)))]
pub(super) async fn order(
    Shared(state): Shared<State>,
    Body(order): Body<Order>,
) -> Result<Json<OrderStarted>, Problem> {
    if let Some(plan) = order.plan_id.clone() {
        let alone = Order {
            plan_id: Some(plan.clone()),
            ..Order::default()
        };
        if order != alone {
            return Err(Problem::invalid(
                "a plan has its limits already: ask for another one to change them; nothing was begun",
            ));
        }
        return begin_plan(state, plan).await.map(Json);
    }
    let order = limited(&state, order)?;
    let request = start_request(order, state.backend.network())?;
    let swap = uncancelled(async move {
        let id = state.swaps.start(request).await?;
        Ok(state.swaps.swap(id.to_string()).await?)
    })
    .await?;
    Ok(Json(OrderStarted {
        order: swap.order.clone(),
        swap: Some(swap),
        quotes: Vec::new(),
        view: None,
    }))
}

async fn begin_plan(state: State, plan: String) -> Result<OrderStarted, Problem> {
    let started = uncancelled(async move { Ok(state.swaps.accept(plan).await?) }).await?;
    Ok(OrderStarted {
        order: started.order.id.clone(),
        swap: started.order.swaps.first().cloned(),
        quotes: started.quotes,
        view: Some(started.order),
    })
}

/// The orders of this node that are open and the latest 500 others, newest first.
#[utoipa::path(get, path = "/orders", tag = "swaps",
    responses((status = 200, body = OrderList), (status = "default", body = Problem)))]
pub(super) async fn orders(Shared(state): Shared<State>) -> Result<Json<OrderList>, Problem> {
    Ok(Json(OrderList {
        orders: state.swaps.orders().await?,
    }))
}

/// One order; with `since` and `wait`, once it has changed.
#[utoipa::path(get, path = "/orders/{id}", tag = "swaps",
    params(("id" = String, Path, description = "The id or an unambiguous beginning of it (hex)"), SwapQuery),
    responses((status = 200, body = schema::OrderView), (status = "default", body = Problem)))]
pub(super) async fn one(
    Shared(state): Shared<State>,
    Id(id): Id,
    Params(query): Params<SwapQuery>,
) -> Result<Json<OrderView>, Problem> {
    let order = until(
        &state,
        state.swaps.changes(),
        query.wait.unwrap_or(0),
        async || state.swaps.order(id.clone()).await.map_err(unknown),
        |order| query.since.is_none_or(|since| order.version > since),
    );
    Ok(Json(order.await?))
}

fn unknown(error: cambista_engine::EngineError) -> Problem {
    let missing = matches!(error, cambista_engine::EngineError::NotFound(_));
    let problem = Problem::from(error);
    if missing {
        problem.next("cambista orders")
    } else {
        problem
    }
}

/// Calls an order off, as far as it still can be: nothing more is begun, and its swaps end where they still can.
#[utoipa::path(post, path = "/orders/{id}/cancel", tag = "swaps",
    params(("id" = String, Path, description = "The id or an unambiguous beginning of it (hex)")),
    responses((status = 200, body = OrderCancelled), (status = "default", body = Problem)))]
pub(super) async fn cancel(
    Shared(state): Shared<State>,
    Id(id): Id,
) -> Result<Json<OrderCancelled>, Problem> {
    let cancelled = uncancelled(async move {
        let text = state
            .swaps
            .cancel_order(id.clone())
            .await
            .map_err(unknown)?;
        let order = state.swaps.order(id).await?;
        Ok(OrderCancelled { text, order })
    });
    Ok(Json(cancelled.await?))
}
