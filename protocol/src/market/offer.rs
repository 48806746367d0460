//! A standing offer: what a maker tells everybody it would swap for. It binds nobody; a quote does. Spec 06.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, Network};
use minicbor::{Decode, Encode};

use super::pow;
use crate::cbor::{self, Malformed};
use crate::money::{MAX_MONEY_SAT, Price};
use crate::signed::{BadSignature, Signed, Tag};
use crate::timelock::{MAX_REFUND_DELTA, MIN_REFUND_DELTA};
use crate::words::Direction;

/// The longest signed offer on the wire (bytes).
pub const MAX_OFFER: usize = 1024;
/// The longest an offer may stand (seconds).
pub const MAX_LIFETIME: u64 = 6 * 3600;
/// The most addresses an offer may name.
pub const MAX_ADDRESSES: usize = 8;
/// The longest address (bytes of text).
pub const MAX_ADDRESS: usize = 128;
/// The longest peer id (bytes of text).
pub const MAX_PEER_ID: usize = 64;
/// The largest share of the amount an offer may ask or pay: all of it (millionths).
pub const MAX_PPM: i32 = 1_000_000;

/// What a maker offers in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Rate {
    /// Fixed part of the fee (sat).
    #[n(0)]
    pub base_sat: u64,
    /// Share of the amount in millionths; negative pays the taker.
    #[n(1)]
    pub ppm: i32,
    /// Smallest amount (sat).
    #[n(2)]
    pub min_sat: u64,
    /// Largest amount (sat).
    #[n(3)]
    pub max_sat: u64,
}

impl Rate {
    /// The maker's fee for `amount_sat` as the offer has it (sat), rounded up. `None` outside the limits.
    #[must_use]
    pub fn fee(&self, amount_sat: u64) -> Option<i64> {
        let price = Price {
            base_sat: self.base_sat,
            ppm: self.ppm,
        };
        (self.min_sat..=self.max_sat)
            .contains(&amount_sat)
            .then(|| price.fee(Amount::from_sat(amount_sat)))
            .flatten()
    }

    fn is_sound(&self) -> bool {
        self.min_sat > 0
            && self.min_sat <= self.max_sat
            && self.max_sat <= MAX_MONEY_SAT
            && self.base_sat <= MAX_MONEY_SAT
            && (-MAX_PPM..=MAX_PPM).contains(&self.ppm)
    }
}

/// What a maker announces. One with a rate in neither direction withdraws the maker's earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Offer {
    /// The network both chains of events happen on.
    #[cbor(n(0), with = "cbor::network")]
    pub network: Network,
    /// The maker's Lightning node; the signature is by this key.
    #[cbor(n(1), with = "cbor::public_key")]
    pub maker: PublicKey,
    /// Whom to ask for a quote: the maker's libp2p peer id, in base58.
    #[n(2)]
    pub peer_id: String,
    /// Where that peer may be reached, as multiaddresses.
    #[n(3)]
    pub addresses: Vec<String>,
    /// Grows with every announcement of this maker; the highest counts.
    #[n(4)]
    pub sequence: u64,
    /// When it was made (Unix seconds).
    #[n(5)]
    pub issued: u64,
    /// It stands before this second (Unix seconds).
    #[n(6)]
    pub expires: u64,
    /// The rate for Lightning to chain, if offered.
    #[n(7)]
    pub out: Option<Rate>,
    /// The rate for chain to Lightning, if offered.
    #[n(8)]
    pub into: Option<Rate>,
    /// The shortest refund delta the maker agrees to (blocks).
    #[n(9)]
    pub refund_delta_min: u32,
    /// The longest refund delta the maker agrees to (blocks).
    #[n(10)]
    pub refund_delta_max: u32,
    /// Bits for what a maker can do beyond this document. None is given out yet; unknown ones mean nothing.
    #[n(11)]
    pub features: u32,
    /// Found by trying, so that the payload's hash shows the work. The last field: the rest is hashed once.
    #[n(12)]
    pub nonce: u64,
}

/// Why an offer is no offer, whenever it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// Not the bytes of an offer.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A peer id or an address that cannot be one, or too many of them.
    #[error("the offer's peer id or addresses are not such")]
    Contact,
    /// It stands for no time or for too long.
    #[error("the offer does not stand for up to six hours")]
    Lifetime,
    /// A price or limits that cannot be.
    #[error("the offer's price or limits make no sense")]
    Rate,
    /// A range of refund deltas that is none or that this network does not allow.
    #[error("the offer's refund deltas are out of range")]
    RefundDelta,
    /// Too little work in it.
    #[error("the offer does not carry the proof of work")]
    Work,
    /// Signed by someone else.
    #[error(transparent)]
    Signature(#[from] BadSignature),
}

