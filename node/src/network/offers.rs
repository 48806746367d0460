//! Gossip of standing offers. Messages carry no author: an offer is signed by its maker, and who
//! passes it on is nobody's business.

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use bitcoin::hashes::{Hash, sha256};
use libp2p::gossipsub::{
    self, ConfigBuilder, IdentTopic, MessageAcceptance, MessageAuthenticity, MessageId,
    PeerScoreParams, PeerScoreThresholds, TopicHash, TopicScoreParams, ValidationMode,
    WhitelistSubscriptionFilter, score_parameter_decay,
};

use super::{error::NetworkError, handler::Verdict};

/// Most bytes a published offer may have.
pub const MAX_OFFER_BYTES: usize = cambista_protocol::market::offer::MAX_OFFER;
/// What the gossip protocol wraps around an offer: the topic's name and field tags.
const ENVELOPE_BYTES: usize = 128;
/// Largest unit on the wire. Lists of known message ids travel in one unit too.
const MAX_UNIT_BYTES: usize = 32 * 1024;
/// Message ids in one such list: 34 bytes each, within the protocol's 16 KiB for control messages.
const MAX_IDS: usize = 400;

/// Offers being judged at one time; held at one time; held from one peer.
pub(super) const RUNNING: usize = 8;
pub(super) const WAITING: usize = 1024;
pub(super) const WAITING_PER_PEER: usize = 256;

/// The gossip part of the swarm: one topic, no other can be subscribed to.
pub(super) type Gossip =
    gossipsub::Behaviour<gossipsub::IdentityTransform, WhitelistSubscriptionFilter>;

/// The topic of a network's offers.
pub(super) fn topic(network: bitcoin::Network) -> IdentTopic {
    IdentTopic::new(format!("cambista/1/{network}/offers"))
}

/// # Errors
/// When the gossip protocol refuses its configuration.
pub(super) fn new(topic: &IdentTopic) -> Result<Gossip, NetworkError> {
    let setup = |e: &dyn std::fmt::Display| NetworkError::Setup(format!("gossip: {e}"));
    let config = ConfigBuilder::default()
        .validate_messages()
        .validation_mode(ValidationMode::Anonymous)
        .message_id_fn(|message| message_id(&message.data))
        .max_transmit_size(MAX_UNIT_BYTES)
        .max_transmit_size_for_topic(MAX_OFFER_BYTES + ENVELOPE_BYTES, topic.hash())
        .max_control_messages_sent(MAX_IDS)
        .heartbeat_interval(Duration::from_secs(1))
        .heartbeat_initial_delay(Duration::from_secs(1))
        // A verdict must come while the message is still held: twelve heartbeats.
        .history_length(12)
        .history_gossip(3)
        .duplicate_cache_time(Duration::from_secs(120))
        .flood_publish(true)
        .build()
        .map_err(|e| setup(&e))?;
    let only_offers = WhitelistSubscriptionFilter(HashSet::from([topic.hash()]));
    let mut gossip =
        Gossip::new_with_subscription_filter(MessageAuthenticity::Anonymous, config, only_offers)
            .map_err(|e| setup(&e))?;
    gossip
        .with_peer_score(scores(topic.hash()), thresholds())
        .map_err(|e| setup(&e))?;
    gossip.subscribe(topic).map_err(|e| setup(&e))?;
    Ok(gossip)
}

fn message_id(payload: &[u8]) -> MessageId {
    MessageId::from(sha256::Hash::hash(payload).to_byte_array().to_vec())
}

pub(super) fn acceptance(verdict: Verdict) -> MessageAcceptance {
    match verdict {
        Verdict::Accept => MessageAcceptance::Accept,
        Verdict::Reject => MessageAcceptance::Reject,
        Verdict::Ignore => MessageAcceptance::Ignore,
    }
}

/// How peers are judged. The market is quiet for minutes at a time, so nobody is blamed for sending
/// little: both delivery penalties are off. Invalid offers weigh heavily instead.
fn scores(topic: TopicHash) -> PeerScoreParams {
    let offers = TopicScoreParams {
        topic_weight: 1.0,
        // A peer earns at most 10 points in an hour of staying, and 10 by being first with news.
        time_in_mesh_weight: 1.0,
        time_in_mesh_quantum: Duration::from_secs(360),
        time_in_mesh_cap: 10.0,
        first_message_deliveries_weight: 0.1,
        first_message_deliveries_decay: score_parameter_decay(Duration::from_secs(3600)),
        first_message_deliveries_cap: 100.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        // -8, -32, -72, -128 for one to four of them: the fourth within minutes is the last heard.
        invalid_message_deliveries_weight: -8.0,
        invalid_message_deliveries_decay: score_parameter_decay(Duration::from_secs(1800)),
        ..TopicScoreParams::default()
    };
    PeerScoreParams {
        topics: HashMap::from([(topic, offers)]),
        topic_score_cap: 20.0,
        // Many homes share an address behind a carrier's translator or a Tor exit.
        ip_colocation_factor_threshold: 32.0,
        ip_colocation_factor_weight: -1.0,
        ip_colocation_factor_whitelist: HashSet::from([
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ]),
        ..PeerScoreParams::default()
    }
}

/// Whether nothing of a peer with this score is heard any more.
pub(super) fn is_out(score: f64) -> bool {
    score < thresholds().graylist_threshold
}

fn thresholds() -> PeerScoreThresholds {
    PeerScoreThresholds {
        gossip_threshold: -10.0,
        publish_threshold: -50.0,
        graylist_threshold: -80.0,
        accept_px_threshold: 1000.0,
        opportunistic_graft_threshold: 1.0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_gossip_configuration_is_accepted_on_every_network() {
        for network in [
            bitcoin::Network::Bitcoin,
            bitcoin::Network::Signet,
            bitcoin::Network::Regtest,
        ] {
            let topic = topic(network);
            let gossip = new(&topic).unwrap();
            assert_eq!(gossip.topics().collect::<Vec<_>>(), [&topic.hash()]);
        }
    }

    #[test]
    fn topics_of_different_networks_differ() {
        let name = |network| topic(network).hash().into_string();
        assert_eq!(name(bitcoin::Network::Bitcoin), "cambista/1/bitcoin/offers");
        assert_eq!(name(bitcoin::Network::Regtest), "cambista/1/regtest/offers");
    }

    #[test]
    fn a_quiet_peer_is_not_punished() {
        let params = scores(topic(bitcoin::Network::Regtest).hash());
        params.validate().unwrap();
        thresholds().validate().unwrap();
        let offers = params.topics.values().next().unwrap();
        assert_eq!(
            offers.mesh_message_deliveries_weight.to_bits(),
            0.0f64.to_bits()
        );
        assert_eq!(
            offers.mesh_failure_penalty_weight.to_bits(),
            0.0f64.to_bits()
        );
    }
}
