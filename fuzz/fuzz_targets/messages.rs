//! Every message another node can send: reading it never panics, and what was read is written and read again alike.
#![no_main]

use std::fmt::Debug;

use cambista_protocol::cbor;
use cambista_protocol::market::quote::{MAX_QUOTE, Quote};
use cambista_protocol::message::{
    Acceptance, BookReply, BookRequest, MAX_BOOK_MESSAGE, MAX_QUOTE_MESSAGE, MAX_SWAP_MESSAGE,
    QuoteReply, QuoteRequest, SwapReply, SwapRequest,
};
use cambista_protocol::signed::Signed;
use libfuzzer_sys::fuzz_target;
use minicbor::{Decode, Encode};

fn both_ways<T>(bytes: &[u8], limit: usize)
where
    T: for<'b> Decode<'b, ()> + Encode<()> + PartialEq + Debug,
{
    if let Ok(read) = cbor::from_slice::<T>(bytes, limit) {
        let written = cbor::to_vec(&read);
        let again = cbor::from_slice::<T>(&written, written.len());
        assert_eq!(again.as_ref(), Ok(&read));
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((which, bytes)) = data.split_first() else {
        return;
    };
    match which % 8 {
        0 => both_ways::<QuoteRequest>(bytes, MAX_QUOTE_MESSAGE),
        1 => both_ways::<QuoteReply>(bytes, MAX_QUOTE_MESSAGE),
        2 => both_ways::<SwapRequest>(bytes, MAX_SWAP_MESSAGE),
        3 => both_ways::<SwapReply>(bytes, MAX_SWAP_MESSAGE),
        4 => both_ways::<BookRequest>(bytes, MAX_BOOK_MESSAGE),
        5 => both_ways::<BookReply>(bytes, MAX_BOOK_MESSAGE),
        6 => both_ways::<Quote>(bytes, MAX_QUOTE),
        _ => {
            both_ways::<Signed>(bytes, MAX_SWAP_MESSAGE);
            if let Ok(signed) = cbor::from_slice::<Signed>(bytes, MAX_SWAP_MESSAGE) {
                let _ = Quote::open(&signed);
                let _ = Acceptance::read(&signed);
            }
        }
    }
});
