//! Peers worth calling again: those the owner named, and those met before.

use std::time::Duration;

use libp2p::multiaddr::Protocol;
use tokio::sync::watch;

use crate::network::{KnownPeer, Multiaddr, NetworkHandle, PeerId};
use crate::store::{Store, StoreError};

const NAMED_KEY: &str = "market-peers";
const KNOWN_KEY: &str = "market-peers-known";
/// The most named peers that are remembered.
const MOST: usize = 32;
/// Between two notes of the peers met.
const EVERY: Duration = Duration::from_secs(60);

/// The address with the peer it leads to at its end.
fn with_peer(address: &Multiaddr, peer: PeerId) -> Multiaddr {
    match address.iter().last() {
        Some(Protocol::P2p(_)) => address.clone(),
        _ => address.clone().with(Protocol::P2p(peer)),
    }
}

/// The newest first, each once, no more than [`MOST`].
fn first(new: Vec<Multiaddr>, old: Vec<Multiaddr>) -> Vec<Multiaddr> {
    let mut all: Vec<Multiaddr> = Vec::with_capacity(MOST);
    for address in new.into_iter().chain(old) {
        if all.len() < MOST && !all.contains(&address) {
            all.push(address);
        }
    }
    all
}

/// The peers the owner named while the node ran: to stay connected to.
///
/// # Errors
/// When they cannot be read.
pub fn named(store: &Store) -> Result<Vec<Multiaddr>, StoreError> {
    Ok(store.setting(NAMED_KEY)?.unwrap_or_default())
}

/// Remembers a peer the owner named. Past 32 the oldest is forgotten.
///
/// # Errors
/// When it cannot be written.
pub fn remember(store: &Store, address: &Multiaddr, peer: PeerId) -> Result<(), StoreError> {
    store.set_setting(
        NAMED_KEY,
        &first(vec![with_peer(address, peer)], named(store)?),
    )
}

/// The peers met in earlier runs, to be called first. None when they cannot be read: others will be found.
#[must_use]
pub fn known(store: &Store) -> Vec<KnownPeer> {
    store.setting(KNOWN_KEY).ok().flatten().unwrap_or_default()
}

/// Keeps note of the peers met, until told to stop.
pub async fn keep(
    store: std::sync::Arc<Store>,
    network: NetworkHandle,
    mut stop: watch::Receiver<bool>,
) {
    let mut written = known(&store);
    loop {
        let stopped = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        let known = network.known_peers();
        if known != written {
            if let Err(error) = store.set_setting(KNOWN_KEY, &known) {
                tracing::warn!(%error, "peers could not be remembered");
            }
            written = known;
        }
        if stopped {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
    }

    #[test]
    fn a_named_peer_is_remembered_with_its_id_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("db")).unwrap();
        let peer = PeerId::random();
        remember(&store, &address(1), peer).unwrap();
        remember(&store, &with_peer(&address(1), peer), peer).unwrap();
        assert_eq!(named(&store).unwrap(), [with_peer(&address(1), peer)]);
    }

    #[test]
    fn the_number_of_peers_remembered_is_bounded_and_the_oldest_goes_first() {
        let mut all = Vec::new();
        for port in 0..40 {
            all = first(vec![address(port)], all);
        }
        assert_eq!(all.len(), MOST);
        assert_eq!(all.first(), Some(&address(39)));
        assert!(!all.contains(&address(0)));
    }
}
