//! Guesses, answers, and what is chosen.
#![allow(clippy::unwrap_used)]
use std::sync::Mutex;

use bitcoin::FeeRate;
use bitcoin::secp256k1::{Secp256k1, SecretKey};
use cambista_protocol::money::Price;

use super::super::tests::{quote, wish};
use super::*;
use crate::ports::{PeerAddress, PortError};

/// A market of makers whose failures cost so much each, and the fee rate (sat/vB).
struct Few(Vec<MakerOffer>, u64, u64);

impl Makers for Few {
    fn candidates(&self, _: &Wanted<'_>) -> Result<Vec<MakerOffer>, PortError> {
        Ok(self.0.clone())
    }

    fn failure_cost(&self, _: &PublicKey, _: u64, _: bool) -> u64 {
        self.1
    }

    fn chain_cost(&self, direction: Direction) -> u64 {
        let rate = FeeRate::from_sat_per_vb(self.2).unwrap();
        crate::cost::taker_chain_cost(direction, |_| rate).to_sat()
    }
}

fn maker(seed: u8) -> PublicKey {
    SecretKey::from_slice(&[seed; 32])
        .unwrap()
        .public_key(&Secp256k1::new())
}

fn offer(seed: u8, ppm: i32, max_sat: u64) -> MakerOffer {
    MakerOffer {
        contact: MakerContact {
            node_id: maker(seed),
            peer: PeerAddress {
                peer_id: seed.to_string(),
                addresses: Vec::new(),
            },
        },
        price: Price { base_sat: 100, ppm },
        min_sat: 20_000,
        max_sat,
    }
}

fn covering(wish: &OrderWish) -> Covering<'_> {
    Covering {
        wish,
        amount_sat: wish.amount_sat,
        max_parts: wish.parts(),
        except: &[],
        max_locked: None,
        max_loss: None,
    }
}

fn firm(seed: u8, amount_sat: u64, total_sat: i64) -> QuoteView {
    QuoteView {
        total_sat,
        ..quote(&maker(seed).to_string(), amount_sat)
    }
}

fn answer(quotes: Vec<QuoteView>, refused: &[(u8, bool)]) -> Quotes {
    Quotes {
        quotes,
        refused: refused
            .iter()
            .map(|(seed, answered)| NoQuote {
                maker: maker(*seed).to_string(),
                reason: "no".into(),
                answered: *answered,
            })
            .collect(),
    }
}

fn asked(table: &Table<'_>, wanted: &[(usize, u64)]) -> Vec<(String, u64)> {
    let name = |place: usize| table.makers[place].offer.contact.peer.peer_id.clone();
    let mut named: Vec<(String, u64)> = wanted.iter().map(|(m, sat)| (name(*m), *sat)).collect();
    named.sort();
    named
}

#[test]
fn what_is_too_much_for_each_is_asked_of_several_and_covered() {
    let wish = wish(Direction::Out, 1_000_000);
    let market = Few(
        vec![
            offer(1, 1_000, 400_000),
            offer(2, 2_000, 400_000),
            offer(3, 3_000, 400_000),
            offer(4, 9_000, 400_000),
        ],
        50,
        3,
    );
    let mut table = Table::new(covering(&wish), &market, market.0.clone(), false);
    assert!(table.whole().is_empty());
    let guess = table.guess();
    let wanted = [("1", 400_000), ("2", 400_000), ("3", 200_000)];
    assert_eq!(
        asked(&table, &guess),
        wanted.map(|(name, sat)| (name.to_owned(), sat))
    );
    // The second has less than it offers, the third does not answer.
    table.take(400_000, answer(vec![firm(1, 400_000, 900)], &[(2, true)]));
    table.take(200_000, answer(Vec::new(), &[(3, false)]));
    let guess = table.guess();
    let wanted = [("1", 400_000), ("2", 200_000), ("4", 400_000)];
    assert_eq!(
        asked(&table, &guess),
        wanted.map(|(name, sat)| (name.to_owned(), sat))
    );
    table.take(200_000, answer(vec![firm(2, 200_000, 700)], &[]));
    table.take(400_000, answer(vec![firm(4, 400_000, 5_000)], &[]));
    let answers = table.choose();
    assert!(answers.whole.is_empty());
    let sum: u64 = answers.best.iter().map(|q| q.amount_sat).sum();
    assert_eq!((answers.best.len(), sum), (3, 1_000_000));
    // The second gave a price in the end, but none for all of it.
    assert!(answers.best.iter().all(|q| q.failure_cost_sat == 50));
}

#[test]
fn firm_quotes_correct_a_guess_that_took_the_fixed_costs_for_too_low() {
    let wish = wish(Direction::Out, 800_000);
    let market = Few(
        vec![offer(1, 5_000, 4_000_000), offer(2, 1_000, 400_000)],
        0,
        3,
    );
    let mut table = Table::new(covering(&wish), &market, market.0.clone(), false);
    assert_eq!(table.whole(), [(0, 800_000)]);
    let guess = table.guess();
    assert_eq!(guess.len(), 2, "{guess:?}");
    // The first is as cheap as it said, the second charges a fortune for its coins.
    table.take(800_000, answer(vec![firm(1, 800_000, 4_900)], &[]));
    table.take(
        400_000,
        answer(vec![firm(1, 400_000, 2_900), firm(2, 400_000, 30_000)], &[]),
    );
    assert_eq!(table.guess().len(), 1);
    let answers = table.choose();
    assert_eq!(answers.best, answers.whole);
    assert_eq!(answers.best[0].total_sat, 4_900);
}

