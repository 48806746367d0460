//! Which offers come first.

use cambista_market::Book;
use cambista_protocol::market::offer::{Offer, Rate};
use cambista_protocol::words::Direction;
use proptest::prelude::*;

use crate::common::{HOUR, NOW, announced, book_of, node, offer, rate};

fn out(rate: Rate) -> Offer {
    Offer {
        out: Some(rate),
        ..offer(0)
    }
}

fn fees(book: &Book, direction: Direction, amount: u64) -> Vec<i64> {
    let ranked = book.rank(direction, amount, NOW, 100);
    ranked.iter().map(|r| r.est_fee_sat).collect()
}

#[test]
fn which_offer_is_cheapest_depends_on_the_amount() {
    let book = book_of([out(rate(1000, 0)), out(rate(0, 5000)), out(rate(0, -1000))]);
    assert_eq!(fees(&book, Direction::Out, 100_000), [-100, 500, 1000]);
    assert_eq!(fees(&book, Direction::Out, 1_000_000), [-1000, 1000, 5000]);
}

#[test]
fn only_offers_of_the_direction_within_their_limits_that_stand_are_ranked() {
    let mut book = book_of([
        out(rate(1, 0)),
        Offer {
            out: None,
            into: Some(rate(2, 0)),
            ..offer(0)
        },
        out(Rate {
            min_sat: 100_001,
            ..rate(3, 0)
        }),
        out(Rate {
            max_sat: 99_999,
            ..rate(4, 0)
        }),
        Offer {
            expires: NOW + 1,
            ..out(rate(5, 0))
        },
        Offer {
            out: None,
            ..offer(0)
        },
    ]);
    assert_eq!(fees(&book, Direction::Out, 100_000), [1, 5]);
    assert_eq!(fees(&book, Direction::In, 100_000), [2]);
    let later = book.rank(Direction::Out, 100_000, NOW + 1, 100);
    assert_eq!(later.len(), 1);
    book.set_own(&node(0));
    assert_eq!(fees(&book, Direction::Out, 100_000), [5], "not our own");
}

#[test]
fn an_offer_withdrawn_is_ranked_no_more() {
    let mut book = book_of([out(rate(1, 0))]);
    let gone = Offer {
        sequence: 2,
        out: None,
        ..offer(0)
    };
    assert_eq!(
        book.ingest(&announced(0, gone), NOW),
        cambista_market::Verdict::Accept
    );
    assert!(fees(&book, Direction::Out, 100_000).is_empty());
    assert!(book.get(&node(0), NOW + HOUR - 1).is_some());
}

#[test]
fn a_fee_as_large_as_the_amount_is_no_offer() {
    let book = book_of([out(rate(10_000, 0)), out(rate(0, -1_000_000))]);
    assert!(fees(&book, Direction::Out, 10_000).is_empty());
    assert_eq!(fees(&book, Direction::Out, 10_001), [10_000]);
}

/// The cheapest that are wanted come up however many cheaper ones are not.
#[test]
fn those_that_are_not_wanted_take_nobodys_place() {
    let book = book_of((0..50).map(|n| out(rate(n, 0))));
    let all = book.rank(Direction::Out, 100_000, NOW, 50);
    let wanted: Vec<[u8; 33]> = [17, 30, 44]
        .map(|at: usize| all[at].offer.maker.serialize())
        .into();
    for k in 0..5 {
        let found = book.rank_among(Direction::Out, 100_000, NOW, k, |m| wanted.contains(m));
        let fees: Vec<i64> = found.iter().map(|r| r.est_fee_sat).collect();
        assert_eq!(fees, [17, 30, 44][..k.min(3)]);
    }
}

#[test]
fn equal_prices_are_not_ordered_by_the_makers_keys() {
    let order = |salt| {
        let mut book = Book::new(bitcoin::Network::Regtest, salt);
        for n in 0..5 {
            book.ingest(&announced(n, offer(n)), NOW);
        }
        let ranked = book.rank(Direction::Out, 100_000, NOW, 5);
        ranked.iter().map(|r| r.offer.maker).collect::<Vec<_>>()
    };
    assert_eq!(order(1), order(1), "steady for one book");
    assert!((2..20).any(|salt| order(salt) != order(1)));
}

fn any_rate() -> impl Strategy<Value = Option<Rate>> {
    let rate = (0u64..5000, -5000i32..5000, 1u64..100_000, 0u64..200_000);
    proptest::option::of(rate.prop_map(|(base_sat, ppm, min_sat, span)| Rate {
        base_sat,
        ppm,
        min_sat,
        max_sat: min_sat + span,
    }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_ranking_is_the_cheapest_k_of_those_whose_limits_allow_the_amount(
        rates in prop::collection::vec((any_rate(), any_rate()), 0..12),
        amount in 1u64..250_000, into in any::<bool>(), k in 0usize..14,
    ) {
        let direction = if into { Direction::In } else { Direction::Out };
        let book = book_of(rates.iter().map(|(out, into)| Offer { out: *out, into: *into, ..offer(0) }));
        let ranked = book.rank(direction, amount, NOW, k);

        let mut expected: Vec<i64> = rates
            .iter()
            .filter_map(|(out, inward)| if into { *inward } else { *out })
            .filter(|rate| rate.min_sat <= amount && amount <= rate.max_sat)
            .filter_map(|rate| rate.fee(amount))
            .filter(|fee| fee.unsigned_abs() < amount)
            .collect();
        expected.sort_unstable();
        expected.truncate(k);
        let got: Vec<i64> = ranked.iter().map(|r| r.est_fee_sat).collect();
        prop_assert_eq!(got, expected);
        for r in &ranked {
            prop_assert_eq!(r.offer.rate(direction).and_then(|rate| rate.fee(amount)), Some(r.est_fee_sat));
        }
        let makers: std::collections::BTreeSet<_> = ranked.iter().map(|r| r.offer.maker.serialize()).collect();
        prop_assert_eq!(makers.len(), ranked.len(), "nobody twice");
    }
}
