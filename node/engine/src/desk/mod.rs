//! The maker's desk: quotes on one side, terms on the other.

mod business;
mod caps;
mod inquiry;
mod open;
mod partners;
mod pause;
mod policy;
mod quote;
mod slots;
mod terms;

pub(crate) use business::earned_by;
pub use business::{Business, Earned, MakerReport, Offered, SideReport};
pub(crate) use inquiry::MarketInput;
pub use policy::{MakerPolicy, SidePolicy};

pub(crate) use partners::Partners;
pub(crate) use quote::too_small;
pub(crate) use terms::{funder_terms, payer_terms};

use std::collections::HashMap;

use bitcoin::Amount;
use cambista_market::SenderLimits;
use cambista_protocol::market::quote::Quote;
use cambista_protocol::signed::Signed;
use cambista_protocol::terms::PayerTerms;
use cambista_protocol::words::{Direction, SwapId};

/// Quotes outstanding at most, and swaps that wait for their taker's terms.
const MOST_QUOTES: usize = 512;
/// Of each of them with one peer: nobody fills the desk alone.
const MOST_WITH_ONE: usize = 16;
/// Seconds the taker of an `in` has to bring its terms.
const TERMS_SECS: u64 = 120;
/// Swaps one taker may open at once, and per minute in the long run: one it gives up at once frees everything but the
/// record that is kept of it.
const OPENINGS: (u32, u32) = (20, 6);
/// The same for all takers together that have never done a swap with this maker: a new peer id costs nothing.
const STRANGERS: (u32, u32) = (60, 30);
/// Takers whose pace is remembered.
const TAKERS: usize = 1_024;

/// What the desk remembers between messages. Quotes reserve liquidity until they expire.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) policy: MakerPolicy,
    quotes: HashMap<[u8; 32], Quoted>,
    /// Quotes given so far.
    given: u64,
    half_open: HashMap<SwapId, HalfOpen>,
    openings: SenderLimits<String>,
    strangers: SenderLimits<()>,
}

/// A quote that is out, and who has it.
#[derive(Clone, Debug)]
struct Quoted {
    quote: Quote,
    from: String,
    /// Smaller was given earlier.
    turn: u64,
}

/// An `in` whose taker has our terms but has not brought its own.
#[derive(Clone, Debug)]
struct HalfOpen {
    from: String,
    quote: Quote,
    signed: Signed,
    key_id: SwapId,
    terms: PayerTerms,
    until: u64,
}

impl Desk {
    pub(crate) fn new(policy: MakerPolicy) -> Self {
        Self {
            policy,
            quotes: HashMap::new(),
            given: 0,
            half_open: HashMap::new(),
            openings: SenderLimits::new(OPENINGS.0, OPENINGS.1, TAKERS),
            strangers: SenderLimits::new(STRANGERS.0, STRANGERS.1, 1),
        }
    }

    /// Whether a peer may have one more quote. At its own limit the new one takes the place of its oldest.
    fn may_quote(&self, from: &str) -> bool {
        self.quotes.len() < MOST_QUOTES || self.oldest_past_limit(from).is_some()
    }

    /// Keeps a quote that was given.
    fn give(&mut self, id: [u8; 32], quote: Quote, from: &str) {
        if let Some(oldest) = self.oldest_past_limit(from) {
            self.quotes.remove(&oldest);
        }
        self.given = self.given.saturating_add(1);
        let quoted = Quoted {
            quote,
            from: from.to_owned(),
            turn: self.given,
        };
        self.quotes.insert(id, quoted);
    }

    /// The oldest quote of a peer that has as many as it may.
    fn oldest_past_limit(&self, from: &str) -> Option<[u8; 32]> {
        let own = || self.quotes.iter().filter(|(_, q)| q.from == from);
        let oldest = own().min_by_key(|(_, quoted)| quoted.turn)?;
        (own().count() >= MOST_WITH_ONE).then_some(*oldest.0)
    }

    /// Whether one more swap of this peer may wait for its terms.
    fn may_half_open(&self, from: &str) -> bool {
        let own = self.half_open.values().filter(|half| half.from == from);
        own.count() < MOST_WITH_ONE && self.half_open.len() < MOST_QUOTES
    }

    /// Whether a taker may open one more swap now, going by the pace alone.
    fn may_open(&mut self, from: &str, proven: bool, now: u64) -> bool {
        self.openings.take(&from.to_owned(), now) && (proven || self.strangers.take(&(), now))
    }

    /// A taker that was told our terms wants nothing after all: nothing is locked, and what was set aside is free again.
    pub(crate) fn withdrawn(&mut self, id: &SwapId) -> bool {
        self.half_open.remove(id).is_some()
    }

    pub(crate) fn expire(&mut self, now: u64) {
        self.quotes
            .retain(|_, quoted| quoted.quote.valid_until >= now);
        self.half_open.retain(|_, half| half.until >= now);
    }

