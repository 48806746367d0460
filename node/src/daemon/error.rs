//! Why the node does not run.

use cambista_engine::ports::PortError;
use cambista_ldk::StartError;

use crate::config::ConfigError;
use crate::datadir::DataDirError;
use crate::keys::KeysError;
use crate::network::NetworkError;
use crate::store::StoreError;

/// The node could not start, or had to stop by itself. What was saved goes on at the next start.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The folder.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The seed.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Lightning, the wallet or the chain.
    #[error(transparent)]
    Lightning(#[from] StartError),
    /// The market's network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The swaps.
    #[error("the swaps cannot go on: {0}")]
    Engine(#[from] PortError),
    /// The API.
    #[error(
        "the API cannot answer on {address} ({source}): choose another `[api] listen` in cambista.toml"
    )]
    Api {
        /// Where.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Signals.
    #[error("the system does not let this process hear signals ({0})")]
    Signals(std::io::Error),
    /// It ran, and had to stop.
    #[error("the node had to stop: {0}")]
    Broken(String),
}
