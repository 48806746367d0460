//! The node itself: status, the maker's business, channels, peers, stopping.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;

use super::extract::{Body, Id, Params};
use super::problem::Problem;
use super::state::{State, uncancelled};
use super::types::{
    ChannelList, ChannelOpened, CloseQuery, ConnectPeer, Done, MakerSettings, OpenChannel,
    PeerList, Status,
};

/// How the node is.
#[utoipa::path(get, path = "/status", tag = "node",
    responses((status = 200, body = Status), (status = "default", body = Problem)))]
pub(super) async fn status(Shared(state): Shared<State>) -> Result<Json<Status>, Problem> {
    let node = state.backend.status().await?;
    let open_swaps = state
        .swaps
        .swaps(0)
        .await?
        .swaps
        .iter()
        .filter(|swap| !swap.ended)
        .count();
    let maker_enabled = state.swaps.policy().await?.enabled;
    Ok(Json(Status {
        node,
        open_swaps,
        maker_enabled,
    }))
}

/// Stops the node in good order. Open swaps go on when it is started again.
#[utoipa::path(post, path = "/stop", tag = "node",
    responses((status = 200, body = Done), (status = "default", body = Problem)))]
pub(super) async fn stop(Shared(state): Shared<State>) -> Json<Done> {
    state.backend.stop();
    Json(Done {})
}

/// The maker's business.
#[utoipa::path(get, path = "/maker", tag = "market",
    responses((status = 200, body = MakerSettings), (status = "default", body = Problem)))]
pub(super) async fn maker(Shared(state): Shared<State>) -> Result<Json<MakerSettings>, Problem> {
    Ok(Json(state.swaps.policy().await?.into()))
}

/// Sets all of the maker's business. Open swaps go on as agreed.
#[utoipa::path(put, path = "/maker", tag = "market", request_body = MakerSettings,
    responses((status = 200, body = MakerSettings), (status = "default", body = Problem)))]
pub(super) async fn set_maker(
    Shared(state): Shared<State>,
    Body(settings): Body<MakerSettings>,
) -> Result<Json<MakerSettings>, Problem> {
    let policy = settings.policy(state.backend.network())?;
    let backend = Arc::clone(&state.backend);
    uncancelled(async move { backend.set_maker(policy).await }).await?;
    maker(Shared(state)).await
}

/// The Lightning channels.
#[utoipa::path(get, path = "/channels", tag = "lightning",
    responses((status = 200, body = ChannelList), (status = "default", body = Problem)))]
pub(super) async fn channels(Shared(state): Shared<State>) -> Result<Json<ChannelList>, Problem> {
    Ok(Json(ChannelList {
        channels: state.backend.channels().await?,
        returning: state.backend.returning().await?,
    }))
}

/// Opens a channel; answers once its funding is on its way.
#[utoipa::path(post, path = "/channels", tag = "lightning", request_body = OpenChannel,
    responses((status = 200, body = ChannelOpened), (status = "default", body = Problem)))]
pub(super) async fn open_channel(
    Shared(state): Shared<State>,
    Body(open): Body<OpenChannel>,
) -> Result<Json<ChannelOpened>, Problem> {
    if open.push_sat >= open.amount_sat {
        return Err(Problem::invalid(
            "a channel must be larger than what is given away in it; nothing was sent",
        ));
    }
    let backend = state.backend;
    let id = uncancelled(async move { backend.open_channel(open).await }).await?;
    Ok(Json(ChannelOpened { id }))
}

/// Begins to close a channel.
#[utoipa::path(delete, path = "/channels/{id}", tag = "lightning",
    params(("id" = String, Path, description = "The id or an unambiguous beginning of it (hex)"), CloseQuery),
    responses((status = 200, body = Done), (status = "default", body = Problem)))]
pub(super) async fn close_channel(
    Shared(state): Shared<State>,
    Id(id): Id,
    Params(query): Params<CloseQuery>,
) -> Result<Json<Done>, Problem> {
    let backend = state.backend;
    uncancelled(async move { backend.close_channel(id, query.force).await }).await?;
    Ok(Json(Done {}))
}

/// Peers of both kinds.
#[utoipa::path(get, path = "/peers", tag = "node",
    responses((status = 200, body = PeerList), (status = "default", body = Problem)))]
pub(super) async fn peers(Shared(state): Shared<State>) -> Result<Json<PeerList>, Problem> {
    Ok(Json(PeerList {
        peers: state.backend.peers().await?,
    }))
}

/// Connects to a peer of either kind.
#[utoipa::path(post, path = "/peers", tag = "node", request_body = ConnectPeer,
    responses((status = 200, body = Done), (status = "default", body = Problem)))]
pub(super) async fn connect(
    Shared(state): Shared<State>,
    Body(peer): Body<ConnectPeer>,
) -> Result<Json<Done>, Problem> {
    let backend = state.backend;
    uncancelled(async move { backend.connect(peer).await }).await?;
    Ok(Json(Done {}))
}
