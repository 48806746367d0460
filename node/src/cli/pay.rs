//! `invoice`, `pay` and `payments`: Lightning without a swap.

use std::str::FromStr as _;
use std::time::{Duration, Instant};

use cambista_ldk::Bolt11Invoice;

use super::args_pay::{InvoiceArgs, PayArgs, PaymentsArgs};
use super::context::Context;
use super::failure::{Exit, Failure};
use super::follow::on_interrupt;
use super::show_pay;
use super::text::{ends, plain, sat, sat_of};
use crate::api::types::{AskInvoice, Invoice, PayInvoice, Payment, PaymentList, PaymentState};
use crate::client::Client;

/// So long the API may wait for something to happen (seconds).
const WAIT: u64 = 25;

/// Asks for an invoice of this node.
pub(super) fn invoice(context: &Context, args: &InvoiceArgs) -> Result<(), Failure> {
    let ask = AskInvoice {
        amount_sat: args.amount,
        description: args.description.clone(),
        expiry_secs: args.expiry,
    };
    let made: Invoice = context.client()?.post("/invoices", &ask)?;
    // Capitals make a smaller code and mean the same.
    context.qr(&made.invoice.to_uppercase(), args.no_qr);
    context.show(&made, || show_pay::invoice(&made));
    Ok(())
}

/// Pays an invoice and waits for the end.
pub(super) fn pay(context: &Context, args: &PayArgs) -> Result<Exit, Failure> {
    let client = context.client()?;
    context.confirm(&question(args)?, args.yes)?;
    let deadline = Instant::now() + Duration::from_secs(args.timeout);
    let pay = PayInvoice {
        invoice: args.invoice.clone(),
        amount_sat: args.amount,
        max_fee_sat: args.max_fee,
        // The first answer is the payment's name; only then is it waited for.
        wait_secs: 0,
    };
    let begun: Payment = client.post("/payments", &pay)?;
    let name = plain(&begun.payment_hash);
    let look = context.command(&format!("cambista payments {name}"));
    let payment = match begun.state {
        PaymentState::Pending if args.timeout > 0 => {
            on_interrupt(format!("\nIt goes on without you: {look}"), 130);
            ended(&client, begun, deadline)?
        }
        _ => begun,
    };
    context.show(&payment, || show_pay::outcome(&payment, &look));
    Ok(match payment.state {
        PaymentState::Paid => Exit::Done,
        PaymentState::Failed => Exit::SwapFailed,
        PaymentState::Pending if args.timeout == 0 => Exit::Done,
        PaymentState::Pending => Exit::ActionNeeded,
    })
}

/// Shows one payment, or the newest.
pub(super) fn payments(context: &Context, args: &PaymentsArgs) -> Result<(), Failure> {
    let client = context.client()?;
    if let Some(hash) = &args.hash {
        let payment: Payment = client.get(&path(hash)?, &[])?;
        context.show(&payment, || show_pay::full(&payment));
        return Ok(());
    }
    let list: PaymentList = client.get("/payments", &[])?;
    context.show(&list, || match list.payments.as_slice() {
        [] => format!(
            "No payments yet.\nNext: {}",
            context.command("cambista pay INVOICE")
        ),
        payments => show_pay::list(payments),
    });
    Ok(())
}

fn path(hash: &str) -> Result<String, Failure> {
    if hash.len() != 64 || !hash.chars().all(|letter| letter.is_ascii_hexdigit()) {
        return Err(Failure::usage(
            "a payment is named by its hash, 64 hex digits",
            "cambista payments",
        ));
    }
    Ok(format!("/payments/{}", hash.to_lowercase()))
}

fn ended(client: &Client, mut payment: Payment, deadline: Instant) -> Result<Payment, Failure> {
    let path = path(&payment.payment_hash)?;
    while payment.state == PaymentState::Pending {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let wait = left.as_secs().clamp(1, WAIT);
        payment = client.get(&path, &[("wait", wait.to_string())])?;
    }
    Ok(payment)
}

/// What is asked before money moves; the invoice is read here, so that no node has to be believed.
fn question(args: &PayArgs) -> Result<String, Failure> {
    let wrong = |text: String| Failure::usage(text, "cambista pay --help");
    let text = args.invoice.trim();
    let text = text
        .split_once(':')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("lightning"))
        .map_or(text, |(_, rest)| rest);
    let invoice = Bolt11Invoice::from_str(text).map_err(|error| {
        wrong(format!(
            "this is no Lightning invoice ({error}); nothing was sent"
        ))
    })?;
    let amount = match (invoice.amount_milli_satoshis(), args.amount) {
        (Some(msat), _) => sat_of(msat),
        (None, Some(amount)) => sat(amount),
        (None, None) => {
            return Err(Failure::usage(
                "the invoice leaves the amount to you: say it with --amount; nothing was sent",
                "cambista pay INVOICE --amount SAT",
            ));
        }
    };
    let what = invoice.description().to_string();
    let what = match what.as_str() {
        "" => String::new(),
        what => format!(" for \"{}\"", plain(what)),
    };
    let limit = match args.max_fee {
        Some(fee) => sat(fee),
        None => "1 % (at least 10 sat)".to_owned(),
    };
    let payee = ends(&invoice.get_payee_pub_key().to_string());
    Ok(format!(
        "Pay {amount} to {payee}{what}, and up to {limit} for routing?"
    ))
}
