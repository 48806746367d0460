//! Real parts for end-to-end tests and for the demo: nothing here is a mock.
//!
//! This crate is test code, so what goes wrong panics with a message that says what was expected and what was seen;
//! every part kills its process and removes its folder when it is dropped, also while a test is failing.
//! `CAMBISTA_TEST_KEEP=1` leaves the nodes' folders behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod api;
pub mod auction;
pub mod bitcoind;
pub mod failpoints;
pub mod filler;
pub mod json_rpc;
pub mod ledger;
pub mod market;
pub mod namespaces;
pub mod node;
pub mod program;
mod secrets;
pub mod seed;
pub mod swap;
pub mod transaction;
pub mod wait;

pub use auction::Auction;
pub use bitcoind::Bitcoind;
pub use filler::Filler;
pub use ledger::{Change, Purse};
pub use market::{Market, MarketOptions, Price};
pub use namespaces::Namespaces;
pub use node::{Node, NodeOptions};
pub use secrets::hear;
pub use swap::{Taken, Way};
