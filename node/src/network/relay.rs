//! `/libp2p/circuit/relay/0.2.0/...`: lending a hand to nodes that cannot be called. What is lent is
//! small: enough for quotes and the messages of swaps, not for anybody's downloads.

use std::{num::NonZeroU32, time::Duration};

use libp2p::{PeerId, relay};
use serde::{Deserialize, Serialize};

/// Nodes that may be reached over this one.
const RESERVATIONS: usize = 64;
const RESERVATIONS_PER_PEER: usize = 1;
const RESERVATION_TIME: Duration = Duration::from_secs(3600);
/// Connections carried at one time, and what each may carry.
const CIRCUITS: usize = 32;
const CIRCUITS_PER_PEER: usize = 4;
const CIRCUIT_TIME: Duration = Duration::from_secs(10 * 60);
const CIRCUIT_BYTES: u64 = 1 << 20;
/// One address may ask for so many circuits or reservations, and for one more after each interval.
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);
const INTERVAL: Duration = Duration::from_secs(20);

/// Whether a node carries connections of others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Relay {
    /// Never.
    Off,
    /// While it is known that others can call this node directly.
    #[default]
    Auto,
    /// Always: its owner knows that others can call it where it listens.
    On,
}

/// The lending part. It lends nothing until told to.
pub(super) fn new(local: PeerId) -> relay::Behaviour {
    let config = relay::Config {
        max_reservations: RESERVATIONS,
        max_reservations_per_peer: RESERVATIONS_PER_PEER,
        reservation_duration: RESERVATION_TIME,
        reservation_rate_limiters: Vec::new(),
        max_circuits: CIRCUITS,
        max_circuits_per_peer: CIRCUITS_PER_PEER,
        max_circuit_duration: CIRCUIT_TIME,
        max_circuit_bytes: CIRCUIT_BYTES,
        circuit_src_rate_limiters: Vec::new(),
    }
    .reservation_rate_per_peer(BURST, INTERVAL)
    .reservation_rate_per_ip(BURST, INTERVAL)
    .circuit_src_per_peer(BURST, INTERVAL)
    .circuit_src_per_ip(BURST, INTERVAL);
    let mut relay = relay::Behaviour::new(local, config);
    relay.set_status(Some(relay::Status::Disable));
    relay
}

/// Whether it lends from now on.
pub(super) fn lend(relay: &mut relay::Behaviour, lends: bool) {
    relay.set_status(Some(if lends {
        relay::Status::Enable
    } else {
        relay::Status::Disable
    }));
}
