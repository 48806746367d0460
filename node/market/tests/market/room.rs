//! The book's bounds.

use bitcoin::Network;
use cambista_market::{Book, Ignored, Verdict};
use cambista_protocol::market::offer::{MAX_LIFETIME, Offer};

use crate::common::{HOUR, NOW, announced, node, offer};

fn made(n: u32, issued: u64) -> Vec<u8> {
    announced(
        n,
        Offer {
            issued,
            expires: issued + HOUR,
            ..offer(n)
        },
    )
}

fn full() -> Book {
    let mut book = Book::with_capacity(Network::Regtest, 7, 3);
    for n in 0..3 {
        let made_at = NOW + u64::from(n);
        let verdict = book.ingest(&made(n, made_at), made_at);
        assert_eq!(verdict, Verdict::Accept);
    }
    book
}

#[test]
fn a_full_book_gives_up_the_offer_made_longest_ago() {
    let mut book = full();
    assert_eq!(book.ingest(&made(3, NOW + 3), NOW + 3), Verdict::Accept);
    assert_eq!(book.len(), 3);
    assert_eq!(book.get(&node(0), NOW), None);
    assert!(book.get(&node(1), NOW).is_some());
    assert!(book.get(&node(3), NOW).is_some());
}

#[test]
fn a_full_book_refuses_an_offer_older_than_all_it_has() {
    let mut book = full();
    let verdict = book.ingest(&made(3, NOW), NOW);
    assert_eq!(verdict, Verdict::Ignore(Ignored::Full));
    assert_eq!(book.len(), 3);
    assert!(book.get(&node(0), NOW).is_some());
}

#[test]
fn nobody_gives_way_to_what_a_page_of_a_book_says() {
    let mut book = full();
    let verdict = book.ingest_paged(&made(3, NOW + 500), NOW + 100, || true);
    assert_eq!(verdict, Verdict::Ignore(Ignored::Full));
    assert!((0..3).all(|n| book.get(&node(n), NOW).is_some()));
    let newer = Offer {
        sequence: 2,
        issued: NOW + 9,
        ..offer(0)
    };
    let verdict = book.ingest_paged(&announced(0, newer), NOW + 100, || false);
    assert_eq!(verdict, Verdict::Accept, "a known maker's newer one");

    let mut book = Book::with_capacity(Network::Regtest, 7, 3);
    let mut page = |n, newcomer: bool| book.ingest_paged(&made(n, NOW), NOW, || newcomer);
    assert_eq!(page(0, true), Verdict::Accept, "there is room");
    assert_eq!(page(1, false), Verdict::Ignore(Ignored::Crowd));
}

/// Ten minutes ahead is still taken, but nobody is younger for it.
#[test]
fn who_dates_ahead_gives_way_as_if_it_had_not() {
    let mut book = Book::with_capacity(Network::Regtest, 7, 2);
    for (n, issued) in [(0, NOW + 599), (1, NOW)] {
        assert_eq!(book.ingest(&made(n, issued), NOW), Verdict::Accept);
    }
    for n in 2..4 {
        assert_eq!(book.ingest(&made(n, NOW + 1), NOW + 1), Verdict::Accept);
    }
    assert_eq!(book.get(&node(0), NOW), None);
    assert_eq!(book.get(&node(1), NOW), None);
}

#[test]
fn a_known_maker_renews_its_offer_in_a_full_book() {
    let mut book = full();
    let newer = Offer {
        sequence: 2,
        issued: NOW + 9,
        ..offer(0)
    };
    assert_eq!(book.ingest(&announced(0, newer), NOW + 9), Verdict::Accept);
    assert_eq!(book.len(), 3);
    // Maker 1's is the oldest now.
    assert_eq!(book.ingest(&made(3, NOW + 10), NOW + 10), Verdict::Accept);
    assert!(book.get(&node(0), NOW).is_some());
    assert_eq!(book.get(&node(1), NOW), None);
}

#[test]
fn the_own_offer_is_taken_and_kept_in_a_full_book() {
    let mut book = full();
    book.set_own(&node(0));
    assert_eq!(book.ingest(&made(3, NOW + 3), NOW + 3), Verdict::Accept);
    assert!(book.get(&node(0), NOW).is_some(), "own, though the oldest");
    assert_eq!(book.get(&node(1), NOW), None);
    let own: Vec<_> = book.live(NOW).filter(|l| l.own).collect();
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].offer.maker, node(0));

    let mut book = full();
    book.set_own(&node(9));
    assert_eq!(book.ingest(&made(9, NOW), NOW), Verdict::Accept);
}

#[test]
fn expiring_frees_the_room_of_everything_that_cannot_come_back() {
    let mut book = full();
    book.expire(NOW + HOUR);
    assert_eq!((book.live(NOW + HOUR).count(), book.len()), (2, 3));
    book.expire(NOW + MAX_LIFETIME + 1);
    assert_eq!(book.len(), 1);
    book.expire(NOW + MAX_LIFETIME + 2);
    assert!(book.is_empty());
}
