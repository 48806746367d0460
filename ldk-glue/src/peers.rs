//! Connections to Lightning peers: made, remembered and made again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bitcoin::secp256k1::PublicKey;
use lightning::io;
use lightning::util::persist::KVStoreSync;
use tokio::net::TcpStream;

use crate::barrier::{Store, other};
use crate::errors::PeerError;
use crate::node::Node;
use crate::save::Gate;
use crate::types::Peers;

const PRIMARY: &str = "cambista";
const SECONDARY: &str = "peers";
/// Peers remembered at most.
const LIMIT: usize = 1_000;
/// For the TCP connection, and again for the handshake on it.
const PATIENCE: Duration = Duration::from_secs(10);

/// A peer we are connected to or remember.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// The peer's node id.
    pub node_id: PublicKey,
    /// Where it is remembered to be, or where it connected from.
    pub address: Option<String>,
    /// Whether there is a connection now.
    pub connected: bool,
    /// Whether the peer made the connection.
    pub inbound: bool,
}

/// The peers that are connected to again and again, each with its `host:port`.
pub(crate) struct AddressBook {
    store: Arc<Store>,
    rows: Mutex<HashMap<PublicKey, String>>,
}

impl AddressBook {
    pub(crate) fn load(store: Arc<Store>) -> Result<Self, io::Error> {
        let mut rows = HashMap::new();
        for key in store.list(PRIMARY, SECONDARY)? {
            let row = store.read(PRIMARY, SECONDARY, &key)?;
            let address = String::from_utf8(row).map_err(other)?;
            let node = key.parse().map_err(other)?;
            rows.insert(node, address);
        }
        Ok(Self {
            store,
            rows: Mutex::new(rows),
        })
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<PublicKey, String>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything remembered.
    pub(crate) fn all(&self) -> HashMap<PublicKey, String> {
        self.rows().clone()
    }

    fn remember(&self, node: PublicKey, address: &str) -> Result<(), PeerError> {
        let mut rows = self.rows();
        if rows.get(&node).is_some_and(|known| known == address) {
            return Ok(());
        }
        if rows.len() >= LIMIT && !rows.contains_key(&node) {
            return Err(PeerError::Full(LIMIT));
        }
        self.store
            .write(PRIMARY, SECONDARY, &node.to_string(), address.into())
            .map_err(|error| PeerError::Store(error.to_string()))?;
        rows.insert(node, address.to_owned());
        Ok(())
    }

    fn forget(&self, node: &PublicKey) -> Result<(), PeerError> {
        if self.rows().remove(node).is_some() {
            self.store
                .remove(PRIMARY, SECONDARY, &node.to_string(), false)
                .map_err(|error| PeerError::Store(error.to_string()))?;
        }
        Ok(())
    }
}

/// One connection attempt, up to the end of the handshake.
pub(crate) async fn dial(
    peers: &Arc<Peers>,
    gate: &Gate,
    node: PublicKey,
    address: &str,
) -> Result<(), PeerError> {
    if peers.peer_by_node_id(&node).is_some() {
        return Ok(());
    }
    let unreachable = |reason: String| PeerError::Unreachable {
        node: node.to_string(),
        address: address.to_owned(),
        reason,
    };
    let stream = match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::InvalidInput => {
            return Err(PeerError::Address(address.to_owned()));
        }
        Ok(Err(error)) => return Err(unreachable(error.to_string())),
        Err(_) => return Err(unreachable("no answer".into())),
    };
    // Lightning sends many small messages and waits for the answer to each.
    let stream = stream
        .set_nodelay(true)
        .and_then(|()| stream.into_std())
        .map_err(|error| unreachable(error.to_string()))?;
    let closed = match gate.pass() {
        Some(_pass) => lightning_net_tokio::setup_outbound(Arc::clone(peers), node, stream),
        None => return Err(unreachable("this node is stopping".into())),
    };
    let shaken = async {
        while peers.peer_by_node_id(&node).is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = shaken => Ok(()),
        () = closed => Err(unreachable("the connection was closed; is this the right node id?".into())),
        () = tokio::time::sleep(PATIENCE) => Err(unreachable("no handshake".into())),
    }
}

impl Node {
    /// Connects to a peer at `host:port` and remembers it: the connection is made again whenever it is lost.
    ///
    /// # Errors
    /// [`PeerError`]; a peer that could not be reached is not remembered.
    pub async fn connect(&self, peer: PublicKey, address: &str) -> Result<(), PeerError> {
        dial(&self.peers, &self.gate, peer, address).await?;
        self.book.remember(peer, address)
    }

    /// Forgets a peer's address and ends the connection. Channels with it stay, and stay unusable until it connects.
    ///
    /// # Errors
    /// [`PeerError::Store`].
    pub fn forget_peer(&self, peer: PublicKey) -> Result<(), PeerError> {
        self.book.forget(&peer)?;
        self.peers.disconnect_by_node_id(peer);
        Ok(())
    }

    /// Peers that are connected or remembered.
    pub fn peers(&self) -> Vec<PeerInfo> {
        let mut remembered = self.book.all();
        let connected = self.peers.list_peers().into_iter().map(|peer| {
            let known = remembered.remove(&peer.counterparty_node_id);
            let seen = || peer.socket_address.as_ref().map(ToString::to_string);
            PeerInfo {
                node_id: peer.counterparty_node_id,
                address: known.or_else(seen),
                connected: true,
                inbound: peer.is_inbound_connection,
            }
        });
        let mut list: Vec<PeerInfo> = connected.collect();
        list.extend(remembered.into_iter().map(|(node_id, address)| PeerInfo {
            node_id,
            address: Some(address),
            connected: false,
            inbound: false,
        }));
        list
    }
}
