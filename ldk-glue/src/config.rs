//! What can be chosen about a node.

use std::net::SocketAddr;

use bitcoin::{Amount, Network};
use lightning::util::config::{
    ChannelConfig, ChannelHandshakeConfig, ChannelHandshakeLimits, UserConfig,
};

use crate::chain::FeeConfig;
use crate::rpc::BitcoindConfig;

/// Settings of a [`crate::Node`].
#[derive(Clone, Debug)]
pub struct Config {
    /// The chain.
    pub network: Network,
    /// How to reach bitcoind.
    pub bitcoind: BitcoindConfig,
    /// Where to listen for Lightning peers. Port 0 lets the system choose.
    pub listen: Vec<SocketAddr>,
    /// Addresses told to the network once the node has an announced channel.
    pub announce: Vec<SocketAddr>,
    /// Name told to the network; cut after 32 bytes.
    pub alias: String,
    /// Whether peers may open channels to us. Only anchor channels are ever accepted.
    pub accept_channels: bool,
    /// Smallest channel accepted from a peer, in satoshis.
    pub min_channel_sat: u64,
    /// No further channels are accepted from peers beyond this many. Of those whose funding is in no block yet, fewer are.
    pub max_channels: usize,
    /// Blocks a channel's funding must have before it is used.
    pub channel_confirmations: u32,
    /// Fee per forwarded payment in millisatoshi.
    pub forwarding_base_msat: u32,
    /// Fee per forwarded million, in the same unit.
    pub forwarding_ppm: u32,
    /// Whether payments are forwarded to unannounced channels too.
    pub forward_to_unannounced: bool,
    /// On-chain funds kept back per channel, for bumping its closing.
    pub anchor_reserve: Amount,
    /// Where a new wallet starts to look for its coins. `None` is the tip: right for a new seed, wrong for a restored
    /// one.
    pub rescan_from: Option<u32>,
    /// Whether channels told by gossip are looked up in bitcoind. Needs an unpruned bitcoind.
    pub verify_gossip: bool,
    /// On-chain fee estimation.
    pub fees: FeeConfig,
}

impl Config {
    /// The defaults: nothing listens, peers may open channels.
    #[must_use]
    pub fn new(bitcoind: BitcoindConfig) -> Self {
        Self {
            network: bitcoind.network,
            bitcoind,
            listen: Vec::new(),
            announce: Vec::new(),
            alias: String::new(),
            accept_channels: true,
            min_channel_sat: 20_000,
            max_channels: 200,
            channel_confirmations: 3,
            forwarding_base_msat: 1_000,
            forwarding_ppm: 0,
            forward_to_unannounced: false,
            anchor_reserve: Amount::from_sat(25_000),
            rescan_from: None,
            verify_gossip: true,
            fees: FeeConfig::default(),
        }
    }

    /// LDK's view of these settings.
    pub(crate) fn ldk(&self, announced: bool) -> UserConfig {
        UserConfig {
            channel_handshake_config: ChannelHandshakeConfig {
                minimum_depth: self.channel_confirmations.max(1),
                // One held swap may need a whole channel, and many small ones its slots.
                max_inbound_htlc_value_in_flight_percent_of_channel: 100,
                our_max_accepted_htlcs: 50,
                announce_for_forwarding: announced,
                negotiate_anchors_zero_fee_htlc_tx: true,
                ..ChannelHandshakeConfig::default()
            },
            channel_handshake_limits: ChannelHandshakeLimits {
                // Both kinds are welcome from peers.
                force_announced_channel_preference: false,
                max_funding_satoshis: u64::MAX,
                ..ChannelHandshakeLimits::default()
            },
            channel_config: ChannelConfig {
                forwarding_fee_base_msat: self.forwarding_base_msat,
                forwarding_fee_proportional_millionths: self.forwarding_ppm,
                ..ChannelConfig::default()
            },
            accept_forwards_to_priv_channels: self.forward_to_unannounced,
            // Every inbound channel comes to us as a question.
            manually_accept_inbound_channels: true,
            ..UserConfig::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::rpc::Auth;

    #[test]
    fn channels_can_carry_long_held_swaps() {
        let config = Config::new(BitcoindConfig {
            host: "localhost".into(),
            port: 1,
            auth: Auth::Cookie(PathBuf::new()),
            network: Network::Regtest,
        });
        let ldk = config.ldk(false);
        let handshake = ldk.channel_handshake_config;
        assert_eq!(
            handshake.max_inbound_htlc_value_in_flight_percent_of_channel,
            100
        );
        assert!(handshake.negotiate_anchors_zero_fee_htlc_tx);
        assert!(ldk.manually_accept_inbound_channels);
        assert!(!ldk.accept_intercept_htlcs);
    }
}
