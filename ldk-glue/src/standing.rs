//! What the channels there are mean for the coins kept back, and for taking another one from a peer.
//!
//! A peer that opens a channel to us may never pay for it. Until its funding is in a block it costs the peer nothing, so it
//! must not cost us anything either: no coins, and few places.

use bitcoin::secp256k1::PublicKey;
use lightning::ln::channel_state::ChannelDetails;

/// Channels one peer may have opened to us that are not paid for.
const UNPAID_PER_PEER: usize = 2;
/// The same for all peers.
const UNPAID: usize = 50;

/// What matters of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    peer: PublicKey,
    number: u128,
    /// Opened by the peer, and its funding is in no block.
    unpaid: bool,
}

impl Standing {
    pub(crate) fn of(channel: &ChannelDetails) -> Self {
        let confirmed = channel.is_channel_ready || channel.confirmations.unwrap_or(0) > 0;
        Self {
            peer: channel.counterparty.node_id,
            number: channel.user_channel_id,
            unpaid: !channel.is_outbound && !confirmed,
        }
    }
}

/// How many channels coins are kept back for: those that may have to be closed alone, and those we are opening, by their
/// numbers.
pub(crate) fn with_reserve(channels: &[Standing], opening: &[u128]) -> usize {
    let there = channels.iter().filter(|channel| !channel.unpaid).count();
    let known = |number: &u128| channels.iter().any(|channel| channel.number == *number);
    let coming = opening.iter().filter(|number| !known(number)).count();
    there.saturating_add(coming)
}

/// Whether `peer` may open another channel where there may be `max`; else why not.
pub(crate) fn room(
    channels: &[Standing],
    peer: &PublicKey,
    max: usize,
) -> Result<(), &'static str> {
    if channels.len() >= max {
        return Err("this node has enough channels");
    }
    let unpaid = || channels.iter().filter(|channel| channel.unpaid);
    if unpaid().filter(|channel| channel.peer == *peer).count() >= UNPAID_PER_PEER {
        return Err("your other channels to this node wait for their funding to confirm");
    }
    if unpaid().count() >= UNPAID {
        return Err("too many channels to this node wait for their funding to confirm");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bitcoin::secp256k1::{Secp256k1, SecretKey};

    use super::*;

    fn peer(number: usize) -> PublicKey {
        let mut secret = [1; 32];
        secret[..8].copy_from_slice(&number.to_be_bytes());
        SecretKey::from_slice(&secret)
            .unwrap()
            .public_key(&Secp256k1::new())
    }

    fn channel(peer: PublicKey, number: u128, unpaid: bool) -> Standing {
        Standing {
            peer,
            number,
            unpaid,
        }
    }

    #[test]
    fn coins_are_kept_for_paid_channels_and_each_opening_once() {
        let channels = [
            channel(peer(1), 1, false),
            channel(peer(2), 2, true),
            channel(peer(3), 3, false),
        ];
        assert_eq!(with_reserve(&channels, &[]), 2);
        assert_eq!(with_reserve(&channels, &[3, 4]), 3);
        assert_eq!(with_reserve(&[], &[4]), 1);
    }

    #[test]
    fn channels_nobody_paid_for_take_few_places() {
        let stranger = peer(7);
        let mut channels = vec![channel(stranger, 0, false); 3];
        assert_eq!(room(&channels, &stranger, 200), Ok(()));
        channels.extend(vec![channel(stranger, 0, true); UNPAID_PER_PEER]);
        assert!(room(&channels, &stranger, 200).is_err());
        assert_eq!(room(&channels, &peer(8), 200), Ok(()));
        let others = UNPAID - UNPAID_PER_PEER;
        channels.extend((0..others).map(|other| channel(peer(100 + other), 0, true)));
        assert!(room(&channels, &peer(8), 200).is_err());
        channels.retain(|channel| !channel.unpaid);
        assert_eq!(room(&channels, &peer(8), 200), Ok(()));
        assert!(room(&channels, &peer(8), 3).is_err());
    }
}
