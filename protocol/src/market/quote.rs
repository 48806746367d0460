//! A firm quote: every amount of one swap, signed by the maker, good until a stated second. Spec 04.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, Network};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::cbor::{self, Malformed};
use crate::money::{MAX_MONEY_SAT, add_signed};
use crate::signed::{BadSignature, Signed, Tag};
use crate::timelock::{MAX_REFUND_DELTA, MIN_REFUND_DELTA, TimelockError, Timelocks};
use crate::words::Direction;

/// The longest a signed quote may be on the wire (bytes).
pub const MAX_QUOTE: usize = 1024;
/// The prepay is at most this fraction of the amount.
const PREPAY_SHARE: u64 = 5;

/// What a maker promises for one swap.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
pub struct Quote {
    /// The network both chains of events happen on.
    #[cbor(n(0), with = "cbor::network")]
    pub network: Network,
    /// The maker's Lightning node; the signature is by this key.
    #[cbor(n(1), with = "cbor::public_key")]
    pub maker: PublicKey,
    /// Which way the taker's money moves.
    #[cbor(n(2), with = "cbor::direction")]
    pub direction: Direction,
    /// SAT: the value of the HTLC output (sat).
    #[n(3)]
    pub amount_sat: u64,
    /// The maker's fee, its own chain costs included (sat). Negative pays the taker.
    #[n(4)]
    pub maker_fee_sat: i64,
    /// `out`: the part of the Lightning payment that pays the maker's chain fees if the taker walks away (sat).
    #[n(5)]
    pub prepay_sat: u64,
    /// T is the agreed height plus this (blocks).
    #[n(6)]
    pub refund_delta: u32,
    /// `in`: how many confirmations the maker waits for. `out`: 0, the taker says it in its terms.
    #[n(7)]
    pub confirmations: u32,
    /// Terms may be opened on this quote until this second (Unix time).
    #[n(8)]
    pub valid_until: u64,
    /// Drawn by the maker: makes the quote single-use.
    #[cbor(n(9), with = "minicbor::bytes")]
    pub nonce: [u8; 16],
    /// `in`: the taker may fund from outside, within [`crate::timelock::EXTERNAL_FUND_WINDOW`] blocks.
    #[n(10)]
    pub external: bool,
}

/// Why a quote is not acceptable whatever the terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// Not the bytes of a quote.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Signed by someone else.
    #[error(transparent)]
    Signature(#[from] BadSignature),
    /// Amounts that cannot be: zero, above all money, a fee above the amount, or a prepay where none belongs.
    #[error("the quote's amounts do not add up")]
    Amounts,
    /// Timelocks that cannot carry a swap.
    #[error(transparent)]
    Timelocks(#[from] TimelockError),
}

impl Quote {
    /// Reads a signed quote and checks signature, amounts and timelocks. The moment it is good until and the network
    /// are for the caller to compare.
    ///
    /// # Errors
    /// [`QuoteError`], the first thing that is wrong.
    pub fn open(signed: &Signed) -> Result<Self, QuoteError> {
        let quote: Self = cbor::from_slice(&signed.payload, MAX_QUOTE)?;
        signed.verify(Tag::Quote, &quote.maker)?;
        quote.check()?;
        Ok(quote)
    }

    /// Checks amounts and timelocks.
    ///
    /// # Errors
    /// [`QuoteError::Amounts`] or [`QuoteError::Timelocks`].
    pub fn check(&self) -> Result<(), QuoteError> {
        if self.amount_sat == 0 || self.amount_sat > MAX_MONEY_SAT {
            return Err(QuoteError::Amounts);
        }
        if self.direction == Direction::In && self.prepay_sat != 0 {
            return Err(QuoteError::Amounts);
        }
        // The prepay is money at risk with the maker: never more than a fifth, whatever the fees.
        if self.prepay_sat > self.amount_sat / PREPAY_SHARE {
            return Err(QuoteError::Amounts);
        }
        if self.external && self.direction == Direction::Out {
            return Err(QuoteError::Amounts);
        }
        self.swap_invoice()
            .filter(|a| a.to_sat() > 0)
            .ok_or(QuoteError::Amounts)?;
        if self.network != Network::Regtest && self.refund_delta < MIN_REFUND_DELTA {
            return Err(TimelockError::TooShort.into());
        }
        if self.refund_delta > MAX_REFUND_DELTA {
            return Err(TimelockError::TooLong.into());
        }
        let confirmations = if self.direction == Direction::In {
            self.confirmations
        } else {
            1
        };
        self.timelocks().check(confirmations)?;
        Ok(())
    }

    /// SAT.
    #[must_use]
    pub const fn amount(&self) -> Amount {
        Amount::from_sat(self.amount_sat)
    }

    /// The amount of the swap invoice. Out: SAT + fee - prepay; in: SAT - fee. `None` when that is no amount.
    #[must_use]
    pub fn swap_invoice(&self) -> Option<Amount> {
        match self.direction {
            Direction::Out => {
                add_signed(self.amount(), self.maker_fee_sat)?.checked_sub(self.prepay())
            }
            Direction::In => add_signed(self.amount(), self.maker_fee_sat.checked_neg()?),
        }
    }

    /// The prepay's amount; zero where there is none.
    #[must_use]
    pub const fn prepay(&self) -> Amount {
        Amount::from_sat(self.prepay_sat)
    }

    /// The blocks of this swap.
    #[must_use]
    pub const fn timelocks(&self) -> Timelocks {
        let locks = Timelocks::new(self.direction, self.refund_delta);
        if self.external {
            locks.funded_from_outside()
        } else {
            locks
        }
    }
}
