//! The on-chain wallet.

use axum::Json;
use axum::extract::State as Shared;

use super::asked::script;
use super::extract::Body;
use super::problem::Problem;
use super::state::{State, uncancelled};
use super::types::{Balance, SendCoins, SendPlan, Sent, WalletAddress, WalletHistory};

/// A fresh address.
#[utoipa::path(post, path = "/wallet/address", tag = "wallet",
    responses((status = 200, body = WalletAddress), (status = "default", body = Problem)))]
pub(super) async fn address(Shared(state): Shared<State>) -> Result<Json<WalletAddress>, Problem> {
    Ok(Json(WalletAddress {
        address: state.backend.new_address().await?,
    }))
}

/// The money, on the chain and in channels.
#[utoipa::path(get, path = "/wallet/balance", tag = "wallet",
    responses((status = 200, body = Balance), (status = "default", body = Problem)))]
pub(super) async fn balance(Shared(state): Shared<State>) -> Result<Json<Balance>, Problem> {
    Ok(Json(state.backend.balance().await?))
}

/// Sends coins.
#[utoipa::path(post, path = "/wallet/send", tag = "wallet", request_body = SendCoins,
    responses((status = 200, body = Sent), (status = "default", body = Problem)))]
pub(super) async fn send(
    Shared(state): Shared<State>,
    Body(send): Body<SendCoins>,
) -> Result<Json<Sent>, Problem> {
    check(&send, &state)?;
    let backend = state.backend;
    Ok(Json(
        uncancelled(async move { backend.send(send).await }).await?,
    ))
}

/// What sending coins would cost now. Nothing is sent or set aside.
#[utoipa::path(post, path = "/wallet/plan", tag = "wallet", request_body = SendCoins,
    responses((status = 200, body = SendPlan), (status = "default", body = Problem)))]
pub(super) async fn plan(
    Shared(state): Shared<State>,
    Body(send): Body<SendCoins>,
) -> Result<Json<SendPlan>, Problem> {
    check(&send, &state)?;
    Ok(Json(state.backend.plan_send(send).await?))
}

fn check(send: &SendCoins, state: &State) -> Result<(), Problem> {
    if send.amount_sat.is_some() == send.all {
        return Err(Problem::invalid(
            "say either an amount or all; nothing was sent",
        ));
    }
    if send.amount_sat == Some(0) || send.fee_rate_sat_vb == Some(0) {
        return Err(Problem::invalid(
            "amount and fee rate must be above 0; nothing was sent",
        ));
    }
    script(&send.address, state.backend.network())
        .map_err(|problem| problem.next("cambista wallet send --help"))?;
    Ok(())
}

/// The wallet's transactions, newest first.
#[utoipa::path(get, path = "/wallet/history", tag = "wallet",
    responses((status = 200, body = WalletHistory), (status = "default", body = Problem)))]
pub(super) async fn history(Shared(state): Shared<State>) -> Result<Json<WalletHistory>, Problem> {
    Ok(Json(WalletHistory {
        transactions: state.backend.history().await?,
    }))
}
