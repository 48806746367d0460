//! The node behind the engine's ports: LDK, the wallet, bitcoind, the swarm, the database, the clock.

mod chain;
mod events;
mod lightning;
mod makers;
mod observer;
mod peers;
mod ports;
pub mod system;
mod wallet;

pub use chain::{ChainPort, own_miner_fee};
pub use events::Events;
pub use lightning::LightningPort;
pub use makers::MakersPort;
pub use observer::SwapWatcher;
pub use peers::PeersPort;
pub use ports::NodePorts;
pub use wallet::WalletPort;
