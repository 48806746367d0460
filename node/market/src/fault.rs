//! A maker's broken word: what it signed, and when it should have kept it. Anybody can check it without asking anybody.
//! Spec 06.
//!
//! What is proved is what the maker signed. That this node did its own part (its payment was on its way) cannot be
//! proved to others: so nobody's word about a maker is ever taken, and the proof is for the owner, and for talking to the
//! maker.

use std::str::FromStr;

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Address, Amount};
use cambista_protocol::cbor;
use cambista_protocol::contract::{Contract, Keys};
use cambista_protocol::market::quote::Quote;
use cambista_protocol::message::Acceptance;
use cambista_protocol::signed::{Signed, Tag};
use cambista_protocol::terms::FunderTerms;
use cambista_protocol::words::{Direction, SwapId};
use serde::{Deserialize, Serialize};

/// The longest signed payload that is read (bytes).
const MAX_SIGNED: usize = 16_384;
/// Heights from here on are times to a transaction (Bitcoin's threshold for lock times), and no block's.
const NO_HEIGHT: u32 = 500_000_000;
/// How much the two sides' heights may differ when they agree (blocks).
const HEIGHT_SLACK: u32 = 6;

/// How a maker broke its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `out`: it did not fund the contract.
    NotFunded,
    /// `out`: it took its funding back before it counted.
    FundingWithdrawn,
    /// `in`: its payment never came.
    NotPaid,
    /// `in`: it did not claim what was funded.
    NotClaimed,
}

impl Kind {
    /// The direction it can happen in.
    const fn direction(self) -> Direction {
        match self {
            Self::NotFunded | Self::FundingWithdrawn => Direction::Out,
            Self::NotPaid | Self::NotClaimed => Direction::In,
        }
    }
}

/// What is kept of a broken word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// How it was broken.
    pub kind: Kind,
    /// The swap (hex).
    pub swap: String,
    /// The signed quote as received (CBOR; hex in JSON).
    #[serde(with = "as_hex")]
    pub quote: Vec<u8>,
    /// The signed acceptance as received (CBOR; hex in JSON).
    #[serde(with = "as_hex")]
    pub acceptance: Vec<u8>,
    /// This node's height when the terms were agreed.
    pub agreed_height: u32,
    /// Its height when it gave up on the maker.
    pub noticed_height: u32,
    /// When that was (Unix seconds).
    pub noticed_at: u64,
}

/// What the signatures in a [`Fault`] prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proved {
    /// Who signed.
    pub maker: PublicKey,
    /// Which way.
    pub direction: Direction,
    /// The amount of the swap.
    pub amount: Amount,
    /// The contract's address: where anybody can look what was paid to it and when.
    pub address: Option<Address>,
    /// The last height at which the funder may have funded.
    pub fund_until: u32,
    /// T.
    pub refund_height: Option<u32>,
}

/// Why a fault proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotProved {
    /// Bytes that are not what they are said to be.
    #[error("the signed {0} cannot be read")]
    Malformed(&'static str),
    /// Not signed by the maker.
    #[error("the {0} is not signed by the maker")]
    Signature(&'static str),
    /// Put together from two swaps.
    #[error("quote and acceptance are not of the same swap")]
    Mixed,
    /// A kind that this direction does not have, or an acceptance in which nothing is agreed yet.
    #[error("the maker had not accepted what it is said to have broken")]
    NotAgreed,
    /// The heights do not fit the terms, or the time to keep the word was not over.
    #[error("the heights do not fit the terms that were agreed")]
    Heights,
}

impl Fault {
    /// Checks everything that can be checked without a chain.
    ///
    /// # Errors
    /// [`NotProved`]: the first thing that is wrong.
    pub fn check(&self) -> Result<Proved, NotProved> {
        let read = |bytes, what| {
            cbor::from_slice::<Signed>(bytes, MAX_SIGNED).map_err(|_| NotProved::Malformed(what))
        };
        let signed_quote = read(&self.quote, "quote")?;
        let quote = Quote::open(&signed_quote).map_err(|_| NotProved::Signature("quote"))?;
        let signed = read(&self.acceptance, "acceptance")?;
        signed
            .verify(Tag::Accept, &quote.maker)
            .map_err(|_| NotProved::Signature("acceptance"))?;
        let acceptance =
            Acceptance::read(&signed).map_err(|_| NotProved::Malformed("acceptance"))?;
        let swap = SwapId::from_str(&self.swap).map_err(|_| NotProved::Malformed("swap id"))?;
        if acceptance.quote_id != signed_quote.id() || acceptance.swap_id != swap {
            return Err(NotProved::Mixed);
        }
        if self.kind.direction() != quote.direction {
            return Err(NotProved::NotAgreed);
        }
        // The file may be a stranger's: no sum of heights below may run over.
        if self.agreed_height >= NO_HEIGHT || self.noticed_height < self.agreed_height {
            return Err(NotProved::Heights);
        }
        let locks = quote.timelocks();
        let fund_until = locks.fund_until(self.agreed_height);
        let contract = match (&acceptance.funder, quote.direction) {
            (Some(funder), _) => Some(contract(&acceptance, funder)?),
            // The maker of an `in` signs its own terms first; the taker's are what it answers last.
            (None, Direction::In) => None,
            (None, Direction::Out) => return Err(NotProved::NotAgreed),
        };
        if let Some(funder) = &acceptance.funder {
            let own = locks.refund_height(self.agreed_height);
            if own.abs_diff(funder.refund_height) > HEIGHT_SLACK {
                return Err(NotProved::Heights);
            }
        }
        // Until then it could still have paid.
        if self.kind == Kind::NotPaid && self.noticed_height <= fund_until {
            return Err(NotProved::Heights);
        }
        let address = contract.and_then(|contract| {
            Address::from_script(&contract.script_pubkey(), quote.network).ok()
        });
        Ok(Proved {
            maker: quote.maker,
            direction: quote.direction,
            amount: quote.amount(),
            address,
            fund_until,
            refund_height: acceptance.funder.map(|funder| funder.refund_height),
        })
    }
}

fn contract(acceptance: &Acceptance, funder: &FunderTerms) -> Result<Contract, NotProved> {
    let payer = &acceptance.payer;
    let keys = Keys {
        payer_claim: payer.claim_key,
        payer_internal: payer.internal_key,
        funder_refund: funder.refund_key,
        funder_internal: funder.internal_key,
    };
    Contract::new(keys, payer.payment_hash, funder.refund_height)
        .map_err(|_| NotProved::Malformed("acceptance"))
}

/// Bytes as hex text.
mod as_hex {
    use bitcoin::hex::{DisplayHex as _, FromHex as _};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&bytes.to_lower_hex_string())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        Vec::from_hex(&text).map_err(D::Error::custom)
    }
}
