//! Terms: what each side of a swap brings, and the [`Deal`] both rebuild from them. Spec 02.

mod deal;
mod invoice;

pub use deal::{Deal, DealError, Own};
pub use invoice::InvoiceError;

use bitcoin::secp256k1::PublicKey;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::cbor;

/// What the payer brings.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
pub struct PayerTerms {
    /// H = SHA256(R).
    #[cbor(n(0), with = "minicbor::bytes")]
    pub payment_hash: [u8; 32],
    /// The key of the claim leaf.
    #[cbor(n(1), with = "cbor::public_key")]
    pub claim_key: PublicKey,
    /// The payer's half of the internal key.
    #[cbor(n(2), with = "cbor::public_key")]
    pub internal_key: PublicKey,
    /// N: how many confirmations the payer waits for before it reveals R.
    #[n(3)]
    pub confirmations: u32,
}

/// What the funder brings.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
pub struct FunderTerms {
    /// The key of the refund leaf.
    #[cbor(n(0), with = "cbor::public_key")]
    pub refund_key: PublicKey,
    /// The funder's half of the internal key.
    #[cbor(n(1), with = "cbor::public_key")]
    pub internal_key: PublicKey,
    /// T (block height).
    #[n(2)]
    pub refund_height: u32,
    /// BOLT11 hold invoice on H.
    #[n(3)]
    pub swap_invoice: String,
    /// BOLT11 hold invoice on the funder's own hash, where the quote has a prepay.
    #[n(4)]
    pub prepay_invoice: Option<String>,
    /// The node the payment should arrive from, to refill a chosen channel.
    #[cbor(n(5), with = "cbor::maybe_public_key")]
    pub last_hop: Option<PublicKey>,
}
