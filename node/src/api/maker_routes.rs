//! Makers: this node's own business, and the others as it has got to know them.

use axum::Json;
use axum::extract::State as Shared;

use super::extract::{Id, Params};
use super::listing::cut;
use super::problem::Problem;
use super::state::State;
use super::types::{Business, MakerDetail, MakerList, MakersQuery};

/// What the maker's business offers now and what it has brought.
#[utoipa::path(get, path = "/maker/business", tag = "market",
    responses((status = 200, body = Business), (status = "default", body = Problem)))]
pub(super) async fn business(Shared(state): Shared<State>) -> Result<Json<Business>, Problem> {
    Ok(Json(state.backend.business().await?))
}

/// The makers of the market as this node has got to know them.
#[utoipa::path(get, path = "/makers", tag = "market", params(MakersQuery),
    responses((status = 200, body = MakerList), (status = "default", body = Problem)))]
pub(super) async fn makers(
    Shared(state): Shared<State>,
    Params(query): Params<MakersQuery>,
) -> Result<Json<MakerList>, Problem> {
    let mut makers = state.backend.known_makers().await?;
    let more = cut(&mut makers, query.limit);
    Ok(Json(MakerList { makers, more }))
}

/// One maker, with the proofs of what it signed and did not keep.
#[utoipa::path(get, path = "/makers/{id}", tag = "market",
    params(("id" = String, Path, description = "The maker's Lightning node, or an unambiguous beginning of its key (hex)")),
    responses((status = 200, body = MakerDetail), (status = "default", body = Problem)))]
pub(super) async fn known_maker(
    Shared(state): Shared<State>,
    Id(id): Id,
) -> Result<Json<MakerDetail>, Problem> {
    Ok(Json(state.backend.known_maker(id).await?))
}
