//! Announcing this node's own offer: on every change, and again before others forget it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bitcoin::{FeeRate, Network};
use cambista_engine::ports::Clock as _;
use cambista_engine::{MakerPolicy, SidePolicy};
use cambista_ldk::Node;
use cambista_protocol::market::offer::{MAX_ADDRESSES, MAX_LIFETIME, Offer, Rate};
use tokio::sync::{Notify, watch};

use super::Market;
use crate::adapters::system::SystemClock;
use crate::network::{NetworkHandle, Published};
use crate::store::Store;

/// Where the number of the last announced offer is remembered.
pub const SEQUENCE_KEY: &str = "offer-sequence";

/// Between two announcements of an unchanged offer.
const AGAIN: Duration = Duration::from_secs(30 * 60);
/// After an announcement that could not be made.
const RETRY: Duration = Duration::from_secs(30);
/// Nonces tried at one go.
const TRIES: u64 = 1 << 20;
/// Goes at most: far beyond the luck anyone can lack.
const GOES: usize = 256;
/// The fee rate a price is reckoned with is for so many blocks.
const TARGET: u16 = 6;
/// What a maker pays for on the chain: its funding (out), its sweep (in), in vB.
const FUNDING_VBYTES: u64 = 154;
const SWEEP_VBYTES: u64 = 111;

/// Keeps the market informed of one maker's business.
pub struct Announcer {
    market: Arc<Market>,
    network: NetworkHandle,
    node: Arc<Node>,
    store: Arc<Store>,
    policy: Mutex<MakerPolicy>,
    changed: Notify,
}

impl Announcer {
    /// For this business; nothing is announced before [`Self::run`].
    #[must_use]
    pub fn new(
        market: Arc<Market>,
        network: NetworkHandle,
        node: Arc<Node>,
        store: Arc<Store>,
        policy: MakerPolicy,
    ) -> Self {
        Self {
            market,
            network,
            node,
            store,
            policy: Mutex::new(policy),
            changed: Notify::new(),
        }
    }

    fn policy(&self) -> MakerPolicy {
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The business is this from now on: announced at once, or withdrawn.
    pub fn set(&self, policy: MakerPolicy) {
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner) = policy;
        self.changed.notify_one();
    }

