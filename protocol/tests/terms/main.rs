//! Agreeing on a deal: two that come out, and one refusal for everything that can be wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod agree;
mod case;
mod invoices;
mod refusals;
