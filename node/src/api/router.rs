//! The routes and their OpenAPI description.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use tokio::sync::Semaphore;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::guard::{MAX_REQUESTS, guard};
use super::problem::{Code, Problem};
use super::state::State;
use super::{maker_routes, node_routes, order_routes, payment_routes, swap_routes, wallet_routes};

/// The largest request body (bytes).
const MAX_BODY: usize = 64 * 1024;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Cambista", description = "A node of the market for Lightning <-> on-chain swaps"),
    components(schemas(Problem)),
    modifiers(&Bearer),
    security(("token" = []))
)]
struct Document;

/// Every request carries the token.
struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "The content of the file `api-token` in the data folder",
            ))
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

fn routes() -> (Router<State>, OpenApi) {
    let routes = OpenApiRouter::new()
        .routes(routes!(node_routes::status))
        .routes(routes!(node_routes::stop))
        .routes(routes!(swap_routes::offers))
        .routes(routes!(swap_routes::quotes))
        .routes(routes!(swap_routes::limits))
        .routes(routes!(order_routes::plan))
        .routes(routes!(order_routes::orders, order_routes::order))
        .routes(routes!(order_routes::one))
        .routes(routes!(order_routes::cancel))
        .routes(routes!(swap_routes::swaps))
        .routes(routes!(swap_routes::swap))
        .routes(routes!(swap_routes::cancel))
        .routes(routes!(node_routes::maker, node_routes::set_maker))
        .routes(routes!(maker_routes::business))
        .routes(routes!(maker_routes::makers))
        .routes(routes!(maker_routes::known_maker))
        .routes(routes!(node_routes::channels, node_routes::open_channel))
        .routes(routes!(node_routes::close_channel))
        .routes(routes!(node_routes::peers, node_routes::connect))
        .routes(routes!(wallet_routes::address))
        .routes(routes!(wallet_routes::balance))
        .routes(routes!(wallet_routes::send))
        .routes(routes!(wallet_routes::plan))
        .routes(routes!(wallet_routes::history))
        .routes(routes!(payment_routes::invoice))
        .routes(routes!(payment_routes::payments, payment_routes::pay))
        .routes(routes!(payment_routes::payment));
    OpenApiRouter::with_openapi(Document::openapi())
        .nest("/api/v1", routes)
        .split_for_parts()
}

/// The OpenAPI description of the API.
#[must_use]
pub fn openapi() -> OpenApi {
    routes().1
}

/// The whole API: guarded, bounded, described.
pub fn router(state: State) -> Router {
    let (routes, document) = routes();
    let document = Arc::new(document);
    let slots = Arc::new(Semaphore::new(MAX_REQUESTS));
    let asker = state.clone();
    routes
        .route(
            "/api/v1/openapi.json",
            get(|| async move { axum::Json(document) }),
        )
        .fallback(|request: Request| async move {
            Problem::not_found(format!("this API has no {}", request.uri().path()))
        })
        .method_not_allowed_fallback(|request: Request| async move {
            Problem::new(
                Code::NotFound,
                format!(
                    "{} does not take {}",
                    request.uri().path(),
                    request.method()
                ),
            )
        })
        .with_state(state)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn(move |request: Request, next: Next| {
            guard(asker.clone(), Arc::clone(&slots), request, next)
        }))
}
