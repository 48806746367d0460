//! Checking a hold invoice field by field against what was agreed.

use std::str::FromStr;

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, Network};
use lightning_invoice::{Bolt11Invoice, Currency};

use crate::money::Msat;

/// The longest invoice accepted (characters); BOLT11 invoices of swaps stay far below.
const MAX_INVOICE: usize = 2048;

/// What in an invoice is not as agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvoiceError {
    /// Not a BOLT11 invoice, or one with a bad signature.
    #[error("the invoice is not a valid BOLT11 invoice")]
    Malformed,
    /// For another network.
    #[error("the invoice is for another network")]
    Network,
    /// On another payment hash.
    #[error("the invoice is on another payment hash")]
    PaymentHash,
    /// For another amount.
    #[error("the invoice is for another amount than quoted")]
    Amount,
    /// Payable to another node.
    #[error("the invoice pays another node than the one that quoted")]
    Payee,
    /// Another final CLTV delta.
    #[error("the invoice's final CLTV delta is not the one the timelocks need")]
    FinalDelta,
    /// Already expired.
    #[error("the invoice has expired")]
    Expired,
}

/// What an invoice must say.
pub(super) struct Expected<'a> {
    pub(super) network: Network,
    pub(super) payment_hash: Option<&'a [u8; 32]>,
    pub(super) amount: Amount,
    pub(super) payee: Option<&'a PublicKey>,
    pub(super) stated_delta: u32,
    pub(super) now: u64,
}

/// What the rest of the protocol wants to know of a checked invoice.
pub(super) struct Checked {
    pub(super) payment_hash: [u8; 32],
    pub(super) payee: PublicKey,
}

pub(super) fn check(text: &str, expected: &Expected<'_>) -> Result<Checked, InvoiceError> {
    if text.len() > MAX_INVOICE {
        return Err(InvoiceError::Malformed);
    }
    let invoice = Bolt11Invoice::from_str(text).map_err(|_| InvoiceError::Malformed)?;
    let currency = match expected.network {
        Network::Bitcoin => Currency::Bitcoin,
        Network::Testnet => Currency::BitcoinTestnet,
        Network::Signet => Currency::Signet,
        _ => Currency::Regtest,
    };
    if invoice.currency() != currency {
        return Err(InvoiceError::Network);
    }
    let payment_hash: [u8; 32] = *AsRef::<[u8; 32]>::as_ref(invoice.payment_hash());
    if expected.payment_hash.is_some_and(|h| *h != payment_hash) {
        return Err(InvoiceError::PaymentHash);
    }
    let msat = Msat::from_sat(expected.amount.to_sat()).ok_or(InvoiceError::Amount)?;
    if invoice.amount_milli_satoshis() != Some(msat.0) {
        return Err(InvoiceError::Amount);
    }
    let payee = invoice.get_payee_pub_key();
    if expected.payee.is_some_and(|p| *p != payee) {
        return Err(InvoiceError::Payee);
    }
    if invoice.min_final_cltv_expiry_delta() != u64::from(expected.stated_delta) {
        return Err(InvoiceError::FinalDelta);
    }
    let expires = invoice.expires_at().map_or(u64::MAX, |at| at.as_secs());
    if expires <= expected.now {
        return Err(InvoiceError::Expired);
    }
    Ok(Checked {
        payment_hash,
        payee,
    })
}
