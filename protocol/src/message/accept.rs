//! A maker's signed acceptance: its terms, bound to the swap and to the quote they answer.

use minicbor::{Decode, Encode};

use crate::cbor::{self, Malformed};
use crate::signed::{Signed, Tag};
use crate::terms::{FunderTerms, PayerTerms};
use crate::words::SwapId;

/// The longest acceptance (bytes).
pub const MAX_ACCEPT: usize = 8192;

/// What the maker signs. With it the taker can show anyone what the maker agreed to.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Acceptance {
    /// The swap.
    #[cbor(n(0), with = "cbor::swap_id")]
    pub swap_id: SwapId,
    /// SHA256 of the quote's payload.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub quote_id: [u8; 32],
    /// The payer's terms, whoever that is.
    #[n(2)]
    pub payer: PayerTerms,
    /// The funder's terms; absent in the first acceptance of an `in`, where the taker still has to bring them.
    #[n(3)]
    pub funder: Option<FunderTerms>,
}

impl Acceptance {
    /// Signs it.
    pub fn sign(&self, sign: impl FnOnce([u8; 32]) -> [u8; 64]) -> Signed {
        Signed::new(Tag::Accept, cbor::to_vec(self), sign)
    }

    /// Reads a signed acceptance. The signature is checked apart, against the quote's maker.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(signed: &Signed) -> Result<Self, Malformed> {
        cbor::from_slice(&signed.payload, MAX_ACCEPT)
    }
}
