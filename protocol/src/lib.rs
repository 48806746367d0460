//! The rules of Cambista: contract, terms, timelocks, the two swap roles, offers, quotes and the wire.
//!
//! Nothing here does input or output, waits, reads a clock or draws randomness. Heights, secrets and everything
//! that happened outside are handed in, so that the very types the daemon runs can be tested and model-checked.

pub mod cbor;
pub mod contract;
pub mod market;
pub mod message;
pub mod money;
pub mod signed;
pub mod swap;
pub mod terms;
pub mod timelock;
pub mod words;
