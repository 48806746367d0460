//! Who a peer is: version, network and addresses; and whether it is still there.

use std::time::Duration;

use libp2p::{identify, identity::Keypair, ping};

/// How often a connection is checked, and how long the answer may take.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// The protocol version peers must share. Nodes of different Bitcoin networks part at once.
pub(super) fn version(network: bitcoin::Network) -> String {
    format!("cambista/1/{network}")
}

/// Tells peers who we are. With `hide_listen`, only configured external addresses are told.
pub(super) fn new(
    network: bitcoin::Network,
    key: &Keypair,
    hide_listen: bool,
) -> identify::Behaviour {
    // The release is not part of it: it would help to tell one throwaway identity from another.
    let config = identify::Config::new(version(network), key.public())
        .with_agent_version("cambista".to_owned())
        .with_hide_listen_addrs(hide_listen);
    identify::Behaviour::new(config)
}

/// Notices connections whose other end has vanished without a word.
pub(super) fn ping() -> ping::Behaviour {
    ping::Behaviour::new(
        ping::Config::new()
            .with_interval(PING_INTERVAL)
            .with_timeout(PING_TIMEOUT),
    )
}
