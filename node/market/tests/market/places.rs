//! Who is asked.

use std::collections::HashSet;

use cambista_market::{Book, Experience, Lesson, Makers, Opinion, Ranked, Sieve};
use cambista_protocol::market::offer::Offer;
use cambista_protocol::words::Direction;

use crate::common::{NOW, book_of, node, offer, rate};

const AMOUNT: u64 = 100_000;
const PLACES: usize = 8;

/// What experience says of makers at one moment, as a node goes by it.
#[derive(Default)]
struct Thinks {
    known: Makers,
    quiet: Makers,
    tried: Makers,
    left_out: Makers,
}

impl Thinks {
    fn by(experience: &Experience, now: u64) -> Self {
        Self {
            known: experience.those(|record| record.totals.done > 0),
            quiet: experience.those(|record| record.quiet_until(now).is_some()),
            tried: experience.those(|record| record.totals.tried() > 0),
            left_out: experience.those(|record| record.resting_until(now).is_some()),
        }
    }
}

impl Opinion for Thinks {
    fn left_out(&self) -> &Makers {
        &self.left_out
    }

    fn quiet(&self) -> &Makers {
        &self.quiet
    }

    fn tried(&self) -> &Makers {
        &self.tried
    }

    fn known(&self, maker: &[u8; 33]) -> bool {
        self.known.contains(maker)
    }

    fn known_sieve(&self) -> &Sieve {
        self.known.sieve()
    }
}

fn priced(base_sat: u64) -> Offer {
    Offer {
        out: Some(rate(base_sat, 0)),
        ..offer(0)
    }
}

/// Makers 0, 1, 2, ... that ask so much each.
fn market(prices: impl IntoIterator<Item = u64>) -> Book {
    book_of(prices.into_iter().map(priced))
}

fn asked(book: &Book, experience: &Experience, now: u64, draw: u64) -> Vec<Ranked> {
    let thinks = Thinks::by(experience, now);
    let pool = book.pool(Direction::Out, AMOUNT, now, &thinks, draw);
    pool.places(PLACES, |ranked| {
        let maker = &ranked.offer.maker;
        let dearer = u64::from(experience.dearer_ppm(maker, now)) * AMOUNT / 1_000_000;
        experience.failure_cost(maker, AMOUNT, now) + dearer
    })
}

fn is_in(asked: &[Ranked], maker: u32) -> bool {
    asked.iter().any(|ranked| ranked.offer.maker == node(maker))
}

/// Sixteen makers ask ten times what they offer. The dearer one that keeps to its offer is asked by the third time, and
/// first of all from then on.
#[test]
fn makers_that_quote_above_their_offers_come_after_those_that_keep_to_them() {
    let honest = 16;
    let book = market((0..16).map(|n| 10 + n).chain([300]));
    let mut experience = Experience::new();
    for search in 0..3 {
        for ranked in asked(&book, &experience, NOW, search) {
            let maker = ranked.offer.maker;
            let dearer_ppm = if maker == node(honest) { 0 } else { 30_000 };
            experience.learn(&maker, Lesson::Quoted { after_ms: 1 }, NOW);
            experience.learn(&maker, Lesson::Priced { dearer_ppm }, NOW);
        }
    }
    let now = asked(&book, &experience, NOW, 9);
    assert_eq!(now[0].offer.maker, node(honest));
    // Months later everybody may try again.
    let later = experience.dearer_ppm(&node(0), NOW + 200 * 86_400);
    assert!(later < 10, "{later}");
}

#[test]
fn one_that_keeps_to_its_offers_again_is_soon_where_it_was() {
    let mut experience = Experience::new();
    let price = |experience: &mut Experience, dearer_ppm| {
        experience.learn(&node(1), Lesson::Priced { dearer_ppm }, NOW);
        experience.dearer_ppm(&node(1), NOW)
    };
    assert_eq!(price(&mut experience, 8_000), 8_000);
    assert_eq!(price(&mut experience, 2_000), 4_000, "not hidden at once");
    for _ in 0..12 {
        price(&mut experience, 0);
    }
    assert_eq!(price(&mut experience, 0), 0);
    assert_eq!(price(&mut experience, u32::MAX), 1_000_000);
}

/// An answer costs nothing: a maker that only quotes takes none of the places of those that have shown themselves.
#[test]
fn half_of_the_places_are_for_makers_that_have_done_a_swap() {
    let book = market((0..40).chain([900, 901, 902, 903, 904]));
    let mut experience = Experience::new();
    for n in 0..40 {
        experience.learn(&node(n), Lesson::Quoted { after_ms: 1 }, NOW);
    }
    let done = Lesson::Done {
        secs: 9,
        amount_sat: AMOUNT,
        cost_sat: 900,
    };
    for n in 40..45 {
        experience.learn(&node(n), done, NOW);
    }
    let asked = asked(&book, &experience, NOW, 5);
    assert_eq!((40..45).filter(|n| is_in(&asked, *n)).count(), PLACES / 2);
    assert_eq!(asked.len(), PLACES);
}

