//! Handing the book on, page by page.

use bitcoin::secp256k1::PublicKey;
use cambista_market::Verdict;
use cambista_protocol::cbor;
use cambista_protocol::market::offer::Offer;
use cambista_protocol::message::{BookReply, MAX_BOOK_MESSAGE};

use crate::common::{HOUR, NOW, book, book_of, node, offer};

#[test]
fn a_newcomer_gets_the_whole_book_in_pages_that_fit() {
    let theirs = book_of((0..40).map(|_| offer(0)));
    let limit = 3000;
    let (mut ours, mut after, mut pages) = (book(), None::<PublicKey>, 0);
    loop {
        let bytes = cbor::to_vec(&theirs.page(after.as_ref(), limit, NOW));
        assert!(bytes.len() <= limit, "{} bytes", bytes.len());
        let reply: BookReply = cbor::from_slice(&bytes, limit).unwrap();
        for offer in &reply.offers {
            assert_eq!(ours.ingest(offer, NOW), Verdict::Accept);
        }
        pages += 1;
        match reply.next(after.as_ref()) {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert!(pages > 2, "{pages} pages");
    let offers = |book: &cambista_market::Book| -> Vec<Offer> {
        book.live(NOW).map(|l| l.offer.clone()).collect()
    };
    assert_eq!(offers(&ours), offers(&theirs));
}

#[test]
fn a_page_never_exceeds_what_the_protocol_carries() {
    let book = book_of((0..300).map(|_| offer(0)));
    let page = book.page(None, MAX_BOOK_MESSAGE, NOW);
    let bytes = cbor::to_vec(&page);
    assert!(bytes.len() <= MAX_BOOK_MESSAGE);
    assert!(bytes.len() > MAX_BOOK_MESSAGE - 1024, "and is well filled");
    assert!(page.more.is_some());
}

#[test]
fn offers_that_no_longer_stand_are_not_handed_on() {
    let book = book_of([offer(0)]);
    assert_eq!(book.page(None, 3000, NOW).offers.len(), 1);
    assert_eq!(book.page(None, 3000, NOW + HOUR), BookReply::default());
}

#[test]
fn a_cursor_that_does_not_move_forward_ends_the_asking() {
    let mut keys = [node(1), node(2)];
    keys.sort_by_key(PublicKey::serialize);
    let [low, high] = keys;
    let more = |more| BookReply {
        offers: vec![],
        more: Some(more),
    };
    assert_eq!(more(low).next(None), Some(low));
    assert_eq!(more(high).next(Some(&low)), Some(high));
    assert_eq!(more(low).next(Some(&low)), None);
    assert_eq!(more(low).next(Some(&high)), None);
    assert_eq!(BookReply::default().next(Some(&low)), None);
}
