//! Invoices, payments and the wallet's transactions as people read them.

use super::text::{plain, sat, sat_of, signed, stamp, table};
use crate::api::types::{Invoice, Payment, PaymentState, WalletTransaction};

/// An invoice to be paid by someone else.
pub(super) fn invoice(invoice: &Invoice) -> String {
    let amount = invoice
        .amount_sat
        .map_or_else(|| "any amount".to_owned(), sat);
    format!(
        "{}\n\nFor {amount}, to be paid until {} UTC.",
        whole(&invoice.invoice),
        stamp(invoice.expires_at)
    )
}

/// How a payment that was asked for stands.
pub(super) fn outcome(payment: &Payment, look: &str) -> String {
    match payment.state {
        PaymentState::Paid => format!(
            "Paid {}; routing cost {}.\nProof of payment {}",
            sat_of(payment.amount_msat),
            sat_of(payment.fee_msat.unwrap_or(0)),
            plain(payment.preimage.as_deref().unwrap_or_default())
        ),
        PaymentState::Failed => format!(
            "The payment failed: {}. The money is back in your channels.",
            reason(payment)
        ),
        PaymentState::Pending => format!(
            "The payment is under way: {} are locked until the receiver takes or refuses them, or they come back by \
             themselves.\nLook at it with: {look}",
            sat_of(payment.amount_msat)
        ),
    }
}

/// Everything about one.
pub(super) fn full(payment: &Payment) -> String {
    let mut text = format!(
        "Payment of {}: {}\n",
        sat_of(payment.amount_msat),
        word(payment.state)
    );
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("  {name:<12} {value}\n"));
        }
    };
    row("To", plain(&payment.payee));
    row(
        "For",
        payment
            .description
            .as_deref()
            .map(plain)
            .unwrap_or_default(),
    );
    row(
        "Routing",
        match payment.fee_msat {
            Some(fee) => sat_of(fee),
            None => format!("up to {}", sat_of(payment.max_fee_msat)),
        },
    );
    if payment.state == PaymentState::Failed {
        row("Why", reason(payment));
    }
    row("Hash", plain(&payment.payment_hash));
    row(
        "Proof",
        payment.preimage.as_deref().map(plain).unwrap_or_default(),
    );
    row("Began", format!("{} UTC", stamp(payment.created_at)));
    row(
        "Ended",
        payment
            .ended_at
            .map(|at| format!("{} UTC", stamp(at)))
            .unwrap_or_default(),
    );
    text
}

/// A list, newest first.
pub(super) fn list(payments: &[Payment]) -> String {
    let rows: Vec<Vec<String>> = payments
        .iter()
        .map(|payment| {
            vec![
                stamp(payment.created_at),
                sat_of(payment.amount_msat),
                payment.fee_msat.map(sat_of).unwrap_or_default(),
                word(payment.state).to_owned(),
                payment
                    .description
                    .as_deref()
                    .map(plain)
                    .unwrap_or_default(),
                plain(&payment.payment_hash),
            ]
        })
        .collect();
    table(
        &["began (UTC)", ">amount", ">routing", "state", "for", "hash"],
        &rows,
    )
}

const fn word(state: PaymentState) -> &'static str {
    match state {
        PaymentState::Pending => "under way",
        PaymentState::Paid => "paid",
        PaymentState::Failed => "failed",
    }
}

fn reason(payment: &Payment) -> String {
    plain(payment.reason.as_deref().unwrap_or("no reason was given"))
}

/// An invoice is letters and digits, however long; anything else is spelt out.
fn whole(invoice: &str) -> String {
    if invoice.chars().all(|letter| letter.is_ascii_alphanumeric()) {
        invoice.to_owned()
    } else {
        plain(invoice)
    }
}

/// The wallet's transactions, newest first.
pub(super) fn history(transactions: &[WalletTransaction]) -> String {
    let rows: Vec<Vec<String>> = transactions
        .iter()
        .map(|tx| {
            vec![
                tx.time.map(stamp).unwrap_or_default(),
                tx.height
                    .map_or_else(|| "unconfirmed".to_owned(), |height| height.to_string()),
                signed(tx.net_sat),
                tx.fee_sat.map(sat).unwrap_or_default(),
                plain(&tx.txid),
            ]
        })
        .collect();
    table(
        &[
            "time (UTC)",
            ">block",
            ">amount",
            ">miner fee",
            "transaction",
        ],
        &rows,
    )
}
