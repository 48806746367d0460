//! This node's offer as it is written down: what it says besides the terms, and for how long.

use bitcoin::Network;
use bitcoin::secp256k1::PublicKey;
use cambista_protocol::cbor;
use cambista_protocol::market::offer::{MAX_ADDRESSES, MAX_OFFER, Offer};
use cambista_protocol::signed::Signed;

use super::need::Terms;

/// How long an offer stands (seconds): some renewals may be missed, and of two clocks one may be two hours off; a node that
/// dies is not asked for longer than that needs.
const LIFETIME: u64 = 3 * 3600;

/// Where others find this node in the market's network, the best ways first.
pub(super) struct Contact {
    pub(super) peer_id: String,
    pub(super) addresses: Vec<String>,
}

/// Whose offer it is, and which.
pub(super) struct Head {
    pub(super) network: Network,
    pub(super) maker: PublicKey,
    pub(super) sequence: u64,
    pub(super) now: u64,
}

/// The offer of these terms. One with no rate withdraws the offer before it.
pub(super) fn offer(head: Head, contact: Contact, terms: &Terms) -> Offer {
    let mut addresses = contact.addresses;
    addresses.truncate(MAX_ADDRESSES);
    let mut offer = Offer {
        network: head.network,
        maker: head.maker,
        peer_id: contact.peer_id,
        addresses,
        sequence: head.sequence,
        issued: head.now,
        expires: head.now.saturating_add(LIFETIME),
        out: terms.out,
        into: terms.into,
        refund_delta_min: terms.refund_delta,
        refund_delta_max: terms.refund_delta,
        features: 0,
        nonce: 0,
    };
    // The best ways come first. Without any, those that are connected still ask.
    while longest(&offer) > MAX_OFFER && offer.addresses.pop().is_some() {}
    offer
}

/// How long the signed offer can become (bytes), whatever nonce is found.
fn longest(offer: &Offer) -> usize {
    let nonce = u64::MAX;
    let payload = cbor::to_vec(&Offer {
        nonce,
        ..offer.clone()
    });
    let signature = [0; 64];
    Signed { payload, signature }.to_bytes().len()
}
