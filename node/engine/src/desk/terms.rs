//! The terms each role brings, whichever side it is.

use bitcoin::Amount;
use cambista_protocol::market::quote::Quote;
use cambista_protocol::terms::{FunderTerms, PayerTerms};

use crate::ports::{HoldRequest, Lightning, PortError, SwapSecrets};

/// Seconds a hold invoice can be paid: the window to pay in blocks is shorter nearly always.
const INVOICE_SECS: u32 = 3600;

/// The terms of a payer.
pub(crate) fn payer_terms(secrets: &SwapSecrets, confirmations: u32) -> PayerTerms {
    PayerTerms {
        payment_hash: secrets.payment_hash(),
        claim_key: secrets.script_key.public_key(),
        internal_key: secrets.internal_key.public_key(),
        confirmations,
    }
}

/// The terms of a funder at a height.
pub(crate) fn funder_terms(
    lightning: &impl Lightning,
    quote: &Quote,
    payment_hash: &[u8; 32],
    secrets: &SwapSecrets,
    height: u32,
) -> Result<FunderTerms, PortError> {
    let locks = quote.timelocks();
    let hold = |payment_hash, amount| {
        lightning.hold_invoice(&HoldRequest {
            payment_hash,
            amount,
            final_delta: locks.invoice_delta(),
            expiry_secs: INVOICE_SECS,
        })
    };
    let swap = quote
        .swap_invoice()
        .ok_or_else(|| PortError("the quote has no amount".into()))?;
    let prepay_invoice = match quote.prepay() {
        Amount::ZERO => None,
        prepay => Some(hold(secrets.payment_hash(), prepay)?),
    };
    Ok(FunderTerms {
        refund_key: secrets.script_key.public_key(),
        internal_key: secrets.internal_key.public_key(),
        refund_height: locks.refund_height(height),
        swap_invoice: hold(*payment_hash, swap)?,
        prepay_invoice,
        last_hop: None,
    })
}
