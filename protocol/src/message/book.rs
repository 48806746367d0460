//! `/cambista/book/1`: the offers a peer knows, page by page, for a node that has just joined.

use bitcoin::Network;
use bitcoin::secp256k1::PublicKey;
use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};

use crate::cbor;
use crate::market::offer::MAX_OFFER;

/// The longest message of this protocol (bytes).
pub const MAX_BOOK_MESSAGE: usize = 65_536;
/// The most offers in one page.
pub const MAX_BOOK_OFFERS: usize = 512;

/// Asks for one page.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BookRequest {
    /// The network.
    #[cbor(n(0), with = "cbor::network")]
    pub network: Network,
    /// Only offers of makers whose 33-byte key sorts after this one; absent for the first page.
    #[cbor(n(1), with = "cbor::maybe_public_key")]
    pub after: Option<PublicKey>,
}

/// One page of signed offers, in the order of their makers' 33-byte keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct BookReply {
    /// The offers as they were received. Each is to be checked like a gossiped one.
    #[cbor(n(0), encode_with = "encode_offers", decode_with = "decode_offers")]
    pub offers: Vec<Vec<u8>>,
    /// Where the next page starts; absent when this is the last.
    #[cbor(n(1), with = "cbor::maybe_public_key")]
    pub more: Option<PublicKey>,
}

impl BookReply {
    /// What to ask for next, having asked for what comes `after`. `None` at the end, and when the cursor does not move
    /// forward: a peer cannot make anybody go in circles.
    #[must_use]
    pub fn next(&self, after: Option<&PublicKey>) -> Option<PublicKey> {
        self.more
            .filter(|more| after.is_none_or(|after| more.serialize() > after.serialize()))
    }
}

fn encode_offers<C, W: Write>(
    offers: &[Vec<u8>],
    e: &mut Encoder<W>,
    _: &mut C,
) -> Result<(), EncodeError<W::Error>> {
    e.array(offers.len() as u64)?;
    offers.iter().try_for_each(|offer| e.bytes(offer)?.ok())
}

fn decode_offers<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Vec<Vec<u8>>, DecodeError> {
    let mut offers = Vec::new();
    for offer in d.array_iter::<&minicbor::bytes::ByteSlice>()? {
        let offer: &[u8] = offer?;
        if offers.len() == MAX_BOOK_OFFERS || offer.len() > MAX_OFFER {
            return Err(DecodeError::message("more than a page of offers"));
        }
        offers.push(offer.to_vec());
    }
    Ok(offers)
}
