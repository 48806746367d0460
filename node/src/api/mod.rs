//! The HTTP API on this machine: JSON under `/api/v1`, one token, problem details for errors.
//!
//! Whoever holds the token commands the node; it lives in a file only the owner can read and is new at every start.
//! Requests under a foreign host name are refused, so that no web page can reach the API by rebinding a name to this
//! machine, and so is what a browser says comes from a page of anybody else. Who has not shown the token keeps nobody
//! else from being answered.

mod asked;
mod backend;
mod door;
mod engine;
mod extract;
mod guard;
mod limits;
mod listing;
mod maker;
mod maker_routes;
mod maker_types;
mod node_routes;
mod order_routes;
mod order_types;
mod order_wish;
mod payment_routes;
mod payment_types;
mod problem;
mod router;
mod schema;
mod serve;
mod state;
mod swap_routes;
mod swap_types;
pub mod types;
mod wait;
mod wallet_routes;

#[cfg(test)]
pub(crate) mod tests;

pub use backend::{Answer, Backend};
pub use engine::Swaps;
pub use router::{openapi, router};
pub use serve::serve;
pub use state::State;
