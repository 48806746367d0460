//! Announcing this node's own offer: when it changes enough, when a side of it pauses or is there again, and before
//! others forget it. Never more often than others listen.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cambista_engine::EngineHandle;
use cambista_engine::ports::Clock as _;
use cambista_ldk::Node;
use cambista_market::SenderLimits;
use cambista_protocol::market::offer::Offer;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::Market;
use super::compose::{Contact, Head, offer};
use super::need::{AGAIN, Need, Terms, Told, need};
use super::strength::{Strength, mined};
use crate::adapters::system::SystemClock;
use crate::network::{NetworkHandle, Published};
use crate::store::Store;

/// Where the number of the last announced offer is remembered.
pub const SEQUENCE_KEY: &str = "offer-sequence";

/// After an announcement that could not be made.
const RETRY: Duration = Duration::from_secs(30);
/// Between two looks at what is offered.
const LOOK: Duration = Duration::from_secs(2);
/// A side that pauses for less than this was only busy.
const PATIENCE: Duration = Duration::from_secs(5);
/// After a start channels come back one by one: before this no offer of the last run is withdrawn.
const SETTLE: Duration = Duration::from_secs(60);
/// What a withdrawal is given to leave this node before its connections close.
const FAREWELL: Duration = Duration::from_millis(300);
/// After a start all is said once more: others may just have heard as much of this maker as they take, where it was stopped and
/// started several times.
const REPEAT: Duration = Duration::from_secs(60);
/// Announcements at once, and per minute in the long run: others take one more at once from a maker.
const ALL: (u32, u32) = (9, 1);
/// Of these for new prices alone, so that a pause can always be announced.
const PRICES: (u32, u32) = (5, 1);

/// Keeps the market informed of one maker's business.
pub struct Announcer {
    market: Arc<Market>,
    network: NetworkHandle,
    node: Arc<Node>,
    store: Arc<Store>,
    engine: EngineHandle,
    changed: Notify,
    by_owner: AtomicBool,
    problem: Mutex<Option<String>>,
}

impl Announcer {
    /// For the business of this engine; nothing is announced before [`Self::run`].
    #[must_use]
    pub fn new(
        market: Arc<Market>,
        network: NetworkHandle,
        node: Arc<Node>,
        store: Arc<Store>,
        engine: EngineHandle,
    ) -> Self {
        Self {
            market,
            network,
            node,
            store,
            engine,
            changed: Notify::new(),
            by_owner: AtomicBool::new(false),
            problem: Mutex::default(),
        }
    }

