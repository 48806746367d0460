//! One Lightning and on-chain node behind a small API that speaks in swaps' words.
//!
//! It knows nothing of swaps' rules, of the market or of the database: it takes a key-value store, a place for the
//! wallet's changes, an [`chain::Observer`] that sees every block before LDK does, and an [`EventSink`].

mod balance;
mod barrier;
pub mod chain;
mod channels;
mod config;
mod errors;
mod events;
mod fatal;
mod gossip_check;
mod gossip_early;
mod handler;
mod hex;
mod hold_invoices;
mod keys;
mod kv;
mod load;
mod logger;
mod network;
mod node;
mod open;
mod openings;
mod payments;
mod peers;
mod places;
mod release;
mod router;
pub mod rpc;
mod run;
mod save;
mod standing;
mod tasks;
mod types;
pub mod wallet;

pub use balance::{LightningBalance, Returning, Wait};
pub use channels::{ChannelInfo, Liquidity};
pub use config::Config;
pub use errors::{ChannelError, InvoiceError, PayError, PeerError, StartError, Stopped};
pub use events::{EventSink, HeldPart, LightningEvent, Replay};
pub use fatal::Fatal;
pub use hold_invoices::HeldHtlc;
pub use keys::NodeKeys;
pub use kv::{AtomicStore, Change, Kv};
pub use lightning_invoice::Bolt11Invoice;
pub use logger::is_old_copy;
pub use node::Node;
pub use open::OpenChannel;
pub use payments::{PayRequest, PaymentState, RouteTarget};
pub use peers::PeerInfo;
pub use tasks::Stage;
