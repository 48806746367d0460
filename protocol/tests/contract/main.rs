//! The contract against vectors of an independent implementation, BIP327's own vectors, and the
//! `musig2` crate.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bip327;
mod common;
mod oracle;
mod show;
mod spends;
mod vectors;
mod weights;
mod witness;
