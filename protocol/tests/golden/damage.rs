//! Bytes that are almost a message.

use cambista_protocol::cbor::{self, Malformed};
use cambista_protocol::message::{
    BookReply, MAX_BOOK_MESSAGE, MAX_BOOK_OFFERS, MAX_QUOTE_MESSAGE, QuoteReply, Refusal,
    RefusalCode, SwapReply, SwapRequest,
};

use crate::samples::{Sample, samples};

/// The sample with one more field at the end of its fields than this document knows: a byte string that makes the
/// whole `total` bytes long.
fn extended(sample: &Sample, total: usize) -> Vec<u8> {
    let mut bytes = sample.bytes.clone();
    // Fields left out at the end are written as null, so that the new one is new.
    let present = bytes[sample.head] - 0x80;
    bytes[sample.head] = 0x80 + sample.fields + 1;
    bytes.extend((present..sample.fields).map(|_| 0xf6));
    let room = u32::try_from(total - bytes.len() - 5).unwrap();
    bytes.push(0x5a);
    bytes.extend(room.to_be_bytes());
    bytes.resize(total, 0xee);
    bytes
}

#[test]
fn a_field_this_version_does_not_know_is_ignored() {
    for sample in samples() {
        let bytes = extended(&sample, sample.bytes.len() + 20);
        assert_eq!(sample.reads_back(&bytes), Ok(true), "{}", sample.name);
    }
}

#[test]
fn a_message_of_the_greatest_length_is_read_and_one_byte_more_is_not() {
    for sample in samples() {
        let bytes = extended(&sample, sample.limit);
        assert_eq!(sample.reads_back(&bytes), Ok(true), "{}", sample.name);
        let bytes = extended(&sample, sample.limit + 1);
        assert_eq!(
            sample.reads_back(&bytes),
            Err(Malformed::TooLong),
            "{}",
            sample.name
        );
    }
}

#[test]
fn bytes_behind_a_message_are_refused() {
    for sample in samples() {
        let bytes = [&sample.bytes[..], &[0xf6]].concat();
        assert_eq!(
            sample.reads_back(&bytes),
            Err(Malformed::Trailing),
            "{}",
            sample.name
        );
    }
}

#[test]
fn a_message_cut_off_anywhere_is_refused() {
    for sample in samples() {
        for length in 0..sample.bytes.len() {
            let read = sample.reads_back(&sample.bytes[..length]);
            assert_eq!(read, Err(Malformed::Shape), "{} at {length}", sample.name);
        }
    }
}

#[test]
fn a_changed_byte_never_reads_as_the_same_message() {
    for sample in samples() {
        for i in 0..sample.bytes.len() {
            let mut bytes = sample.bytes.clone();
            bytes[i] ^= 0x01;
            assert_ne!(
                sample.reads_back(&bytes),
                Ok(true),
                "{} at {i}",
                sample.name
            );
        }
    }
}

#[test]
fn a_variant_this_version_does_not_know_is_refused() {
    for sample in samples().iter().filter(|sample| sample.head == 2) {
        let mut bytes = sample.bytes.clone();
        bytes[1] = 0x17;
        assert_eq!(
            sample.reads_back(&bytes),
            Err(Malformed::Shape),
            "{}",
            sample.name
        );
    }
}

#[test]
fn an_announced_length_is_not_believed() {
    // Arrays and strings of 2^32 items in a message of a few bytes.
    for bytes in [
        &[0x82, 0x9a, 0xff, 0xff, 0xff, 0xff][..],
        &[0x82, 0x5a, 0xff, 0xff, 0xff, 0xff],
        &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ] {
        let limit = MAX_BOOK_MESSAGE;
        assert_eq!(
            cbor::from_slice::<BookReply>(bytes, limit),
            Err(Malformed::Shape)
        );
        assert_eq!(
            cbor::from_slice::<SwapRequest>(bytes, limit),
            Err(Malformed::Shape)
        );
        assert_eq!(
            cbor::from_slice::<QuoteReply>(bytes, limit),
            Err(Malformed::Shape)
        );
    }
}

#[test]
fn fields_nested_without_end_are_refused_and_not_followed() {
    // An unknown field of arrays in arrays, as many as fit, closed or not.
    let nested = |close: &[u8]| {
        let deep = [&[0x82, 0x00, 0x81][..], &[0x81; 60_000], close].concat();
        cbor::from_slice::<SwapReply>(&deep, MAX_BOOK_MESSAGE)
    };
    assert_eq!(nested(&[0x00]), Ok(SwapReply::Ack));
    assert_eq!(nested(&[]), Err(Malformed::Shape));
}

#[test]
fn a_page_has_a_greatest_number_of_offers() {
    let page = |count| {
        let reply = BookReply {
            offers: vec![vec![0; 3]; count],
            more: None,
        };
        cbor::from_slice::<BookReply>(&cbor::to_vec(&reply), MAX_BOOK_MESSAGE).map(|r| r == reply)
    };
    assert_eq!(page(MAX_BOOK_OFFERS), Ok(true));
    assert_eq!(page(MAX_BOOK_OFFERS + 1), Err(Malformed::Shape));
}

#[test]
fn every_refusal_code_has_its_number() {
    let codes = [
        RefusalCode::Malformed,
        RefusalCode::NotOffered,
        RefusalCode::Amount,
        RefusalCode::Liquidity,
        RefusalCode::Busy,
        RefusalCode::Quote,
        RefusalCode::Terms,
        RefusalCode::Swap,
        RefusalCode::Internal,
    ];
    for (number, code) in (0u8..).zip(codes) {
        let refusal = Refusal::new(code, "");
        let bytes = cbor::to_vec(&refusal);
        assert_eq!(bytes, [0x82, number, 0x60]);
        assert_eq!(cbor::from_slice(&bytes, MAX_QUOTE_MESSAGE), Ok(refusal));
    }
    assert_eq!(
        cbor::from_slice::<Refusal>(&[0x82, 9, 0x60], MAX_QUOTE_MESSAGE),
        Err(Malformed::Shape)
    );
}
