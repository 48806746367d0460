//! `/cambista/swap/1`: agreeing on one swap, and the few things the sides tell each other to be cheaper and faster.
//!
//! After coins are locked nothing here is needed: every message has a script path or a chain event that does without.

use std::fmt;

use minicbor::{Decode, Encode};

use super::Refusal;
use crate::cbor;
use crate::signed::Signed;
use crate::terms::{FunderTerms, PayerTerms};
use crate::words::{Secret32, SwapId};

/// The longest message of this protocol (bytes): a funding transaction of a hundred inputs fits.
pub const MAX_SWAP_MESSAGE: usize = 65_536;

/// What one side says. Printed without the secrets in it.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub enum SwapRequest {
    /// Taker: opens a swap on a quote. `out`: with the payer's terms. `in`: without, the maker answers with them.
    #[n(0)]
    Open {
        /// Drawn by the taker.
        #[cbor(n(0), with = "cbor::swap_id")]
        swap_id: SwapId,
        /// The quote as it was received.
        #[n(1)]
        quote: Signed,
        /// The payer's terms, for an `out`.
        #[n(2)]
        payer: Option<PayerTerms>,
    },
    /// Taker of an `in`: the funder's terms, after the maker's.
    #[n(1)]
    Terms {
        /// The swap.
        #[cbor(n(0), with = "cbor::swap_id")]
        swap_id: SwapId,
        /// The funder's terms.
        #[n(1)]
        funder: FunderTerms,
    },
    /// Funder: the funding transaction, as broadcast. Sent again when it is replaced.
    #[n(2)]
    Funded {
        /// The swap.
        #[cbor(n(0), with = "cbor::swap_id")]
        swap_id: SwapId,
        /// Consensus encoding of the transaction.
        #[cbor(n(1), with = "minicbor::bytes")]
        tx: Vec<u8>,
    },
    /// Payer: R.
    #[n(3)]
    Preimage {
        /// The swap.
        #[cbor(n(0), with = "cbor::swap_id")]
        swap_id: SwapId,
        /// R.
        #[cbor(n(1), with = "minicbor::bytes")]
        preimage: [u8; 32],
    },
    /// Either: its internal secret key, once it has no claim left on the output.
    #[n(4)]
    Key {
        /// The swap.
        #[cbor(n(0), with = "cbor::swap_id")]
        swap_id: SwapId,
        /// The secret key.
        #[cbor(n(1), with = "minicbor::bytes")]
        secret: [u8; 32],
    },
    /// Funder: it will not fund, or asks the payer to give up.
    #[n(5)]
    Withdraw {
        /// The swap.
        #[cbor(n(0), with = "cbor::swap_id")]
        swap_id: SwapId,
    },
    /// Taker: is reachable here again.
    #[n(6)]
    Resume {
        /// The swap.
        #[cbor(n(0), with = "cbor::swap_id")]
        swap_id: SwapId,
    },
}

impl SwapRequest {
    /// The swap it is about.
    #[must_use]
    pub const fn swap_id(&self) -> SwapId {
        match self {
            Self::Open { swap_id, .. }
            | Self::Terms { swap_id, .. }
            | Self::Funded { swap_id, .. }
            | Self::Preimage { swap_id, .. }
            | Self::Key { swap_id, .. }
            | Self::Withdraw { swap_id }
            | Self::Resume { swap_id } => *swap_id,
        }
    }
}

impl fmt::Debug for SwapRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open {
                swap_id,
                quote,
                payer,
            } => f
                .debug_struct("Open")
                .field("swap_id", swap_id)
                .field("quote", quote)
                .field("payer", payer)
                .finish(),
            Self::Terms { swap_id, funder } => f
                .debug_struct("Terms")
                .field("swap_id", swap_id)
                .field("funder", funder)
                .finish(),
            Self::Funded { swap_id, tx } => f
                .debug_struct("Funded")
                .field("swap_id", swap_id)
                .field("tx", tx)
                .finish(),
            Self::Preimage { swap_id, preimage } => f
                .debug_struct("Preimage")
                .field("swap_id", swap_id)
                .field("preimage", &Secret32(*preimage))
                .finish(),
            Self::Key { swap_id, secret } => f
                .debug_struct("Key")
                .field("swap_id", swap_id)
                .field("secret", &Secret32(*secret))
                .finish(),
            Self::Withdraw { swap_id } => f
                .debug_struct("Withdraw")
                .field("swap_id", swap_id)
                .finish(),
            Self::Resume { swap_id } => f.debug_struct("Resume").field("swap_id", swap_id).finish(),
        }
    }
}

/// What the other side answers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum SwapReply {
    /// Taken and kept.
    #[n(0)]
    Ack,
    /// Not granted.
    #[n(1)]
    Refused(#[n(0)] Refusal),
    /// The maker's signed [`super::Acceptance`].
    #[n(2)]
    Accepted(#[n(0)] Signed),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_with_a_secret_does_not_print_it() {
        let swap_id = SwapId([1; 32]);
        let secret = [171; 32];
        for message in [
            SwapRequest::Preimage {
                swap_id,
                preimage: secret,
            },
            SwapRequest::Key { swap_id, secret },
        ] {
            for printed in [format!("{message:?}"), format!("{message:#?}")] {
                assert!(printed.contains("Secret32(..)"), "{printed}");
                assert!(!printed.contains("171"), "{printed}");
                assert!(!printed.contains("abab"), "{printed}");
            }
        }
    }
}
