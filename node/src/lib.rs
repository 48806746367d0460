//! Cambista: a marketplace node for swaps between Lightning and on-chain Bitcoin.
pub mod adapters;
pub mod api;
pub mod cli;
pub mod client;
pub mod config;
pub mod daemon;
pub mod datadir;
pub mod init;
pub mod keys;
pub mod network;
pub mod offers;
pub mod payments;
pub mod store;
