//! What the API takes and gives about Lightning invoices that are no part of a swap.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub use crate::payments::{Payment, PaymentState};

/// Asks for an invoice of this node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskInvoice {
    /// How much (sat); the payer chooses when not said.
    pub amount_sat: Option<u64>,
    /// What it is for; the payer reads it.
    pub description: Option<String>,
    /// Seconds it can be paid for; an hour when not said.
    pub expiry_secs: Option<u32>,
}

/// An invoice of this node. Its payment is taken in by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invoice {
    /// BOLT11.
    pub invoice: String,
    /// Hex.
    pub payment_hash: String,
    /// How much (sat); none: the payer chooses.
    pub amount_sat: Option<u64>,
    /// Unix seconds.
    pub expires_at: u64,
}

/// Pays an invoice. Asked again for the same invoice it pays nothing twice: it answers how the payment stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayInvoice {
    /// BOLT11.
    pub invoice: String,
    /// How much (sat), for an invoice that leaves it open; else it may only repeat what the invoice says.
    pub amount_sat: Option<u64>,
    /// The most routing may cost (sat); 1 % of the amount and at least 10 sat when not said.
    pub max_fee_sat: Option<u64>,
    /// Wait so many seconds (30 at most) for the payment to end; 0 answers at once, as does an end.
    #[serde(default)]
    pub wait_secs: u64,
}

/// How to wait for a payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct PaymentQuery {
    /// Wait so many seconds (30 at most) for it to end; at once when not said.
    pub wait: Option<u64>,
}

/// Payments of invoices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentList {
    /// Newest first.
    pub payments: Vec<Payment>,
}

/// A transaction of the wallet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WalletTransaction {
    /// Its id.
    pub txid: String,
    /// What it did to the balance, its fee included (sat).
    pub net_sat: i64,
    /// Its miner fee (sat), when the wallet knows all it spends.
    pub fee_sat: Option<u64>,
    /// The block it is in.
    pub height: Option<u32>,
    /// Unix seconds: the block's time, or when it was first seen.
    pub time: Option<u64>,
}

/// The wallet's transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WalletHistory {
    /// Newest first.
    pub transactions: Vec<WalletTransaction>,
}
