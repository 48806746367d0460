#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use bitcoin::Network;
use bitcoin::constants::ChainHash;
use bitcoin::hashes::{Hash, sha256d};
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{Message, Secp256k1, SecretKey};
use lightning::ln::msgs::{UnsignedChannelAnnouncement, UnsignedChannelUpdate};
use lightning::types::features::ChannelFeatures;
use lightning::util::ser::Writeable;

use super::*;
use crate::logger::Log;

const SCID: u64 = 7 << 40;

fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).unwrap()
}

fn public(byte: u8) -> PublicKey {
    secret(byte).public_key(&Secp256k1::new())
}

fn sign(contents: &impl Writeable, by: u8) -> Signature {
    let digest = sha256d::Hash::hash(&contents.encode()).to_byte_array();
    Secp256k1::new().sign_ecdsa(&Message::from_digest(digest), &secret(by))
}

/// The two ends, in the order the announcement wants.
fn ends() -> [u8; 2] {
    if public(1).serialize() < public(2).serialize() {
        [1, 2]
    } else {
        [2, 1]
    }
}

fn announcement() -> ChannelAnnouncement {
    let [one, two] = ends();
    let id = |byte| NodeId::from_pubkey(&public(byte));
    let contents = UnsignedChannelAnnouncement {
        features: ChannelFeatures::empty(),
        chain_hash: ChainHash::using_genesis_block(Network::Regtest),
        short_channel_id: SCID,
        node_id_1: id(one),
        node_id_2: id(two),
        bitcoin_key_1: id(11),
        bitcoin_key_2: id(12),
        excess_data: Vec::new(),
    };
    ChannelAnnouncement {
        node_signature_1: sign(&contents, one),
        node_signature_2: sign(&contents, two),
        bitcoin_signature_1: sign(&contents, 11),
        bitcoin_signature_2: sign(&contents, 12),
        contents,
    }
}

/// What the second end said of its direction that many seconds ago, signed by `by`. LDK takes none of two weeks ago.
fn update(ago: u32, by: u8) -> ChannelUpdate {
    let contents = UnsignedChannelUpdate {
        chain_hash: ChainHash::using_genesis_block(Network::Regtest),
        short_channel_id: SCID,
        timestamp: start() - ago,
        message_flags: 1,
        channel_flags: 1,
        cltv_expiry_delta: 144,
        htlc_minimum_msat: 1,
        htlc_maximum_msat: 1_000_000,
        fee_base_msat: 1_000,
        fee_proportional_millionths: 0,
        excess_data: Vec::new(),
    };
    ChannelUpdate {
        signature: sign(&contents, by),
        contents,
    }
}

/// One moment for all of a test run (seconds since 1970).
fn start() -> u32 {
    static START: OnceLock<u32> = OnceLock::new();
    *START.get_or_init(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u32::try_from(now.as_secs()).unwrap()
    })
}

fn early(ours: bool) -> EarlyUpdates {
    let log = Arc::new(Log::new(crate::fatal::Fatal::new()));
    let graph = Arc::new(Graph::new(Network::Regtest, Arc::clone(&log)));
    let gossip = Arc::new(Gossip::new(Arc::clone(&graph), None, log));
    let lookup = Arc::new(ChainLookup::new(Network::Regtest));
    EarlyUpdates::new(gossip, graph, lookup, Box::new(move |_, _| ours))
}

fn peer() -> PublicKey {
    public(ends()[1])
}

/// What is told on after the channel got known.
fn told_on(early: &EarlyUpdates) -> Vec<ChannelUpdate> {
    assert!(early.get_and_clear_pending_msg_events().is_empty());
    early
        .handle_channel_announcement(None, &announcement())
        .unwrap();
    let told = early.get_and_clear_pending_msg_events().into_iter();
    let told = told.map(|event| match event {
        MessageSendEvent::BroadcastChannelUpdate { msg } => msg,
        other => panic!("{other:?}"),
    });
    let told = told.collect();
    let again = early.get_and_clear_pending_msg_events();
    assert!(again.is_empty(), "once is enough");
    told
}

#[test]
fn the_latest_early_update_is_taken_in_once_the_channel_is_known() {
    let early = early(true);
    let by = ends()[1];
    for ago in [50, 10, 40] {
        let dropped = early.handle_channel_update(Some(peer()), &update(ago, by));
        assert!(dropped.is_err(), "LDK took an update of an unknown channel");
    }
    let told = told_on(&early);
    assert_eq!(told, [update(10, by)]);
    // What the peer manager does with it.
    assert!(early.handle_channel_update(None, &told[0]).unwrap());
    let graph = early.graph.read_only();
    let direction = graph.channel(SCID).unwrap().two_to_one.as_ref().unwrap();
    assert_eq!(direction.last_update, start() - 10);
}

#[test]
fn updates_of_strangers_channels_and_forged_ones_are_not_passed_on() {
    let strange = early(false);
    let by = ends()[1];
    assert!(
        strange
            .handle_channel_update(Some(peer()), &update(5, by))
            .is_err()
    );
    assert_eq!(told_on(&strange), []);

    let forged = early(true);
    let elsewhere = ends()[0];
    assert!(
        forged
            .handle_channel_update(Some(peer()), &update(5, elsewhere))
            .is_err()
    );
    assert_eq!(told_on(&forged), []);
}

#[test]
fn what_ldk_already_heard_is_not_said_again() {
    let early = early(true);
    let by = ends()[1];
    let first = update(5, by);
    assert!(early.handle_channel_update(Some(peer()), &first).is_err());
    early
        .handle_channel_announcement(None, &announcement())
        .unwrap();
    assert!(early.handle_channel_update(Some(peer()), &first).unwrap());
    assert!(early.get_and_clear_pending_msg_events().is_empty());
}
