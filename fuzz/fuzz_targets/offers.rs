//! Offers from anybody at any time: the book judges them all, stays within its room and hands out pages that are read.
#![no_main]

use bitcoin::Network;
use cambista_market::Book;
use cambista_protocol::message::MAX_BOOK_MESSAGE;
use cambista_protocol::words::Direction;
use libfuzzer_sys::fuzz_target;

const NOW: u64 = 1_800_000_000;

fuzz_target!(|data: &[u8]| {
    let mut book = Book::with_capacity(Network::Regtest, 7, 4);
    let mut now = NOW;
    // Length-prefixed offers, so that one input brings several.
    let mut rest = data;
    while let Some((&[high, low], after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes([high, low])).min(after.len());
        let (offer, following) = after.split_at(length);
        let _ = book.ingest(offer, now);
        now += u64::from(low);
        rest = following;
    }
    assert!(book.len() <= 4);
    for direction in [Direction::Out, Direction::In] {
        assert!(book.rank(direction, 100_000, now, 10).len() <= 4);
    }
    let page = book.page(None, MAX_BOOK_MESSAGE, now);
    assert!(page.offers.len() <= 4);
    book.expire(now + 7 * 3600);
    assert_eq!(book.len(), 0);
});
