//! The deal: one swap's terms, rebuilt and checked by each side for itself.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, Network, ScriptBuf};
use serde::{Deserialize, Serialize};

use super::invoice::{self, Expected};
use super::{FunderTerms, InvoiceError, PayerTerms};
use crate::contract::{Contract, ContractError, Keys};
use crate::market::quote::Quote;
use crate::swap::Output;
use crate::timelock::{TimelockError, Timelocks};
use crate::words::{Direction, Role};

/// Everything about one swap that both sides know and each derived for itself.
///
/// Building one is the whole validation: a side that holds a `Deal` has checked every script, amount, height and
/// invoice field of it against the quote and its own view.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Deal {
    /// The network.
    pub network: Network,
    /// Which way the taker's money moves.
    pub direction: Direction,
    /// SAT: the exact value of the HTLC output.
    pub amount: Amount,
    /// The amount of the swap invoice.
    pub swap_amount: Amount,
    /// The amount of the prepay; zero when there is none.
    pub prepay_amount: Amount,
    /// H.
    pub payment_hash: [u8; 32],
    /// The prepay's hash, when there is a prepay.
    pub prepay_hash: Option<[u8; 32]>,
    /// The four keys of the contract.
    pub keys: Keys,
    /// T (block height).
    pub refund_height: u32,
    /// This side's own height when it agreed (h0): the windows to pay and to fund count from it.
    pub agreed_height: u32,
    /// N: confirmations the payer waits for.
    pub confirmations: u32,
    /// Whether the funder pays from outside its node.
    #[serde(default)]
    pub external: bool,
    /// The blocks everything else is derived from.
    pub locks: Timelocks,
    /// The node that is paid over Lightning.
    pub payee: PublicKey,
    /// The script of the HTLC output.
    pub script_pubkey: ScriptBuf,
}

/// What a side compares the terms with: its own view, never the peer's word.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    /// The role this side plays.
    pub role: Role,
    /// The network this node is on.
    pub network: Network,
    /// This side's tip (block height).
    pub height: u32,
    /// This side's clock (Unix seconds).
    pub now: u64,
    /// This side's terms were made from these two keys; the peer may not have changed them.
    pub script_key: &'a PublicKey,
    /// This side's internal key.
    pub internal_key: &'a PublicKey,
    /// The Lightning node the invoices must pay, where this side knows it.
    pub payee: Option<&'a PublicKey>,
}

