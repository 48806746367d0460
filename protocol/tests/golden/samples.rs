//! One sample of every message, with what is needed to damage it.

use bitcoin::Network;
use cambista_protocol::cbor::{self, Malformed};
use cambista_protocol::market::offer::MAX_OFFER;
use cambista_protocol::market::quote::MAX_QUOTE;
use cambista_protocol::message::{
    BookReply, BookRequest, MAX_ACCEPT, MAX_BOOK_MESSAGE, MAX_QUOTE_MESSAGE, MAX_SWAP_MESSAGE,
    QuoteReply, QuoteRequest, Refusal, RefusalCode, SwapReply, SwapRequest,
};
use cambista_protocol::signed::Tag;
use cambista_protocol::words::Direction;
use minicbor::{Decode, Encode};

use crate::parts::{
    acceptance, funder_terms, funding, key, offer, payer_terms, quote, sign, signed_offer,
    signed_quote, swap_id, withdrawn,
};

/// A message, its bytes and how they read.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    /// The rule of `spec/messages.cddl` it follows.
    pub(crate) rule: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// The most bytes such a message may have.
    pub(crate) limit: usize,
    /// Where the head of the array of its fields stands: 0, or 2 behind a variant's number.
    pub(crate) head: usize,
    /// How many fields this document gives that array.
    pub(crate) fields: u8,
    reads: Box<Reads>,
}

type Reads = dyn Fn(&[u8]) -> Result<bool, Malformed>;

impl Sample {
    fn new<T>(name: &'static str, rule: &'static str, limit: usize, fields: u8, value: T) -> Self
    where
        T: Encode<()> + for<'b> Decode<'b, ()> + PartialEq + 'static,
    {
        Self {
            name,
            rule,
            bytes: cbor::to_vec(&value),
            limit,
            head: 0,
            fields,
            reads: Box::new(move |bytes| {
                cbor::from_slice::<T>(bytes, limit).map(|read| read == value)
            }),
        }
    }

    fn variant(self) -> Self {
        Self { head: 2, ..self }
    }

    /// Whether these bytes read as the very value the sample was made from.
    pub(crate) fn reads_back(&self, bytes: &[u8]) -> Result<bool, Malformed> {
        (self.reads)(bytes)
    }
}

pub(crate) fn samples() -> Vec<Sample> {
    [payloads(), quotes(), books(), swaps(), swap_replies()]
        .into_iter()
        .flatten()
        .collect()
}

fn payloads() -> Vec<Sample> {
    let (out, into) = (Direction::Out, Direction::In);
    vec![
        Sample::new("offer payload", "offer", MAX_OFFER, 13, offer()),
        Sample::new("withdrawal payload", "offer", MAX_OFFER, 13, withdrawn()),
        Sample::new("offer", "signed", MAX_OFFER, 2, signed_offer(&offer())),
        Sample::new(
            "withdrawal",
            "signed",
            MAX_OFFER,
            2,
            signed_offer(&withdrawn()),
        ),
        Sample::new("quote payload, out", "quote", MAX_QUOTE, 11, quote(out)),
        Sample::new("quote payload, in", "quote", MAX_QUOTE, 11, quote(into)),
        Sample::new(
            "acceptance payload, out",
            "acceptance",
            MAX_ACCEPT,
            4,
            acceptance(out),
        ),
        Sample::new(
            "acceptance payload, in",
            "acceptance",
            MAX_ACCEPT,
            4,
            acceptance(into),
        ),
    ]
}

fn quotes() -> Vec<Sample> {
    let request = |direction, amount_sat| QuoteRequest {
        network: Network::Regtest,
        direction,
        amount_sat,
        external: direction == Direction::In,
    };
    let refused = Refusal::new(RefusalCode::Liquidity, "not now");
    let reply =
        |name, value| Sample::new(name, "quote-reply", MAX_QUOTE_MESSAGE, 1, value).variant();
    vec![
        Sample::new(
            "quote request, out",
            "quote-request",
            MAX_QUOTE_MESSAGE,
            4,
            request(Direction::Out, 1_000_000),
        ),
        Sample::new(
            "quote request, in",
            "quote-request",
            MAX_QUOTE_MESSAGE,
            4,
            request(Direction::In, 20_000),
        ),
        reply(
            "quote reply",
            QuoteReply::Quote(signed_quote(Direction::Out)),
        ),
        reply("quote reply, refused", QuoteReply::Refused(refused)),
    ]
}

fn books() -> Vec<Sample> {
    let request = |after| BookRequest {
        network: Network::Regtest,
        after,
    };
    let page = |offers, more| BookReply { offers, more };
    let asks = |name, value| Sample::new(name, "book-request", MAX_BOOK_MESSAGE, 2, value);
    let tells = |name, value| Sample::new(name, "book-reply", MAX_BOOK_MESSAGE, 2, value);
    let offers = vec![
        signed_offer(&offer()).to_bytes(),
        signed_offer(&withdrawn()).to_bytes(),
    ];
    vec![
        asks("book request, first page", request(None)),
        asks("book request, next page", request(Some(key(2)))),
        tells("book reply, empty", page(vec![], None)),
        tells("book reply, last page", page(offers.clone(), None)),
        tells("book reply, with more to come", page(offers, Some(key(1)))),
    ]
}

fn swaps() -> Vec<Sample> {
    let says = |name, fields, value| {
        Sample::new(name, "swap-request", MAX_SWAP_MESSAGE, fields, value).variant()
    };
    let swap_id = swap_id();
    let open = |direction, payer| SwapRequest::Open {
        swap_id,
        quote: signed_quote(direction),
        payer,
    };
    let terms = |full| SwapRequest::Terms {
        swap_id,
        funder: funder_terms(full),
    };
    let funded = SwapRequest::Funded {
        swap_id,
        tx: funding(),
    };
    let preimage = SwapRequest::Preimage {
        swap_id,
        preimage: [0x51; 32],
    };
    let handover = SwapRequest::Key {
        swap_id,
        secret: [0x04; 32],
    };
    vec![
        says("open, out", 3, open(Direction::Out, Some(payer_terms()))),
        says("open, in", 3, open(Direction::In, None)),
        says("terms", 2, terms(false)),
        says("terms, with prepay and last hop", 2, terms(true)),
        says("funded", 2, funded),
        says("preimage", 2, preimage),
        says("key", 2, handover),
        says("withdraw", 1, SwapRequest::Withdraw { swap_id }),
        says("resume", 1, SwapRequest::Resume { swap_id }),
    ]
}

fn swap_replies() -> Vec<Sample> {
    let says = |name, fields, value| {
        Sample::new(name, "swap-reply", MAX_SWAP_MESSAGE, fields, value).variant()
    };
    let refused = Refusal::new(RefusalCode::Terms, "T is too near");
    let accepted = acceptance(Direction::Out).sign(sign);
    assert!(accepted.verify(Tag::Accept, &key(1)).is_ok());
    vec![
        says("ack", 0, SwapReply::Ack),
        says("refused", 1, SwapReply::Refused(refused)),
        says("accepted", 1, SwapReply::Accepted(accepted)),
    ]
}
