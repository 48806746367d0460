//! Telling a maker that a swap it accepted will not be taken: its slot and what it set aside are free at once, instead of
//! when its windows have passed.

use std::sync::Arc;

use cambista_protocol::cbor;
use cambista_protocol::message::SwapRequest;
use cambista_protocol::words::{Role, SwapId};
use tracing::debug;

use crate::ports::{Keys, PeerAddress, PeerProtocol, Peers, Ports};

/// Says so once, beside everything else: a maker that does not hear it finds out by itself.
///
/// Only for a swap of which this side has stored nothing and so will never lock anything: a payer's internal key is worth
/// nothing then, and tells the maker that it may let go.
pub(crate) fn decline<P: Ports>(
    ports: &Arc<P>,
    peer: &PeerAddress,
    (swap_id, key_id): (SwapId, SwapId),
    role: Role,
) {
    let message = match role {
        Role::Payer => SwapRequest::Key {
            swap_id,
            secret: ports
                .keys()
                .swap_secrets(key_id, role)
                .internal_key
                .expose()
                .secret_bytes(),
        },
        Role::Funder => SwapRequest::Withdraw { swap_id },
    };
    let (ports, peer) = (Arc::clone(ports), peer.clone());
    tokio::spawn(async move {
        let body = cbor::to_vec(&message);
        let answer = ports.peers().request(&peer, PeerProtocol::Swap, body).await;
        if let Err(error) = answer {
            debug!(swap = %swap_id.short(), %error, "the maker could not be told that the swap is not taken");
        }
    });
}
