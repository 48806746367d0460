//! A small JSON-RPC client for bitcoind: one kept-alive connection pool, time limits, a limit on the size of an answer.

mod client;
mod config;
mod error;
mod methods;
pub(crate) mod zmq;

pub use client::Rpc;
pub use config::{Auth, BitcoindConfig};
pub use error::RpcError;
pub use methods::{ChainInfo, FeeInfo, HeaderInfo, MempoolVerdict, PrevoutSpend};

pub(crate) use error::code;
