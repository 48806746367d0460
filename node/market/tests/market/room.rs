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
        let verdict = book.ingest(&made(n, NOW + u64::from(n)), NOW);
        assert_eq!(verdict, Verdict::Accept);
    }
    book
}

#[test]
fn a_full_book_gives_up_the_offer_made_longest_ago() {
    let mut book = full();
    assert_eq!(book.ingest(&made(3, NOW + 3), NOW), Verdict::Accept);
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
fn a_known_maker_renews_its_offer_in_a_full_book() {
    let mut book = full();
    let newer = Offer {
        sequence: 2,
        issued: NOW + 9,
        ..offer(0)
    };
    assert_eq!(book.ingest(&announced(0, newer), NOW), Verdict::Accept);
    assert_eq!(book.len(), 3);
    // Maker 1's is the oldest now.
    assert_eq!(book.ingest(&made(3, NOW + 10), NOW), Verdict::Accept);
    assert!(book.get(&node(0), NOW).is_some());
    assert_eq!(book.get(&node(1), NOW), None);
}

#[test]
fn the_own_offer_is_taken_and_kept_in_a_full_book() {
    let mut book = full();
    book.set_own(&node(0));
    assert_eq!(book.ingest(&made(3, NOW + 3), NOW), Verdict::Accept);
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
