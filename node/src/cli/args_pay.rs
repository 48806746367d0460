//! The words about Lightning invoices that are no part of a swap, and about this program itself.

use clap::Args;
use clap_complete::Shell;

use super::args_swap::amount;

/// No payment lasts longer (seconds): Lightning's last deadline is two weeks away at most.
const LONGEST_WAIT: u64 = 30 * 24 * 3600;

#[derive(Debug, Args)]
pub(super) struct InvoiceArgs {
    /// How much, in satoshis [default: the payer chooses]
    #[arg(value_name = "SAT", value_parser = amount)]
    pub(super) amount: Option<u64>,
    /// What it is for; the payer reads it
    #[arg(long, value_name = "TEXT")]
    pub(super) description: Option<String>,
    /// Seconds it can be paid for [default: 3600]
    #[arg(long, value_name = "SECONDS")]
    pub(super) expiry: Option<u32>,
    /// Draw no QR code
    #[arg(long)]
    pub(super) no_qr: bool,
}

#[derive(Debug, Args)]
pub(super) struct PayArgs {
    /// The invoice (BOLT11)
    #[arg(value_name = "INVOICE")]
    pub(super) invoice: String,
    /// How much, for an invoice that leaves it to you
    #[arg(long, value_name = "SAT", value_parser = amount)]
    pub(super) amount: Option<u64>,
    /// The most routing may cost [default: 1 % of the amount, at least 10 sat]
    #[arg(long, value_name = "SAT", value_parser = amount)]
    pub(super) max_fee: Option<u64>,
    /// So long to wait for the end; 0 returns as soon as the payment is under way
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=LONGEST_WAIT))]
    pub(super) timeout: u64,
    /// Do not ask, pay
    #[arg(long, short)]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct PaymentsArgs {
    /// The payment: its whole hash; all of them when not said
    pub(super) hash: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// Your shell
    pub(super) shell: Shell,
}