    /// What is promised to takers that have not opened yet, and count. The quotes of one of them (`except`) are left out: who
    /// asks for many prices wants one swap. Of each other taker the largest counts, and opening a second is checked anew.
    fn promised(
        &self,
        direction: Direction,
        except: Option<&str>,
        counts: impl Fn(&str) -> bool,
    ) -> Amount {
        let mut largest: HashMap<&str, Amount> = HashMap::new();
        for quoted in self
            .quotes
            .values()
            .filter(|q| q.quote.direction == direction)
        {
            if Some(quoted.from.as_str()) != except && counts(&quoted.from) {
                let most = largest.entry(&quoted.from).or_default();
                *most = quoted.quote.amount().max(*most);
            }
        }
        let half = self
            .half_open
            .values()
            .filter(|half| half.quote.direction == direction && counts(&half.from));
        largest
            .into_values()
            .chain(half.map(|half| half.quote.amount()))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn quote(amount_sat: u64, valid_until: u64) -> Quote {
        Quote {
            network: bitcoin::Network::Regtest,
            maker: "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
                .parse()
                .unwrap(),
            direction: Direction::Out,
            amount_sat,
            maker_fee_sat: 1,
            prepay_sat: 0,
            refund_delta: 144,
            confirmations: 0,
            valid_until,
            nonce: [0; 16],
            external: false,
        }
    }

    fn promise(desk: &mut Desk, n: u8, from: &str, amount_sat: u64, valid_until: u64) {
        desk.give([n; 32], quote(amount_sat, valid_until), from);
    }

    #[test]
    fn one_peer_that_asks_for_many_quotes_loses_its_own_and_nobody_elses() {
        let mut desk = Desk::new(MakerPolicy::default());
        promise(&mut desk, 200, "b", 50, 20);
        for n in 0..100 {
            promise(&mut desk, n, "a", 300, 20);
        }
        let of = |desk: &Desk, from| desk.quotes.values().filter(|q| q.from == from).count();
        assert_eq!(of(&desk, "a"), MOST_WITH_ONE);
        assert!(desk.quotes.contains_key(&[99; 32]), "the newest");
        assert!(!desk.quotes.contains_key(&[83; 32]), "the oldest is gone");
        assert_eq!(of(&desk, "b"), 1);
        assert!(desk.may_quote("c"));
    }

    #[test]
    fn a_full_desk_has_quotes_only_for_those_that_give_one_back() {
        let mut desk = Desk::new(MakerPolicy::default());
        for n in 0..MOST_QUOTES {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&n.to_le_bytes());
            desk.give(id, quote(300, 20), &format!("{}", n / MOST_WITH_ONE));
        }
        assert_eq!(desk.quotes.len(), MOST_QUOTES);
        assert!(!desk.may_quote("new"));
        assert!(desk.may_quote("0"));
        promise(&mut desk, 255, "0", 300, 20);
        assert_eq!(desk.quotes.len(), MOST_QUOTES);
    }

    #[test]
    fn strangers_share_one_pace_however_many_peer_ids_they_have() {
        let mut desk = Desk::new(MakerPolicy::default());
        let mut opened = |from: &str, proven, now| {
            (0..1_000)
                .filter(|n| desk.may_open(&format!("{from}{n}"), proven, now))
                .count()
        };
        assert_eq!(opened("a", false, 100), 60);
        assert_eq!(opened("b", false, 160), 30);
        assert_eq!(opened("c", true, 160), 1_000, "not of the proven");
    }

    #[test]
    fn one_taker_keeps_its_own_pace_proven_or_not() {
        for proven in [true, false] {
            let mut desk = Desk::new(MakerPolicy::default());
            let opened = (0..100).filter(|_| desk.may_open("a", proven, 100));
            assert_eq!(opened.count(), 20);
        }
    }

    fn half_open(desk: &mut Desk, n: u8, from: &str) {
        let key = bitcoin::secp256k1::SecretKey::from_slice(&[1; 32]).unwrap();
        let key = key.public_key(&bitcoin::secp256k1::Secp256k1::new());
        let half = HalfOpen {
            from: from.into(),
            quote: quote(300, 20),
            signed: Signed::new(cambista_protocol::signed::Tag::Quote, Vec::new(), |_| {
                [0; 64]
            }),
            key_id: SwapId([n; 32]),
            terms: PayerTerms {
                payment_hash: [n; 32],
                claim_key: key,
                internal_key: key,
                confirmations: 1,
            },
            until: 20,
        };
        desk.half_open.insert(SwapId([n; 32]), half);
    }

    #[test]
    fn one_peer_has_a_limit_of_its_own_for_swaps_that_wait_for_its_terms() {
        let mut desk = Desk::new(MakerPolicy::default());
        let mut let_in = 0;
        for n in 0..100 {
            if desk.may_half_open("a") {
                half_open(&mut desk, n, "a");
                let_in += 1;
            }
        }
        assert_eq!(let_in, MOST_WITH_ONE);
        assert!(desk.may_half_open("b"));
    }

    #[test]
    fn a_quote_reserves_what_it_is_for_until_it_expires() {
        let mut desk = Desk::new(MakerPolicy::default());
        promise(&mut desk, 1, "a", 300, 10);
        promise(&mut desk, 2, "a", 200, 20);
        promise(&mut desk, 3, "b", 50, 20);
        let all = |desk: &Desk| desk.promised(Direction::Out, None, |_| true).to_sat();
        assert_eq!(all(&desk), 350, "of each taker the largest");
        let beside = |from| desk.promised(Direction::Out, Some(from), |_| true);
        assert_eq!(beside("a").to_sat(), 50);
        assert_eq!(desk.promised(Direction::In, None, |_| true).to_sat(), 0);
        let known = desk.promised(Direction::Out, None, |taker| taker == "b");
        assert_eq!(known.to_sat(), 50, "nothing for strangers");
        desk.expire(10);
        assert_eq!(all(&desk), 350, "good until the end of its last second");
        desk.expire(11);
        assert_eq!(all(&desk), 250);
        desk.expire(21);
        assert_eq!(all(&desk), 0);
    }
}