/// Why terms are refused. Nothing is locked at this point.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DealError {
    /// The quote is for another network.
    #[error("the quote is for another network")]
    Network,
    /// The quote is no longer good.
    #[error("the quote has expired")]
    QuoteExpired,
    /// Amounts that do not come out.
    #[error("the quote's amounts do not add up")]
    Amounts,
    /// T is not where this side's own tip puts it.
    #[error("the refund height {theirs} is too far from the {own} our own chain gives")]
    RefundHeight {
        /// The height in the terms.
        theirs: u32,
        /// This side's height + delta.
        own: u32,
    },
    /// The four keys are not four.
    #[error("the contract's four keys are not all different")]
    KeysNotDistinct,
    /// Our own keys came back changed.
    #[error("the terms do not carry our own keys")]
    OurKeys,
    /// A prepay where none was quoted, or none where one was.
    #[error("the terms' prepay is not the quoted one")]
    Prepay,
    /// The prepay is on the swap's own hash.
    #[error("the prepay uses the swap's payment hash")]
    PrepayHash,
    /// The swap invoice is not as agreed.
    #[error("the swap invoice is not as agreed: {0}")]
    SwapInvoice(InvoiceError),
    /// The prepay invoice is not as agreed.
    #[error("the prepay invoice is not as agreed: {0}")]
    PrepayInvoice(InvoiceError),
    /// Too few or too many confirmations.
    #[error("{0} confirmations cannot be waited for in this swap")]
    Confirmations(u32),
    /// Timelocks that cannot carry the swap.
    #[error(transparent)]
    Timelocks(#[from] TimelockError),
    /// Keys or height that make no contract.
    #[error(transparent)]
    Contract(#[from] ContractError),
}

/// The most confirmations a payer may wait for.
const MAX_CONFIRMATIONS: u32 = 12;

impl Deal {
    /// Rebuilds and checks everything.
    ///
    /// # Errors
    /// [`DealError`]: the first thing that differs. Nothing is locked yet and nothing was promised.
    pub fn agree(
        quote: &Quote,
        payer: &PayerTerms,
        funder: &FunderTerms,
        own: &Own<'_>,
    ) -> Result<Self, DealError> {
        if quote.network != own.network {
            return Err(DealError::Network);
        }
        if quote.valid_until < own.now {
            return Err(DealError::QuoteExpired);
        }
        let locks = quote.timelocks();
        if !(1..=MAX_CONFIRMATIONS).contains(&payer.confirmations)
            || (quote.direction == Direction::In && payer.confirmations != quote.confirmations)
        {
            return Err(DealError::Confirmations(payer.confirmations));
        }
        locks.check(payer.confirmations)?;
        if !locks.refund_height_ok(own.height, funder.refund_height) {
            return Err(DealError::RefundHeight {
                theirs: funder.refund_height,
                own: locks.refund_height(own.height),
            });
        }
        let keys = Self::keys(payer, funder, own)?;
        let contract = Contract::new(keys, payer.payment_hash, funder.refund_height)?;
        let swap_amount = quote.swap_invoice().ok_or(DealError::Amounts)?;
        let expected = Expected {
            network: own.network,
            payment_hash: Some(&payer.payment_hash),
            amount: swap_amount,
            payee: own.payee,
            stated_delta: locks.stated_delta(),
            now: own.now,
        };
        let swap =
            invoice::check(&funder.swap_invoice, &expected).map_err(DealError::SwapInvoice)?;
        let prepay_hash = match (&funder.prepay_invoice, quote.prepay_sat) {
            (None, 0) => None,
            (Some(text), 1..) => {
                let expected = Expected {
                    payment_hash: None,
                    amount: quote.prepay(),
                    payee: Some(&swap.payee),
                    ..expected
                };
                let prepay = invoice::check(text, &expected).map_err(DealError::PrepayInvoice)?;
                if prepay.payment_hash == payer.payment_hash {
                    return Err(DealError::PrepayHash);
                }
                Some(prepay.payment_hash)
            }
            _ => return Err(DealError::Prepay),
        };
        Ok(Self {
            network: own.network,
            direction: quote.direction,
            amount: quote.amount(),
            swap_amount,
            prepay_amount: quote.prepay(),
            payment_hash: payer.payment_hash,
            prepay_hash,
            keys,
            refund_height: funder.refund_height,
            agreed_height: own.height,
            confirmations: payer.confirmations,
            external: quote.external,
            locks,
            payee: swap.payee,
            script_pubkey: contract.script_pubkey(),
        })
    }

    fn keys(payer: &PayerTerms, funder: &FunderTerms, own: &Own<'_>) -> Result<Keys, DealError> {
        let keys = Keys {
            payer_claim: payer.claim_key,
            payer_internal: payer.internal_key,
            funder_refund: funder.refund_key,
            funder_internal: funder.internal_key,
        };
        // Compared by x-coordinate: a key and its negation sign for each other.
        let mut xs = [
            keys.payer_claim,
            keys.payer_internal,
            keys.funder_refund,
            keys.funder_internal,
        ]
        .map(|key| key.x_only_public_key().0);
        xs.sort_unstable();
        if xs.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(DealError::KeysNotDistinct);
        }
        let ours = match own.role {
            Role::Payer => (&keys.payer_claim, &keys.payer_internal),
            Role::Funder => (&keys.funder_refund, &keys.funder_internal),
        };
        if ours != (own.script_key, own.internal_key) {
            return Err(DealError::OurKeys);
        }
        Ok(keys)
    }

    /// The contract, rebuilt.
    ///
    /// # Errors
    /// Those of [`Contract::new`]; none for a deal that was agreed.
    pub fn contract(&self) -> Result<Contract, ContractError> {
        Contract::new(self.keys, self.payment_hash, self.refund_height)
    }

    /// How many confirmations the payer waits for on an output confirmed at this height. From the height on at which
    /// an honest funder replaces an unconfirmed funding its replacement is public, and wins even a shallow
    /// reorganisation: such an output counts only once it is buried.
    #[must_use]
    pub fn needed_confirmations(&self, confirmed: u32) -> u32 {
        let replaced_from = self
            .locks
            .replace_funding_from(self.refund_height, self.confirmations);
        if confirmed >= replaced_from {
            self.confirmations.max(self.locks.reorg_depth)
        } else {
            self.confirmations
        }
    }

    /// Whether an output has the confirmations the payer waits for at `height`.
    #[must_use]
    pub fn is_confirmed(&self, output: &Output, height: u32) -> bool {
        output
            .confirmed
            .is_some_and(|at| output.has_confirmations(self.needed_confirmations(at), height))
    }

    /// The hashes this swap holds over Lightning.
    pub fn hashes(&self) -> impl Iterator<Item = [u8; 32]> {
        std::iter::once(self.payment_hash).chain(self.prepay_hash)
    }
}
