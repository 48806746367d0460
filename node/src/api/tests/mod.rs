//! The API over a real socket, with the command line's own client; only the node behind it is made up.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub(crate) mod fake;
pub(crate) mod fake_orders;
pub(crate) mod fake_swaps;
mod guard;
mod maker;
mod money;
mod orders;
mod routes;
mod schema;
pub(crate) mod served;
mod starts;
