//! Real parts for end-to-end tests and for the demo: nothing here is a mock.
//!
//! This crate is test code, so what goes wrong panics with a message that says what was expected and what was seen;
//! every part kills its process and removes its folder when it is dropped, also while a test is failing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod bitcoind;
pub mod json_rpc;

pub use bitcoind::Bitcoind;
