//! The engine: orders and swaps, from the first quote to the last buried transaction.
//!
//! It is generic over its ports ([`ports`]): chain, wallet, Lightning, peers, store, keys, clock. It knows no LDK, no
//! libp2p and no HTTP. Only the engine advances a swap, and only its sweeper spends HTLC outputs.
//!
//! One task owns all swaps (`engine.rs`). It takes one input at a time, stores what it means, and only then acts.

mod advance;
mod archive;
mod bill;
mod blocks;
mod cancel;
mod claim;
mod cost;
mod decline;
mod desk;
mod effects;
mod engine;
mod experience;
#[cfg(feature = "failpoints")]
pub mod failpoints;
mod funding;
mod handle;
mod internal;
mod live;
mod news;
pub mod order;
mod peer;
pub mod ports;
pub mod record;
mod requests;
#[cfg(test)]
mod sample;
mod say;
mod scripts;
mod story;
mod sweeper;
mod taker;
pub mod view;
mod views;
mod wishes;
mod words;

pub use cost::{routing_limit, taker_chain_cost, usual_confirmations};
pub use desk::{Business, Earned, MakerReport, Offered, SideReport};
pub use engine::Engine;
pub use handle::{
    AskAmount, AskFor, EngineError, EngineHandle, LightningNews, MakerContact, MakerPolicy, Means,
    NoQuote, Quotes, SidePolicy, StartSwap,
};
