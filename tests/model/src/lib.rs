//! An exhaustive model of one swap. The two machines of `cambista-protocol` are the production ones; the chain, the
//! Lightning payments, crashes and the other side are small and as hostile as their keys and their hash power allow.
//!
//! A search visits every world that can be reached from the beginning. A wrong number or a wrong order in the engine is
//! handed in through a [`Setup`]: then a search must find a world in which somebody honest lost.

mod act;
mod actions;
mod chain;
mod claims;
mod engine;
mod machines;
mod search;
mod setup;
mod world;

pub use search::{Found, search};
pub use setup::{Honest, Setup, Wrong};