impl Offer {
    /// Reads a signed offer: size, form and contents. Network, time, work and signature are the caller's to check, in
    /// the order of their cost.
    ///
    /// # Errors
    /// [`OfferError`], the first thing that is wrong.
    pub fn read(bytes: &[u8]) -> Result<(Signed, Self), OfferError> {
        let signed: Signed = cbor::from_slice(bytes, MAX_OFFER)?;
        let offer: Self = cbor::from_slice(&signed.payload, MAX_OFFER)?;
        offer.check()?;
        Ok((signed, offer))
    }

    /// Checks everything that does not depend on who looks, and when.
    ///
    /// # Errors
    /// [`OfferError::Contact`], [`OfferError::Lifetime`], [`OfferError::Rate`] or [`OfferError::RefundDelta`].
    pub fn check(&self) -> Result<(), OfferError> {
        let peer_id = (1..=MAX_PEER_ID).contains(&self.peer_id.len())
            && self.peer_id.bytes().all(|b| b.is_ascii_alphanumeric());
        if !peer_id
            || self.addresses.len() > MAX_ADDRESSES
            || !self.addresses.iter().all(|a| is_address(a))
        {
            return Err(OfferError::Contact);
        }
        let lifetime = self.expires.checked_sub(self.issued);
        if lifetime.is_none_or(|seconds| !(1..=MAX_LIFETIME).contains(&seconds)) {
            return Err(OfferError::Lifetime);
        }
        if ![self.out, self.into].iter().flatten().all(Rate::is_sound) {
            return Err(OfferError::Rate);
        }
        if self.refund_delta_min < min_refund_delta(self.network)
            || self.refund_delta_min > self.refund_delta_max
            || self.refund_delta_max > MAX_REFUND_DELTA
        {
            return Err(OfferError::RefundDelta);
        }
        Ok(())
    }

    /// The rate in one direction, if offered.
    #[must_use]
    pub const fn rate(&self, direction: Direction) -> Option<&Rate> {
        match direction {
            Direction::Out => self.out.as_ref(),
            Direction::In => self.into.as_ref(),
        }
    }

    /// Searches the nonce that shows the work, from the present one on. Returns whether it was found within `tries`;
    /// if not, calling again goes on. Any later change to another field undoes it.
    pub fn mine(&mut self, tries: u64) -> bool {
        self.mine_grade(0, tries)
    }

    /// The same for the work of a grade ([`pow::bits_of`]).
    pub fn mine_grade(&mut self, grade: u8, tries: u64) -> bool {
        let payload = cbor::to_vec(&Self {
            nonce: 0,
            ..self.clone()
        });
        // A nonce of zero is the one byte 0x00 at the end.
        let prefix = payload.split_last().map_or(&[][..], |(_, prefix)| prefix);
        let bits = pow::bits_of(self.network, grade);
        let (nonce, found) = pow::search(prefix, self.nonce, tries, bits);
        self.nonce = nonce;
        found
    }

    /// Signs it, with the nonce it has.
    pub fn sign(&self, sign: impl FnOnce([u8; 32]) -> [u8; 64]) -> Signed {
        Signed::new(Tag::Offer, cbor::to_vec(self), sign)
    }

    /// Checks the work in the payload as it was received, and says of what grade it is.
    ///
    /// # Errors
    /// [`OfferError::Work`].
    pub fn check_work(&self, signed: &Signed) -> Result<u8, OfferError> {
        pow::grade(&signed.payload, self.network).ok_or(OfferError::Work)
    }

    /// Checks the maker's signature over the payload as it was received.
    ///
    /// # Errors
    /// [`OfferError::Signature`].
    pub fn check_signature(&self, signed: &Signed) -> Result<(), OfferError> {
        Ok(signed.verify(Tag::Offer, &self.maker)?)
    }
}

/// The shortest refund delta offered on a network (blocks). Where coins are worth nothing it may be shorter.
#[must_use]
pub const fn min_refund_delta(network: Network) -> u32 {
    match network {
        Network::Regtest => 1,
        _ => MIN_REFUND_DELTA,
    }
}

/// Text that may be a multiaddress and is safe to show; whether it is one, the network layer finds out.
fn is_address(text: &str) -> bool {
    (2..=MAX_ADDRESS).contains(&text.len())
        && text.starts_with('/')
        && text.bytes().all(|b| b.is_ascii_graphic())
}
