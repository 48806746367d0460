//! The HTTP API on this machine: JSON under `/api/v1`, one token, problem details for errors.

mod backend;
mod engine;
mod maker;
mod problem;
mod schema;
mod swap_types;
pub mod types;

pub use backend::{Answer, Backend};
pub use engine::Swaps;
