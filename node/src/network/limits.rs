//! How many connections there may be, and when memory forbids more.

use libp2p::{connection_limits, memory_connection_limits};

use super::config::Limits;

/// No new connections while this process holds more than this share of the machine's memory: the
/// rest belongs to the swaps already running.
const MEMORY_SHARE: f64 = 0.75;

/// Bounds the number of connections.
pub(super) fn count(limits: &Limits) -> connection_limits::Behaviour {
    connection_limits::Behaviour::new(
        connection_limits::ConnectionLimits::default()
            .with_max_pending_incoming(Some(limits.pending))
            .with_max_pending_outgoing(Some(limits.pending))
            .with_max_established_incoming(Some(limits.inbound))
            .with_max_established_outgoing(Some(limits.outbound))
            .with_max_established_per_peer(Some(limits.per_peer)),
    )
}

/// Bounds the memory with which connections are still taken.
pub(super) fn memory() -> memory_connection_limits::Behaviour {
    memory_connection_limits::Behaviour::with_max_percentage(MEMORY_SHARE)
}