/// Offers below any price that lead to nobody. What nobody answers to comes last for a while, so a crowd is used up.
#[test]
fn dead_offers_cheaper_than_any_do_not_keep_their_places() {
    let honest = 30;
    let book = market((0..30).map(|n| 1 + n).chain([500]));
    let mut experience = Experience::new();
    let mut now = NOW;
    let found = (0..8_u64).find(|search| {
        let asked = asked(&book, &experience, now, *search);
        for ranked in &asked {
            let maker = ranked.offer.maker;
            let lesson = if maker == node(honest) {
                Lesson::Quoted { after_ms: 1 }
            } else {
                Lesson::Silent
            };
            experience.learn(&maker, lesson, now);
        }
        now += 60;
        is_in(&asked, honest)
    });
    assert!(found.is_some_and(|search| search <= 4), "{found:?}");
    // They take the places nobody else wants, and no more.
    let asked = asked(&book, &experience, now, 9);
    assert_eq!(asked.len(), PLACES);
    assert!(is_in(&asked, honest));
}

#[test]
fn who_gives_no_price_comes_last_for_longer_each_time_until_it_gives_one() {
    let mut experience = Experience::new();
    let until = |experience: &Experience, now| {
        let record = experience.of(&node(1)).unwrap();
        record.quiet_until(now).map(|until| until - now)
    };
    experience.learn(&node(1), Lesson::Silent, NOW);
    experience.learn(&node(1), Lesson::Refused, NOW);
    assert_eq!(
        until(&experience, NOW),
        Some(600),
        "one search, one silence"
    );
    assert_eq!(until(&experience, NOW + 600), None);
    experience.learn(&node(1), Lesson::Refused, NOW + 600);
    assert_eq!(until(&experience, NOW + 600), Some(1_200));
    let mut now = NOW;
    for _ in 0..30 {
        now += 86_400;
        experience.learn(&node(1), Lesson::Silent, now);
    }
    assert_eq!(until(&experience, now), Some(86_400));
    experience.learn(&node(1), Lesson::Quoted { after_ms: 1 }, now);
    assert_eq!(until(&experience, now), None);
}

/// However many are cheaper: each of those never tried has its turn.
#[test]
fn one_place_is_for_a_maker_that_was_never_tried_whatever_it_asks() {
    let book = market(0..60);
    let mut experience = Experience::new();
    let done = Lesson::Done {
        secs: 9,
        amount_sat: AMOUNT,
        cost_sat: 900,
    };
    for n in 0..20 {
        experience.learn(&node(n), done, NOW);
    }
    let drawn: HashSet<u32> = (0..400)
        .map(|draw| {
            let asked = asked(&book, &experience, NOW, draw * 0x1234_5678_9abc);
            let new = (20..60).find(|n| is_in(&asked, *n));
            new.expect("a new one")
        })
        .collect();
    assert!(drawn.len() > 30, "{}", drawn.len());
    experience = Experience::new();
    let few = market([5, 6]);
    assert_eq!(asked(&few, &experience, NOW, 1).len(), 2);
}

/// What is found out late, and only of a few, decides among them like the rest.
#[test]
fn a_short_list_keeps_those_expected_to_cost_least() {
    let book = market((0..40).map(|n| 10 + n));
    let thinks = Thinks::default();
    let pool = || book.pool(Direction::Out, AMOUNT, NOW, &thinks, 3);
    // Those of even keys are told apart by something dearer than all differences of their fees.
    let even = |ranked: &Ranked| u64::from(ranked.est_fee_sat % 2 == 0) * 100;
    let asked = pool().shortened(12, even).places(3, even);
    let fees: Vec<i64> = asked.iter().map(|ranked| ranked.est_fee_sat).collect();
    assert_eq!(fees, [11, 13, 15]);
}

/// What failing is expected to cost decides with the fee, not only among the few that the fee alone lets through.
#[test]
fn the_places_go_by_fee_and_failures_together() {
    let book = market((0..40).map(|n| 10 + n));
    let mut experience = Experience::new();
    for n in 0..20 {
        for _ in 0..3 {
            let lost = Lesson::Failed {
                secs: 9,
                cost_sat: 900,
            };
            experience.learn(&node(n), lost, NOW);
        }
    }
    // Their rests are over, what they cost is not forgotten.
    let asked = asked(&book, &experience, NOW + 3_000, 3);
    assert!((0..20).all(|n| !is_in(&asked, n)));
    assert_eq!(asked.len(), PLACES);
}

/// It refused once, for an amount it could not do or in the other direction: that is no reason to ask a crowd instead.
#[test]
fn a_known_maker_that_gave_no_price_is_asked_before_a_crowd() {
    let known = 60;
    let book = market((0..60).chain([900]));
    let mut experience = Experience::new();
    let done = Lesson::Done {
        secs: 9,
        amount_sat: AMOUNT,
        cost_sat: 900,
    };
    experience.learn(&node(known), done, NOW);
    experience.learn(&node(known), Lesson::Refused, NOW);
    assert!(is_in(&asked(&book, &experience, NOW, 5), known));
}
