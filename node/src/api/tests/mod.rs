//! The API over a real socket, with the command line's own client; only the node behind it is made up.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub(crate) mod fake;
mod guard;
mod routes;
mod schema;
