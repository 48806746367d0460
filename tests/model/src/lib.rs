//! An exhaustive model of one swap. The two machines of `cambista-protocol` are the production ones; the chain, the
//! Lightning payments, crashes and the other side are small and as hostile as their keys and their hash power allow.
//!
//! A search visits every world that can be reached from the beginning. A wrong number or a wrong order in the engine is
//! handed in through a [`Setup`]: then a search must find a world in which somebody honest lost.
//!
//! The world keeps to what the timelocks assume and to nothing else: a spend at a fair fee is in a block within the
//! confirmation bound, no reorganisation is deeper than its limit, no side is away longer than its margin. A funding may
//! wait for ever. Which of two spends of one output a block takes is nobody's to say. Messages come at any later time or
//! never. A side that is not honest mines, spends by every leaf and key it has, and says anything it likes.
//!
//! Fees are of two kinds: what everybody pays, and at times a market above every cap, in which a spend confirms only once
//! it was bumped. Not in it: channels that go to the chain, two swaps at once.
//!
//! The tests search what takes seconds; the program `cambista-model` what takes minutes ([`deep()`]).

mod act;
mod actions;
mod chain;
mod claims;
mod deep;
mod engine;
mod hold;
mod machines;
mod search;
mod setup;
mod world;

pub use deep::deep;
pub use hold::Search;
pub use search::{Found, search};
pub use setup::{Honest, Setup, Wrong};
