//! The two roles, event by event: every row of "what can go wrong".
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod common;
mod deadlines;
mod edges;
mod external;
mod funder;
mod funder_failures;
mod payer;
mod payer_failures;
mod replay;
mod strays;
