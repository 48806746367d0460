//! What the node says while it runs.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Without `RUST_LOG`: what an owner wants to read.
///
/// What strangers can make a library warn of without end is left out.
const DEFAULT: &str = "info,libp2p=warn,libp2p_swarm=warn,libp2p_gossipsub=error,libp2p_autonat=error,libp2p_kad=error,\
                       libp2p_request_response=error,libp2p_relay=error,hyper_util=warn";

/// Writes to standard output as `RUST_LOG` says. A second call changes nothing.
pub(super) fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let _ = tracing_subscriber::fmt()
        .with_ansi(std::io::stdout().is_terminal())
        .with_env_filter(filter)
        // What cannot be written is dropped: the complaint about it would go to a place as full as this one, and a
        // complaint that fails would end the part of the node that had something to say.
        .log_internal_errors(false)
        .try_init();
}
