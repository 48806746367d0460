//! Signed payloads: a maker answers for its words with its Lightning node key.
//!
//! What is signed is a BIP340 tagged hash over the payload *as it stands on the wire*; what was received is kept and
//! passed on as received, never encoded again. Spec 04.

use bitcoin::hashes::{Hash, HashEngine, sha256};
use bitcoin::secp256k1::{Message, PublicKey, Secp256k1, schnorr};
use minicbor::{Decode, Encode};

use crate::cbor;

/// What a signature is about: each kind of payload has its own tag, so that no signature serves twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// A gossiped offer.
    Offer,
    /// A firm quote.
    Quote,
    /// A maker's acceptance of terms.
    Accept,
}

impl Tag {
    /// The text that separates this kind from the others.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Offer => "cambista/1/offer",
            Self::Quote => "cambista/1/quote",
            Self::Accept => "cambista/1/accept",
        }
    }

    /// The 32 bytes that are signed for `payload`: SHA256(SHA256(tag) || SHA256(tag) || payload).
    #[must_use]
    pub fn digest(self, payload: &[u8]) -> [u8; 32] {
        let tag = sha256::Hash::hash(self.text().as_bytes());
        let mut engine = sha256::Hash::engine();
        engine.input(tag.as_byte_array());
        engine.input(tag.as_byte_array());
        engine.input(payload);
        sha256::Hash::from_engine(engine).to_byte_array()
    }
}

/// A payload and the signature of the node whose key it names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Signed {
    /// The payload's bytes, exactly as signed.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub payload: Vec<u8>,
    /// BIP340 signature over the tagged hash of `payload`.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub signature: [u8; 64],
}

/// The signature is not this node's over this payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not the maker's")]
pub struct BadSignature;

impl Signed {
    /// Signs with `sign`, which is handed the 32-byte digest.
    pub fn new(tag: Tag, payload: Vec<u8>, sign: impl FnOnce([u8; 32]) -> [u8; 64]) -> Self {
        let signature = sign(tag.digest(&payload));
        Self { payload, signature }
    }

    /// Checks the signature against a node's 33-byte key (its x-coordinate, as BIP340 has it).
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, tag: Tag, node: &PublicKey) -> Result<(), BadSignature> {
        let signature =
            schnorr::Signature::from_slice(&self.signature).map_err(|_| BadSignature)?;
        Secp256k1::verification_only()
            .verify_schnorr(
                &signature,
                &Message::from_digest(tag.digest(&self.payload)),
                &node.x_only_public_key().0,
            )
            .map_err(|_| BadSignature)
    }

    /// The wire form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::to_vec(self)
    }

    /// SHA256 of the payload: how a later message refers to this one.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        sha256::Hash::hash(&self.payload).to_byte_array()
    }
}
