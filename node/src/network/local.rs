//! What the home network offers: its router opens a port when asked (UPnP), and nodes in it find
//! each other by themselves (mDNS).

use libp2p::{PeerId, mdns, upnp};

/// Asks the router to open the ports listened on.
pub(super) fn router() -> upnp::tokio::Behaviour {
    upnp::tokio::Behaviour::default()
}

/// Finds nodes in the same home. Without it when the system does not allow it.
pub(super) fn neighbours(local: PeerId) -> Option<mdns::tokio::Behaviour> {
    mdns::tokio::Behaviour::new(mdns::Config::default(), local)
        .inspect_err(|error| tracing::warn!(%error, "nodes in the same home are not looked for"))
        .ok()
}