    /// Announces until told to stop.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        // Whether others may know an offer of ours.
        let mut standing = false;
        loop {
            let policy = self.policy();
            let mut pause = AGAIN;
            if policy.enabled || standing {
                match self.announce(&policy).await {
                    Ok(()) => standing = policy.enabled,
                    Err(reason) => {
                        tracing::warn!(reason, "the offer could not be announced");
                        pause = RETRY;
                    }
                }
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = self.changed.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn announce(&self, policy: &MakerPolicy) -> Result<(), String> {
        let offer = self.offer(policy)?;
        let enabled = policy.enabled;
        let offer = tokio::task::spawn_blocking(move || mined(offer))
            .await
            .map_err(|e| e.to_string())??;
        let bytes = offer
            .sign(|digest| self.node.sign_tagged(digest))
            .to_bytes();
        self.market.ingest(&bytes);
        match self
            .network
            .publish_offer(bytes)
            .await
            .map_err(|e| e.to_string())?
        {
            Published::Sent => {
                tracing::info!(enabled, sequence = offer.sequence, "offer announced")
            }
            Published::Waiting => {
                tracing::info!(enabled, "offer goes out to the first peer that listens")
            }
        }
        Ok(())
    }

    fn offer(&self, policy: &MakerPolicy) -> Result<Offer, String> {
        let contact = Contact {
            peer_id: self.network.local_peer_id().to_string(),
            addresses: self
                .network
                .contact_addrs()
                .iter()
                .map(ToString::to_string)
                .collect(),
        };
        let now = SystemClock.now();
        let last: u64 = self
            .store
            .setting(SEQUENCE_KEY)
            .map_err(|e| e.to_string())?
            .unwrap_or(0);
        let sequence = last.saturating_add(1).max(now);
        // Before anyone sees it: a number that was once seen is never used again.
        self.store
            .set_setting(SEQUENCE_KEY, &sequence)
            .map_err(|e| e.to_string())?;
        let rate = self.node.fees().rate(TARGET);
        let head = Head {
            network: self.market.network(),
            maker: self.node.node_id(),
            sequence,
            now,
        };
        Ok(offer(head, contact, policy, rate))
    }
}

struct Contact {
    peer_id: String,
    addresses: Vec<String>,
}

struct Head {
    network: Network,
    maker: bitcoin::secp256k1::PublicKey,
    sequence: u64,
    now: u64,
}

/// The offer of a business. One that is closed names no rate: that withdraws the offer before it.
fn offer(head: Head, contact: Contact, policy: &MakerPolicy, fee_rate: FeeRate) -> Offer {
    let rate = |side: Option<SidePolicy>, vbytes| {
        side.filter(|_| policy.enabled)
            .map(|side| rate(side, fee_rate, vbytes))
    };
    let mut addresses = contact.addresses;
    addresses.truncate(MAX_ADDRESSES);
    Offer {
        network: head.network,
        maker: head.maker,
        peer_id: contact.peer_id,
        addresses,
        sequence: head.sequence,
        issued: head.now,
        expires: head.now.saturating_add(MAX_LIFETIME),
        out: rate(policy.out, FUNDING_VBYTES),
        into: rate(policy.into, SWEEP_VBYTES),
        refund_delta_min: policy.refund_delta,
        refund_delta_max: policy.refund_delta,
        features: 0,
        nonce: 0,
    }
}

/// A price as others should compare it: with the maker's own chain costs at today's rate, as a quote will have them.
fn rate(side: SidePolicy, fee_rate: FeeRate, vbytes: u64) -> Rate {
    let chain_cost = fee_rate.fee_vb(vbytes).map_or(0, bitcoin::Amount::to_sat);
    Rate {
        base_sat: side.price.base_sat.saturating_add(chain_cost),
        ppm: side.price.ppm,
        min_sat: side.min_sat,
        max_sat: side.max_sat,
    }
}

fn mined(mut offer: Offer) -> Result<Offer, String> {
    for _ in 0..GOES {
        if offer.mine(TRIES) {
            return Ok(offer);
        }
    }
    Err("the proof of work was not found".into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bitcoin::secp256k1::{Keypair, Message, Secp256k1, SecretKey};
    use cambista_protocol::money::Price;

    use super::*;
    use crate::network::Verdict;

    fn keypair() -> Keypair {
        SecretKey::from_slice(&[3; 32])
            .unwrap()
            .keypair(&Secp256k1::new())
    }

    fn policy(enabled: bool) -> MakerPolicy {
        let out = SidePolicy {
            price: Price {
                base_sat: 100,
                ppm: 500,
            },
            min_sat: 10_000,
            max_sat: 1_000_000,
        };
        MakerPolicy {
            enabled,
            out: Some(out),
            ..MakerPolicy::default()
        }
    }

    fn announced(policy: &MakerPolicy, sequence: u64) -> Vec<u8> {
        let head = Head {
            network: Network::Regtest,
            maker: keypair().public_key(),
            sequence,
            now: SystemClock.now(),
        };
        let contact = Contact {
            peer_id: libp2p::PeerId::random().to_string(),
            addresses: vec!["/ip4/127.0.0.1/tcp/9740".into()],
        };
        let offer = mined(offer(
            head,
            contact,
            policy,
            FeeRate::from_sat_per_vb(2).unwrap(),
        ))
        .unwrap();
        let secp = Secp256k1::new();
        let sign = |digest| {
            *secp
                .sign_schnorr_no_aux_rand(&Message::from_digest(digest), &keypair())
                .as_ref()
        };
        offer.sign(sign).to_bytes()
    }

    fn stranger() -> Market {
        let own = SecretKey::from_slice(&[4; 32])
            .unwrap()
            .public_key(&Secp256k1::new());
        Market::new(Network::Regtest, &own)
    }

    #[test]
    fn another_nodes_book_takes_the_offer_with_the_chain_cost_in_its_price() {
        let market = stranger();
        assert_eq!(market.ingest(&announced(&policy(true), 1)), Verdict::Accept);
        let best = market.best(cambista_protocol::words::Direction::Out, 100_000, 5);
        let fees: Vec<_> = best.iter().map(|ranked| ranked.est_fee_sat).collect();
        assert_eq!(fees, [100 + 2 * 154 + 50]);
        assert!(
            market
                .best(cambista_protocol::words::Direction::In, 100_000, 5)
                .is_empty()
        );
    }

    #[test]
    fn a_maker_that_closes_takes_its_offer_back() {
        let market = stranger();
        market.ingest(&announced(&policy(true), 1));
        assert_eq!(
            market.ingest(&announced(&policy(false), 2)),
            Verdict::Accept
        );
        assert!(
            market
                .best(cambista_protocol::words::Direction::Out, 100_000, 5)
                .is_empty()
        );
    }

    #[test]
    fn a_book_is_handed_on_whole_to_one_who_asks_for_it() {
        let (old, new) = (stranger(), stranger());
        let offer = announced(&policy(true), 1);
        old.ingest(&offer);
        let request = cambista_protocol::message::BookRequest {
            network: Network::Regtest,
            after: None,
        };
        let answer = old
            .page(&cambista_protocol::cbor::to_vec(&request))
            .unwrap();
        let page: cambista_protocol::message::BookReply = cambista_protocol::cbor::from_slice(
            &answer,
            cambista_protocol::message::MAX_BOOK_MESSAGE,
        )
        .unwrap();
        assert_eq!(page.offers, [offer]);
        assert_eq!(new.ingest(&page.offers[0]), Verdict::Accept);
        assert_eq!(old.page(b"not a request"), None);
    }
}