#[test]
fn quotes_beyond_what_was_agreed_to_are_left_out() {
    let wish = wish(Direction::Out, 300_000);
    let market = Few(vec![offer(1, 0, 900_000), offer(2, 0, 900_000)], 0, 3);
    let limits = Covering {
        max_locked: Some(228),
        max_loss: Some(500),
        ..covering(&wish)
    };
    let mut table = Table::new(limits, &market, market.0.clone(), false);
    let long = QuoteView {
        locked_blocks: 229,
        ..firm(1, 300_000, 5)
    };
    let risky = QuoteView {
        prepay_sat: 501,
        ..firm(2, 300_000, 5)
    };
    table.take(300_000, answer(vec![long, risky], &[]));
    let answers = table.choose();
    assert!(answers.best.is_empty() && answers.whole.is_empty());
    assert_eq!(answers.refused.len(), 2);
}

#[test]
fn one_that_is_cheap_but_fails_or_keeps_prepays_counts_as_dear() {
    let cheap = QuoteView {
        failure_cost_sat: 400,
        prepay_sat: 10_000,
        ..firm(1, 300_000, 1_000)
    };
    assert_eq!(all_in(&cheap), 1_500);
    assert_eq!(all_in(&firm(2, 300_000, -20)), -20);
}

/// Two halves of cheap makers against one dear whole. Each maker's offer has its own funding in it (154 vB); the taker claims
/// once more for the second half (111 vB).
#[test]
fn a_first_guess_counts_the_chain_costs_of_each_side_once() {
    let wish = wish(Direction::Out, 1_000_000);
    let at_50 = |ppm, max_sat, seed| {
        let mut offer = offer(seed, ppm, max_sat);
        offer.price.base_sat = 154 * 50;
        offer
    };
    // 27 700 sat and a claim against twice 7 700 sat and two claims of 5 550 sat.
    let market = Few(
        vec![
            at_50(20_000, 2_000_000, 1),
            at_50(0, 500_000, 2),
            at_50(0, 500_000, 3),
        ],
        0,
        50,
    );
    let table = Table::new(covering(&wish), &market, market.0.clone(), false);
    let wanted = [("2", 500_000), ("3", 500_000)];
    assert_eq!(
        asked(&table, &table.guess()),
        wanted.map(|(name, sat)| (name.to_owned(), sat))
    );
}

/// A market that remembers who asked for more than it offers.
struct Remembers(Few, Mutex<HashMap<PublicKey, u32>>);

impl Makers for Remembers {
    fn candidates(&self, wanted: &Wanted<'_>) -> Result<Vec<MakerOffer>, PortError> {
        self.0.candidates(wanted)
    }

    fn failure_cost(&self, maker: &PublicKey, amount_sat: u64, turn: bool) -> u64 {
        self.0.failure_cost(maker, amount_sat, turn)
    }

    fn chain_cost(&self, direction: Direction) -> u64 {
        self.0.chain_cost(direction)
    }

    fn dearer_ppm(&self, maker: &PublicKey) -> u32 {
        let all = self.1.lock().unwrap();
        all.get(maker).copied().unwrap_or(0)
    }

    fn priced(&self, maker: &PublicKey, dearer_ppm: u32) {
        self.1.lock().unwrap().insert(*maker, dearer_ppm);
    }
}

/// Sixteen makers offer next to nothing and ask a fortune. The one that keeps to its offer is asked and taken all the same,
/// and asked at once the next time.
#[test]
fn makers_that_do_not_keep_to_their_offers_do_not_hide_the_one_that_does() {
    const HONEST: u8 = 99;
    let wish = wish(Direction::Out, 300_000);
    let offers = (1..=16).map(|seed| offer(seed, 10, 4_000_000));
    let offers: Vec<MakerOffer> = offers.chain([offer(HONEST, 3_000, 4_000_000)]).collect();
    let market = Remembers(Few(offers.clone(), 50, 3), Mutex::default());
    let mut table = Table::new(covering(&wish), &market, offers.clone(), false);
    let mut next = table.first();
    assert!(
        asked(&table, &next).iter().all(|(name, _)| name != "99"),
        "the cheapest are asked first"
    );
    for _ in 0..GUESSES {
        for (place, amount) in std::mem::take(&mut next) {
            let seed: u8 = table.makers[place]
                .offer
                .contact
                .peer
                .peer_id
                .parse()
                .unwrap();
            let fee = if seed == HONEST { 1_000 } else { 20_000 };
            let quote = QuoteView {
                maker_fee_sat: fee,
                ..firm(seed, amount, fee + 900)
            };
            table.take(amount, answer(vec![quote], &[]));
        }
        next = table.further();
    }
    let best = table.choose().best;
    assert_eq!(best.len(), 1);
    assert_eq!(best[0].maker, maker(HONEST).to_string());
    assert!(market.dearer_ppm(&maker(1)) > 50_000);
    assert_eq!(market.dearer_ppm(&maker(HONEST)), 0);
    let mut again = Table::new(covering(&wish), &market, offers, false);
    assert!(again.first().contains(&(16, 300_000)));
}

/// The fee rate rose since the offer was announced: the maker's funding costs more, which is not its doing.
#[test]
fn a_quote_is_not_above_its_offer_for_what_the_chain_costs_now() {
    let wish = wish(Direction::Out, 300_000);
    let offers = vec![offer(1, 1_000, 4_000_000)];
    let market = Remembers(Few(offers.clone(), 0, 50), Mutex::default());
    let mut table = Table::new(covering(&wish), &market, offers, false);
    let quote = QuoteView {
        maker_fee_sat: 100 + 300 + 154 * 50 * 3 / 2,
        ..firm(1, 300_000, 20_000)
    };
    table.take(300_000, answer(vec![quote], &[]));
    assert_eq!(market.dearer_ppm(&maker(1)), 0);
    assert!(table.kept);
}