    /// Why the last offer could not be announced, if it could not.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.note().clone()
    }

    fn note(&self) -> MutexGuard<'_, Option<String>> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The owner changed the business: announced at once, or withdrawn.
    pub fn changed(&self) {
        self.by_owner.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Announces until told to stop.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut told: Option<Told> = None;
        let started = Instant::now();
        let mut repeated = false;
        let mut gone_since: Option<Instant> = None;
        let mut all = SenderLimits::new(ALL.0, ALL.1, 1);
        let mut prices = SenderLimits::new(PRICES.0, PRICES.1, 1);
        let mut strength = Strength::new();
        let mut swaps = self.engine.changes();
        let mut contact = self.network.contact();
        loop {
            let by_owner = self.by_owner.swap(false, Ordering::AcqRel);
            let Ok(business) = self.engine.business().await else {
                return;
            };
            let terms = Terms::of(&business);
            if terms.is_none() {
                *self.note() = None;
            }
            told = told.or_else(|| self.told_before());
            // Where others look for this node may have changed with a restart: what was told before is told again.
            let at = told.as_ref().and_then(|told| told.at);
            let mut elapsed = at.map_or(AGAIN, |at| at.elapsed());
            if !repeated && started.elapsed() >= REPEAT {
                (elapsed, repeated) = (AGAIN, true);
            }
            let mut need = need(told.as_ref(), &terms, by_owner, elapsed);
            if need == Need::Gone {
                let since = *gone_since.get_or_insert_with(Instant::now);
                let starting = at.is_none() && started.elapsed() < SETTLE;
                if starting || since.elapsed() < PATIENCE {
                    need = Need::Nothing;
                }
            } else {
                gone_since = None;
            }
            let second = SystemClock.now();
            let may = match need {
                Need::Nothing => false,
                Need::Prices => prices.take(&(), second) && all.take(&(), second),
                Need::Now | Need::Gone => all.take(&(), second),
            };
            let mut pause = match (terms.is_none(), told.is_some_and(|t| !t.terms.is_none())) {
                // Nothing is offered and nobody believes otherwise: only the owner or a swap changes that.
                (true, false) if !business.wanted => AGAIN,
                _ => LOOK,
            };
            if may {
                match self.announce(&terms).await {
                    Ok(grade) => {
                        *self.note() = None;
                        gone_since = None;
                        strength.announced(grade);
                        told = Some(Told {
                            terms,
                            at: Some(Instant::now()),
                        });
                    }
                    Err(reason) => {
                        tracing::warn!(reason, "the offer could not be announced");
                        *self.note() = Some(reason);
                        pause = RETRY;
                    }
                }
            }
            if let Some(told) = &told {
                self.strengthen(&mut strength, told);
            }
            let (mut strong, mut stopping) = (None, false);
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => stopping = true,
                () = self.changed.notified() => {}
                changed = swaps.changed() => if changed.is_err() { return },
                changed = contact.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    // Others look for this node where it was: that is worth telling as soon as a new price is.
                    told = told.map(|told| Told { at: None, ..told });
                }
                offer = strength.found() => strong = Some(offer),
                () = tokio::time::sleep(pause) => {}
            }
            if stopping {
                if let Some(told) = told.filter(|told| !told.terms.is_none()) {
                    self.withdraw(&told.terms).await;
                }
                return;
            }
            // These are the terms that were told last: with others the search would have ended.
            if let Some(offer) = strong.filter(|_| all.take(&(), SystemClock.now())) {
                match self.put_out(offer).await {
                    Ok(grade) => strength.announced(grade),
                    Err(reason) => tracing::warn!(reason, "the offer could not be announced"),
                }
            }
        }
    }

    /// Searches for an offer of the terms told last with so much work that those hear it who do not know this node.
    fn strengthen(&self, strength: &mut Strength, told: &Told) {
        // One that withdraws is for those that know the offer.
        if told.terms.is_none() {
            return;
        }
        let Some(grade) = strength.wanted(self.market.room()) else {
            return;
        };
        match self.offer(&told.terms) {
            Ok(offer) => {
                tracing::info!(
                    grade,
                    "many unknown makers are announced: more work is done so that this one is heard"
                );
                strength.search(offer, grade);
            }
            Err(reason) => tracing::warn!(reason, "no stronger offer could be made"),
        }
    }

    /// What others may still believe of the run before: its offer, as the book has it.
    fn told_before(&self) -> Option<Told> {
        let offer = self.market.offer_of(&self.node.node_id())?;
        Some(Told {
            terms: Terms {
                out: offer.out,
                into: offer.into,
                refund_delta: offer.refund_delta_min,
            },
            at: None,
        })
    }

    /// Tells others the terms; returns the grade of work of what they were told.
    async fn announce(&self, terms: &Terms) -> Result<u8, String> {
        let offer = self.offer(terms)?;
        let offer = tokio::task::spawn_blocking(move || mined(offer))
            .await
            .map_err(|e| e.to_string())??;
        self.put_out(offer).await
    }

    /// Takes the offer back, as nobody answers here for a while: what others took of this maker they keep one more for that.
    async fn withdraw(&self, told: &Terms) {
        let nothing = Terms {
            out: None,
            into: None,
            ..*told
        };
        match self.announce(&nothing).await {
            Ok(_) => tokio::time::sleep(FAREWELL).await,
            Err(reason) => tracing::warn!(
                reason,
                "the offer could not be withdrawn: others believe it until it expires"
            ),
        }
    }

    async fn put_out(&self, offer: Offer) -> Result<u8, String> {
        let most = [offer.out, offer.into].map(|side| side.map_or(0, |rate| rate.max_sat));
        let signed = offer.sign(|digest| self.node.sign_tagged(digest));
        let grade = offer.check_work(&signed).map_err(|e| e.to_string())?;
        let bytes = signed.to_bytes();
        self.market.own(&bytes)?;
        match self
            .network
            .publish_offer(bytes)
            .await
            .map_err(|e| e.to_string())?
        {
            Published::Sent => {
                tracing::info!(?most, sequence = offer.sequence, "offer announced")
            }
            Published::Waiting => {
                tracing::info!(?most, "offer goes out to the first peer that listens")
            }
        }
        Ok(grade)
    }

    fn offer(&self, terms: &Terms) -> Result<Offer, String> {
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
        let head = Head {
            network: self.market.network(),
            maker: self.node.node_id(),
            sequence,
            now,
        };
        Ok(offer(head, contact, terms))
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use bitcoin::Network;
    use bitcoin::secp256k1::{Keypair, Message, Secp256k1, SecretKey};

    use cambista_protocol::market::offer::{MAX_ADDRESSES, Rate};
    use cambista_protocol::signed::Signed;
    use cambista_protocol::words::Direction;

    use super::*;
    use crate::network::Verdict;

    fn keypair() -> Keypair {
        SecretKey::from_slice(&[3; 32])
            .unwrap()
            .keypair(&Secp256k1::new())
    }

    pub(in crate::offers) fn terms(base_sat: Option<u64>) -> Terms {
        let rate = |base_sat| Rate {
            base_sat,
            ppm: 500,
            min_sat: 10_000,
            max_sat: 1_000_000,
        };
        Terms {
            out: base_sat.map(rate),
            into: None,
            refund_delta: 96,
        }
    }

    /// An offer of some maker, as its bytes.
    pub(in crate::offers) fn some_offer() -> Vec<u8> {
        announced(&terms(Some(100)), 1)
    }

    /// The first offer of a maker of one's own, with work of exactly this grade.
    pub(in crate::offers) fn made_up(maker: u32, grade: u8) -> Vec<u8> {
        let mut secret = [7; 32];
        secret[..4].copy_from_slice(&maker.to_be_bytes());
        let key = SecretKey::from_slice(&secret)
            .unwrap()
            .keypair(&Secp256k1::new());
        let mut offer = plain(&key, &terms(Some(100)), 1);
        loop {
            while !offer.mine_grade(grade, 1 << 20) {}
            let signed = signed(&offer, &key);
            if offer.check_work(&signed) == Ok(grade) {
                return signed.to_bytes();
            }
            offer.nonce += 1;
        }
    }

    fn announced(terms: &Terms, sequence: u64) -> Vec<u8> {
        let offer = mined(plain(&keypair(), terms, sequence)).unwrap();
        signed(&offer, &keypair()).to_bytes()
    }

    fn plain(key: &Keypair, terms: &Terms, sequence: u64) -> Offer {
        let head = Head {
            network: Network::Regtest,
            maker: key.public_key(),
            sequence,
            now: SystemClock.now(),
        };
        let contact = Contact {
            peer_id: libp2p::PeerId::random().to_string(),
            addresses: vec!["/ip4/127.0.0.1/tcp/9740".into()],
        };
        offer(head, contact, terms)
    }

    fn signed(offer: &Offer, key: &Keypair) -> Signed {
        let secp = Secp256k1::new();
        offer.sign(|digest| {
            *secp
                .sign_schnorr_no_aux_rand(&Message::from_digest(digest), key)
                .as_ref()
        })
    }

    pub(in crate::offers) fn stranger() -> Market {
        let own = SecretKey::from_slice(&[4; 32])
            .unwrap()
            .public_key(&Secp256k1::new());
        Market::new(Network::Regtest, &own)
    }

    fn ranked(market: &Market, direction: Direction) -> Vec<cambista_market::Ranked> {
        market.best_among(direction, 100_000, 5, |_| true)
    }

    #[test]
    fn the_longest_addresses_leave_an_offer_that_others_take() {
        let head = || Head {
            network: Network::Regtest,
            maker: keypair().public_key(),
            sequence: u64::MAX - 1,
            now: SystemClock.now(),
        };
        let contact = |length: usize| Contact {
            peer_id: libp2p::PeerId::random().to_string(),
            addresses: (0..9).map(|n| format!("/{n:0length$}")).collect(),
        };
        let both = Terms {
            into: terms(Some(u64::from(u32::MAX))).out,
            ..terms(Some(u64::from(u32::MAX)))
        };
        let long = mined(offer(head(), contact(127), &both)).unwrap();
        assert!((4..8).contains(&long.addresses.len()), "{long:?}");
        assert!(long.addresses[0].starts_with("/000"), "the best is kept");
        let market = stranger();
        let bytes = signed(&long, &keypair()).to_bytes();
        assert_eq!(market.ingest(&bytes), Verdict::Accept);
        let short = offer(head(), contact(40), &both);
        assert_eq!(short.addresses.len(), MAX_ADDRESSES);
    }

    #[test]
    fn an_own_offer_that_breaks_the_rules_is_not_put_out() {
        let market = stranger();
        let soon = Terms {
            refund_delta: 0,
            ..terms(Some(100))
        };
        let reason = market.own(&announced(&soon, 1)).unwrap_err();
        assert!(reason.contains("refund delta"), "{reason}");
        let good = announced(&terms(Some(100)), 1);
        assert_eq!(market.own(&good), Ok(()));
        assert_eq!(market.own(&good), Ok(()), "known already: no reason");
    }

    #[test]
    fn another_nodes_book_takes_the_offer() {
        let market = stranger();
        assert_eq!(
            market.ingest(&announced(&terms(Some(100)), 1)),
            Verdict::Accept
        );
        let best = ranked(&market, Direction::Out);
        let fees: Vec<_> = best.iter().map(|ranked| ranked.est_fee_sat).collect();
        assert_eq!(fees, [100 + 50]);
        assert!(ranked(&market, Direction::In).is_empty());
    }

    #[test]
    fn a_maker_that_closes_takes_its_offer_back() {
        let market = stranger();
        market.ingest(&announced(&terms(Some(100)), 1));
        assert_eq!(market.ingest(&announced(&terms(None), 2)), Verdict::Accept);
        assert!(ranked(&market, Direction::Out).is_empty());
    }

    #[test]
    fn a_book_is_handed_on_whole_to_one_who_asks_for_it() {
        let (old, new) = (stranger(), stranger());
        let offer = announced(&terms(Some(100)), 1);
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
