//! What a maker shows to everybody: its offer, and a quote for whoever asks.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bitcoin::Network;
use cambista_ldk::Node as Lightning;
use cambista_protocol::cbor;
use cambista_protocol::market::offer::{Offer, Rate};
use cambista_protocol::market::quote::Quote;
use cambista_protocol::message::{BookReply, QuoteReply, QuoteRequest};
use cambista_protocol::signed::{Signed, Tag};
use cambista_protocol::words::Direction;
use libp2p::PeerId;

use super::random;
use super::wire::Protocol;

/// What it charges for every swap (sat).
pub(crate) const FEE: u64 = 500;
/// What it wants in advance for an `out` (sat).
pub(crate) const PREPAY: u64 = 600;
/// Blocks until a funder may take its coins back.
pub(crate) const DELTA: u32 = 96;

/// What is shown, and the tricks in it.
pub(crate) struct Front {
    /// Whose key signs.
    pub(crate) lightning: Arc<Lightning>,
    /// The only way it offers.
    pub(crate) way: Direction,
    /// Where it is called, once that is known.
    pub(crate) contact: (PeerId, String),
    /// What it does to its quotes.
    pub(crate) trick: fn(&mut Quote),
}

impl Front {
    /// An honest one.
    pub(crate) fn new(lightning: Arc<Lightning>, way: Direction) -> Self {
        Self {
            lightning,
            way,
            contact: (PeerId::random(), String::new()),
            trick: |_| {},
        }
    }

    /// Answers what is about no swap.
    pub(crate) fn answer(&self, protocol: Protocol, body: &[u8]) -> Option<Vec<u8>> {
        match protocol {
            Protocol::Book => Some(cbor::to_vec(&BookReply {
                offers: vec![self.offer()],
                more: None,
            })),
            Protocol::Quote => {
                let request = cbor::from_slice(body, 4096).ok()?;
                let quote = QuoteReply::Quote(self.quote(&request));
                Some(cbor::to_vec(&quote))
            }
            Protocol::Swap => None,
        }
    }

    /// Signs as its node.
    pub(crate) fn sign(&self, digest: [u8; 32]) -> [u8; 64] {
        self.lightning.sign_tagged(digest)
    }

    /// What it offers now, as gossip carries it.
    pub(crate) fn offer(&self) -> Vec<u8> {
        let rate = |way| {
            (self.way == way).then_some(Rate {
                base_sat: FEE,
                ppm: 0,
                min_sat: 20_000,
                max_sat: 4_000_000,
            })
        };
        let (peer, address) = &self.contact;
        let mut offer = Offer {
            network: Network::Regtest,
            maker: self.lightning.node_id(),
            peer_id: peer.to_string(),
            addresses: vec![address.clone()],
            sequence: now(),
            issued: now(),
            expires: now() + 3600,
            out: rate(Direction::Out),
            into: rate(Direction::In),
            refund_delta_min: DELTA,
            refund_delta_max: DELTA,
            features: 0,
            nonce: 0,
        };
        assert!(offer.mine(1 << 20));
        offer.sign(|digest| self.sign(digest)).to_bytes()
    }

    fn quote(&self, request: &QuoteRequest) -> Signed {
        let (prepay_sat, confirmations) = match request.direction {
            Direction::Out => (PREPAY, 0),
            Direction::In => (0, 1),
        };
        let mut quote = Quote {
            network: request.network,
            maker: self.lightning.node_id(),
            direction: request.direction,
            amount_sat: request.amount_sat,
            maker_fee_sat: i64::try_from(FEE).unwrap(),
            prepay_sat,
            refund_delta: DELTA,
            confirmations,
            valid_until: now() + 600,
            nonce: random()[..16].try_into().unwrap(),
            external: false,
        };
        (self.trick)(&mut quote);
        Signed::new(Tag::Quote, cbor::to_vec(&quote), |digest| self.sign(digest))
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}
