//! The peers port over the swarm.

use cambista_engine::ports::{PeerAddress, PeerError, PeerProtocol, Peers};

use crate::network::{Multiaddr, NetworkHandle, PeerId, Protocol};

/// Other Cambista nodes, as the swarm reaches them.
pub struct PeersPort {
    network: NetworkHandle,
}

impl PeersPort {
    pub(super) const fn new(network: NetworkHandle) -> Self {
        Self { network }
    }
}

/// The swarm's name of a protocol.
fn protocol(protocol: PeerProtocol) -> Protocol {
    match protocol {
        PeerProtocol::Quote => Protocol::Quote,
        PeerProtocol::Swap => Protocol::Swap,
    }
}

impl Peers for PeersPort {
    async fn request(
        &self,
        peer: &PeerAddress,
        to: PeerProtocol,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, PeerError> {
        let id: PeerId = peer
            .peer_id
            .parse()
            .map_err(|_| PeerError("its peer id is malformed; nothing was sent".into()))?;
        // Addresses are a stranger's words: those that are none are left out.
        let addresses: Vec<Multiaddr> = peer
            .addresses
            .iter()
            .filter_map(|text| text.parse().ok())
            .collect();
        self.network
            .request(id, addresses, protocol(to), body)
            .await
            .map_err(|error| PeerError(error.to_string()))
    }
}
