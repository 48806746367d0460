//! What the node says while it runs.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Without `RUST_LOG`: what an owner wants to read.
const DEFAULT: &str = "info,libp2p=warn,libp2p_swarm=warn,libp2p_gossipsub=error,hyper_util=warn";

/// Writes to standard output as `RUST_LOG` says. A second call changes nothing.
pub(super) fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let _ = tracing_subscriber::fmt()
        .with_ansi(std::io::stdout().is_terminal())
        .with_env_filter(filter)
        .try_init();
}
