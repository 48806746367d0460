//! Asking for and paying Lightning invoices that are no part of a swap.

use std::str::FromStr as _;

use bitcoin::hashes::Hash as _;
use bitcoin::hex::DisplayHex as _;
use cambista_engine::ports::Clock as _;
use cambista_ldk::{Bolt11Invoice, Node, PayError, PayRequest};
use cambista_protocol::money::{MAX_MONEY_SAT, Msat};

use super::backend::stored;
use crate::adapters::system::SystemClock;
use crate::api::types::{AskInvoice, Invoice, PayInvoice, Payment, PaymentState, Problem};
use crate::payments::{BeginError, Payments};

/// So many payments are listed.
pub(super) const LISTED: u32 = 500;
/// An invoice can be paid for so long when nothing else is said (seconds).
const EXPIRY: u32 = 3600;
/// Blocks the money may be locked by whoever receives or forwards it: a week.
const MAX_DELTA: u32 = 1008;
/// Parts a payment may be split into.
const MAX_PARTS: u8 = 16;
/// New tries are made for so long (seconds).
const RETRY: u64 = 45;
/// What routing may cost at least when nothing else is said (msat).
const LEAST_FEE: u64 = 10_000;

fn as_invoice(text: &str) -> Result<Bolt11Invoice, Problem> {
    let text = text.trim();
    let text = text
        .split_once(':')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("lightning"))
        .map_or(text, |(_, rest)| rest);
    Bolt11Invoice::from_str(text).map_err(|error| {
        Problem::invalid(format!(
            "this is no Lightning invoice ({error}); nothing was sent"
        ))
        .next("cambista pay --help")
    })
}

/// Makes an invoice.
pub(super) fn invoice(node: &Node, ask: &AskInvoice) -> Result<Invoice, Problem> {
    let amount = ask.amount_sat.and_then(Msat::from_sat).map(|msat| msat.0);
    let description = ask.description.as_deref().unwrap_or_default();
    let expiry = ask.expiry_secs.unwrap_or(EXPIRY);
    let made = node
        .invoice(amount, description, expiry)
        .map_err(|error| Problem::invalid(error.to_string()).next("cambista invoice --help"))?;
    Ok(Invoice {
        invoice: made.to_string(),
        payment_hash: made.payment_hash().to_byte_array().to_lower_hex_string(),
        amount_sat: ask.amount_sat,
        expires_at: made.expires_at().map_or(0, |expires| expires.as_secs()),
    })
}

/// Begins to pay an invoice.
pub(super) fn pay(node: &Node, payments: &Payments, pay: &PayInvoice) -> Result<Payment, Problem> {
    let invoice = as_invoice(&pay.invoice)?;
    let hash = invoice.payment_hash().to_byte_array();
    let amount_msat = amount(&invoice, pay.amount_sat)?;
    let max_fee_msat = match pay.max_fee_sat {
        Some(sat) => sat.saturating_mul(1_000),
        None => (amount_msat / 100).max(LEAST_FEE),
    };
    let payee = invoice.get_payee_pub_key();
    if payee == node.node_id() {
        return Err(Problem::invalid(
            "this invoice is this node's own; nothing was sent",
        ));
    }
    let new = Payment {
        payment_hash: hash.to_lower_hex_string(),
        state: PaymentState::Pending,
        amount_msat,
        max_fee_msat,
        fee_msat: None,
        preimage: None,
        reason: None,
        payee: payee.to_string(),
        description: Some(invoice.description().to_string()).filter(|text| !text.is_empty()),
        invoice: invoice.to_string(),
        created_at: SystemClock.now(),
        ended_at: None,
    };
    let request = PayRequest {
        invoice: new.invoice.clone(),
        payment_id: hash,
        max_fee_msat,
        max_total_cltv_delta: MAX_DELTA,
        max_parts: MAX_PARTS,
        retry_secs: RETRY,
        first_hops: None,
        last_hop: None,
    };
    payments
        .begin(&hash, new, || node.pay_amount(&request, Some(amount_msat)))
        .map_err(refused)
}

/// What is to be paid (msat): what the invoice says, or what the payer says where it says nothing.
fn amount(invoice: &Bolt11Invoice, chosen_sat: Option<u64>) -> Result<u64, Problem> {
    let chosen = chosen_sat.map(|sat| sat.saturating_mul(1_000));
    let again = |text: &str| Problem::invalid(text).next("cambista pay INVOICE --amount SAT");
    match (invoice.amount_milli_satoshis(), chosen) {
        (Some(asked), _) if asked / 1_000 > MAX_MONEY_SAT => Err(again(
            "the invoice asks for more than all money there is; nothing was sent",
        )),
        (Some(asked), Some(chosen)) if chosen != asked => Err(Problem::invalid(format!(
            "the invoice asks for {asked} msat, not for {chosen} msat; nothing was sent"
        ))
        .next("cambista pay INVOICE")),
        (Some(asked), _) => Ok(asked),
        (None, Some(chosen)) => Ok(chosen),
        (None, None) => Err(again(
            "the invoice leaves the amount to the payer; nothing was sent",
        )),
    }
}

fn refused(error: BeginError) -> Problem {
    let text = error.to_string();
    match error {
        BeginError::OfSwap => Problem::refused(text).next("cambista swaps"),
        BeginError::Store(error) => stored(&error),
        BeginError::Pay(PayError::BadInvoice(_) | PayError::NoAmount) => Problem::invalid(text),
        BeginError::Pay(PayError::Store(_) | PayError::Other(_)) => Problem::internal(text),
        BeginError::Pay(PayError::Stopped) => Problem::unavailable(text).next("cambista run"),
        BeginError::Pay(_) => Problem::refused(text).next("cambista wallet balance"),
    }
}

/// No payment has this hash.
pub(super) fn unknown() -> Problem {
    Problem::not_found("there is no such payment").next("cambista payments")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// From BOLT 11: a donation of any amount, and a coffee for 2500 uBTC.
    const OPEN: &str = "lnbc1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq9qrsgq357wnc5r2ueh7ck6q93dj32dlqnls087fxdwk8qakdyafkq3yap9us6v52vjjsrvywa6rt52cm9r9zqt8r2t7mlcwspyetp5h2tztugp9lfyql";
    const COFFEE: &str = "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh";

    #[test]
    fn the_invoice_decides_the_amount_unless_it_leaves_it_open() {
        let open = as_invoice(&format!(" lightning:{OPEN}")).unwrap();
        assert_eq!(amount(&open, Some(7)).unwrap(), 7_000);
        assert!(
            amount(&open, None)
                .unwrap_err()
                .next
                .unwrap()
                .contains("--amount")
        );
        let coffee = as_invoice(&COFFEE.to_uppercase()).unwrap();
        assert_eq!(amount(&coffee, None).unwrap(), 250_000_000);
        assert_eq!(amount(&coffee, Some(250_000)).unwrap(), 250_000_000);
        assert!(amount(&coffee, Some(250_001)).is_err());
        assert!(as_invoice("lightning:").is_err());
    }
}
