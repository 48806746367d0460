//! Between this node's words and the API's.

use bitcoin::hex::DisplayHex as _;
use bitcoin::secp256k1::PublicKey;
use cambista_engine::MakerContact;
use cambista_engine::ports::PeerAddress;
use cambista_ldk::wallet::WalletTx;
use cambista_ldk::{self as ldk, ChannelInfo};
use cambista_protocol::market;
use cambista_protocol::words::Direction;

use crate::api::types::{Channel, Offer, Problem, Returning, Wait, WalletTransaction};

/// One direction of an offer, priced at `amount_sat` when it is given; none when it is not offered or the amount is
/// outside its limits.
pub(super) fn offer(
    offer: &market::offer::Offer,
    own: bool,
    direction: Direction,
    amount_sat: Option<u64>,
) -> Option<Offer> {
    let rate = offer.rate(direction)?;
    let est_fee_sat = match amount_sat {
        Some(amount) => Some(rate.fee(amount)?),
        None => None,
    };
    Some(Offer {
        maker: offer.maker.to_string(),
        peer_id: offer.peer_id.clone(),
        direction: direction.into(),
        base_sat: rate.base_sat,
        ppm: rate.ppm,
        min_sat: rate.min_sat,
        max_sat: rate.max_sat,
        expires_at: offer.expires,
        own,
        est_fee_sat,
        est_miner_fee_sat: None,
        est_total_sat: None,
        est_confirmations: None,
        failure_cost_sat: None,
        seen: None,
    })
}

/// Whom to ask.
pub(super) fn contact(offer: market::offer::Offer) -> MakerContact {
    MakerContact {
        node_id: offer.maker,
        peer: PeerAddress {
            peer_id: offer.peer_id,
            addresses: offer.addresses,
        },
    }
}

pub(super) fn channel(info: ChannelInfo) -> Channel {
    Channel {
        id: info.id.to_lower_hex_string(),
        peer: info.peer.to_string(),
        alias: info.peer_alias,
        capacity_sat: info.capacity_sat,
        outbound_sat: info.outbound_msat / 1_000,
        inbound_sat: info.inbound_msat / 1_000,
        ready: info.ready,
        usable: info.usable,
        announced: info.announced,
        closing: info.closing,
        confirmations: info.confirmations,
        confirmations_required: info.confirmations_required,
        funding_txid: info.funding.map(|outpoint| outpoint.txid.to_string()),
        payments_under_way: info.pending_htlcs,
        force_close_delay_blocks: info.force_close_delay,
    }
}

pub(super) fn transaction(tx: WalletTx) -> WalletTransaction {
    WalletTransaction {
        txid: tx.txid.to_string(),
        net_sat: tx.net.to_sat(),
        fee_sat: tx.fee.map(bitcoin::Amount::to_sat),
        height: tx.height,
        time: tx.time,
    }
}

pub(super) fn returning(part: ldk::Returning) -> Returning {
    let (wait, free_at_height) = match part.wait {
        ldk::Wait::Close => (Wait::Close, None),
        ldk::Wait::Locked(height) => (Wait::Locked, Some(height)),
        ldk::Wait::Payment(height) => (Wait::Payment, Some(height)),
        ldk::Wait::Sweep => (Wait::Sweep, None),
    };
    Returning {
        channel: part.channel.map(|id| id.to_lower_hex_string()),
        amount_sat: part.amount_sat,
        wait,
        free_at_height,
    }
}

/// `pubkey@host:port`, or `pubkey` alone.
pub(super) fn lightning_address(text: &str) -> Result<(PublicKey, Option<String>), Problem> {
    let (key, address) = match text.split_once('@') {
        Some((key, address)) => (key, Some(address.to_owned())),
        None => (text, None),
    };
    let key = key.parse().map_err(|_| {
        Problem::invalid(
            "a Lightning node is written as its 66-digit key, then @host:port; nothing was done",
        )
        .next("cambista peer connect PUBKEY@HOST:PORT")
    })?;
    Ok((key, address))
}

/// The only one of these ids that begins with `text`.
pub(super) fn by_beginning(ids: &[[u8; 32]], text: &str) -> Result<[u8; 32], Problem> {
    let wanted = text.to_ascii_lowercase();
    let unknown = |what: &str| Problem::not_found(what.to_owned()).next("cambista channel list");
    let mut found = ids
        .iter()
        .filter(|id| !wanted.is_empty() && id.to_lower_hex_string().starts_with(&wanted));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(*id),
        (None, _) => Err(unknown("there is no such channel; nothing was done")),
        (Some(_), Some(_)) => Err(unknown(
            "more than one channel begins like this; nothing was done",
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_channel_is_found_by_the_beginning_that_only_it_has() {
        let ids = [[0x11; 32], [0x12; 32]];
        assert_eq!(by_beginning(&ids, "12").unwrap(), [0x12; 32]);
        assert!(by_beginning(&ids, "1").is_err());
        assert!(by_beginning(&ids, "13").is_err());
        assert!(by_beginning(&ids, "").is_err());
    }

    #[test]
    fn a_lightning_node_needs_a_key_and_may_have_an_address() {
        let key = "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5";
        assert_eq!(
            lightning_address(key).unwrap(),
            (key.parse().unwrap(), None)
        );
        let (_, address) = lightning_address(&format!("{key}@[::1]:9735")).unwrap();
        assert_eq!(address.unwrap(), "[::1]:9735");
        assert!(lightning_address("localhost:9735").is_err());
    }
}
