//! How this crate's types stand in CBOR (RFC 8949): helpers for `minicbor`'s `with` attribute, and one entry point to
//! decode that refuses trailing bytes and oversized input.

use bitcoin::secp256k1::PublicKey;
use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};

/// Why bytes from a peer are not the message they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Longer than this kind of message may be.
    #[error("the message is longer than this kind of message may be")]
    TooLong,
    /// Not CBOR, or not of this shape.
    #[error("the message is not well-formed")]
    Shape,
    /// Bytes follow the message.
    #[error("bytes follow the message")]
    Trailing,
}

/// Encodes a value. Writing to memory cannot fail; the types here encode without conditions.
#[must_use]
pub fn to_vec<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    // `Vec` as a writer is infallible, so the error type has no values.
    let _ = minicbor::encode(value, &mut out);
    out
}

/// Decodes a whole message of at most `limit` bytes.
///
/// # Errors
/// [`Malformed`] when it is too long, of another shape, or followed by more bytes.
pub fn from_slice<'b, T: Decode<'b, ()>>(bytes: &'b [u8], limit: usize) -> Result<T, Malformed> {
    if bytes.len() > limit {
        return Err(Malformed::TooLong);
    }
    let mut decoder = Decoder::new(bytes);
    let value = decoder.decode().map_err(|_| Malformed::Shape)?;
    if decoder.position() == bytes.len() {
        Ok(value)
    } else {
        Err(Malformed::Trailing)
    }
}

/// A public key as its 33 compressed bytes.
pub mod public_key {
    use super::{DecodeError, Decoder, EncodeError, Encoder, PublicKey, Write};

    /// Writes the 33 bytes.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn encode<C, W: Write>(
        key: &PublicKey,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        e.bytes(&key.serialize())?.ok()
    }

    /// Reads 33 bytes that are a point of the curve.
    ///
    /// # Errors
    /// When they are not.
    pub fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<PublicKey, DecodeError> {
        let no = || DecodeError::message("not a public key");
        // The library reads points of 65 bytes too.
        let bytes: [u8; 33] = d.bytes()?.try_into().map_err(|_| no())?;
        PublicKey::from_slice(&bytes).map_err(|_| no())
    }
}

/// An optional public key: its 33 bytes or null.
pub mod maybe_public_key {
    use super::{DecodeError, Decoder, EncodeError, Encoder, PublicKey, Write};

    /// Writes the 33 bytes or null.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn encode<C, W: Write>(
        key: &Option<PublicKey>,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        match key {
            Some(key) => super::public_key::encode(key, e, ctx),
            None => e.null()?.ok(),
        }
    }

    /// Reads a key or null.
    ///
    /// # Errors
    /// When it is neither.
    pub fn decode<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Option<PublicKey>, DecodeError> {
        if d.datatype()? == minicbor::data::Type::Null {
            d.null()?;
            return Ok(None);
        }
        super::public_key::decode(d, ctx).map(Some)
    }

    /// Missing means none.
    #[must_use]
    pub const fn nil() -> Option<Option<PublicKey>> {
        Some(None)
    }
}

/// A network as one byte: 0 bitcoin, 1 testnet, 2 signet, 3 regtest.
pub mod network {
    use bitcoin::Network;

    use super::{DecodeError, Decoder, EncodeError, Encoder, Write};
    use crate::words::NETWORKS;

    /// What nobody reads as a network: written for one there are no swaps on.
    const NONE: u8 = u8::MAX;

    /// Writes the byte.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn encode<C, W: Write>(
        network: &Network,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        let byte = (0..)
            .zip(NETWORKS)
            .find_map(|(byte, named)| (named == *network).then_some(byte));
        e.u8(byte.unwrap_or(NONE))?.ok()
    }

    /// Reads the byte.
    ///
    /// # Errors
    /// On a byte that names no network.
    pub fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Network, DecodeError> {
        let named = NETWORKS.get(usize::from(d.u8()?));
        named
            .copied()
            .ok_or_else(|| DecodeError::message("unknown network"))
    }
}

/// A direction as one byte: 0 out, 1 in.
pub mod direction {
    use super::{DecodeError, Decoder, EncodeError, Encoder, Write};
    use crate::words::Direction;

    /// Writes the byte.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn encode<C, W: Write>(
        direction: &Direction,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        e.u8(u8::from(*direction == Direction::In))?.ok()
    }

    /// Reads the byte.
    ///
    /// # Errors
    /// On any other byte.
    pub fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Direction, DecodeError> {
        match d.u8()? {
            0 => Ok(Direction::Out),
            1 => Ok(Direction::In),
            _ => Err(DecodeError::message("unknown direction")),
        }
    }
}

/// A swap id as its 32 bytes.
pub mod swap_id {
    use super::{DecodeError, Decoder, EncodeError, Encoder, Write};
    use crate::words::SwapId;

    /// Writes the 32 bytes.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn encode<C, W: Write>(
        id: &SwapId,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        e.bytes(&id.0)?.ok()
    }

    /// Reads 32 bytes.
    ///
    /// # Errors
    /// On another length.
    pub fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<SwapId, DecodeError> {
        d.bytes()?
            .try_into()
            .map(SwapId)
            .map_err(|_| DecodeError::message("not a swap id"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bitcoin::secp256k1::{Secp256k1, SecretKey};

    use super::*;

    #[test]
    fn a_key_of_another_length_than_33_bytes_is_refused() {
        let secret = SecretKey::from_slice(&[7; 32]).unwrap();
        let key = secret.public_key(&Secp256k1::new());
        let read = |bytes: &[u8]| {
            let mut encoder = Encoder::new(Vec::new());
            let bytes = encoder.bytes(bytes).unwrap().writer().clone();
            public_key::decode(&mut Decoder::new(&bytes), &mut ()).ok()
        };
        assert_eq!(read(&key.serialize()), Some(key));
        assert_eq!(read(&key.serialize_uncompressed()), None);
        assert_eq!(read(&key.serialize()[1..]), None);
        assert_eq!(read(&[&[2][..], &[0; 32]].concat()), None);
    }

    #[test]
    fn a_network_is_its_number_and_others_have_none() {
        for (number, named) in (0_u8..).zip(crate::words::NETWORKS) {
            let mut encoder = Encoder::new(Vec::new());
            network::encode(&named, &mut encoder, &mut ()).unwrap();
            assert_eq!(encoder.writer(), &[number]);
            let read = network::decode(&mut Decoder::new(&[number]), &mut ());
            assert_eq!(read.unwrap(), named);
        }
        assert!(network::decode(&mut Decoder::new(&[4]), &mut ()).is_err());
        let mut encoder = Encoder::new(Vec::new());
        network::encode(&bitcoin::Network::Testnet4, &mut encoder, &mut ()).unwrap();
        assert!(network::decode(&mut Decoder::new(encoder.writer()), &mut ()).is_err());
    }
}
