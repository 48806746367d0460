//! The book and the ranking, through what the crate offers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod experience;
mod fault;
mod ingest;
mod page;
mod places;
mod plan;
mod rank;
mod room;
mod vectors;
