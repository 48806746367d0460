//! Lightning invoices that are no part of a swap: asking for one, paying one.

use axum::Json;
use axum::extract::State as Shared;
use bitcoin::hex::FromHex as _;
use cambista_protocol::money::MAX_MONEY_SAT;

use super::extract::{Body, Id, Params};
use super::problem::Problem;
use super::state::{State, uncancelled};
use super::types::{
    AskInvoice, Invoice, PayInvoice, Payment, PaymentList, PaymentQuery, PaymentState,
};
use super::wait::until;

/// The longest an invoice may be paid for (seconds): 90 days.
const MAX_EXPIRY: u32 = 90 * 24 * 3600;

/// Asks for an invoice of this node.
#[utoipa::path(post, path = "/invoices", tag = "lightning", request_body = AskInvoice,
    responses((status = 200, body = Invoice), (status = "default", body = Problem)))]
pub(super) async fn invoice(
    Shared(state): Shared<State>,
    Body(ask): Body<AskInvoice>,
) -> Result<Json<Invoice>, Problem> {
    money(ask.amount_sat).map_err(|problem| problem.next("cambista invoice --help"))?;
    if ask
        .expiry_secs
        .is_some_and(|secs| !(1..=MAX_EXPIRY).contains(&secs))
    {
        return Err(Problem::invalid(format!(
            "an invoice can be paid for 1 to {MAX_EXPIRY} seconds; none was made"
        ))
        .next("cambista invoice --help"));
    }
    Ok(Json(state.backend.invoice(ask).await?))
}

/// Pays an invoice of anyone else. A hold invoice stays pending until its receiver decides.
#[utoipa::path(post, path = "/payments", tag = "lightning", request_body = PayInvoice,
    responses((status = 200, body = Payment), (status = "default", body = Problem)))]
pub(super) async fn pay(
    Shared(state): Shared<State>,
    Body(pay): Body<PayInvoice>,
) -> Result<Json<Payment>, Problem> {
    money(pay.amount_sat).map_err(|problem| problem.next("cambista pay --help"))?;
    if pay.max_fee_sat.is_some_and(|fee| fee > MAX_MONEY_SAT) {
        return Err(Problem::invalid(
            "the fee limit is above all money there is; nothing was sent",
        ));
    }
    let wait = pay.wait_secs;
    let backend = state.backend.clone();
    let begun = uncancelled(async move { backend.pay(pay).await }).await?;
    Ok(Json(ended(&state, &begun.payment_hash, wait).await?))
}

/// The newest payments of invoices.
#[utoipa::path(get, path = "/payments", tag = "lightning",
    responses((status = 200, body = PaymentList), (status = "default", body = Problem)))]
pub(super) async fn payments(Shared(state): Shared<State>) -> Result<Json<PaymentList>, Problem> {
    Ok(Json(PaymentList {
        payments: state.backend.payments().await?,
    }))
}

/// One payment; with `wait`, once it has ended.
#[utoipa::path(get, path = "/payments/{hash}", tag = "lightning",
    params(("hash" = String, Path, description = "The payment hash (hex)"), PaymentQuery),
    responses((status = 200, body = Payment), (status = "default", body = Problem)))]
pub(super) async fn payment(
    Shared(state): Shared<State>,
    Id(hash): Id,
    Params(query): Params<PaymentQuery>,
) -> Result<Json<Payment>, Problem> {
    Ok(Json(ended(&state, &hash, query.wait.unwrap_or(0)).await?))
}

/// The payment, waited for at most so many seconds.
async fn ended(state: &State, hash: &str, wait: u64) -> Result<Payment, Problem> {
    let id = <[u8; 32]>::from_hex(hash).map_err(|_| {
        Problem::invalid("a payment is named by its hash, 64 hex digits").next("cambista payments")
    })?;
    until(
        state,
        state.backend.payment_changes(),
        wait,
        || state.backend.payment(id),
        |payment| payment.state != PaymentState::Pending,
    )
    .await
}

fn money(sat: Option<u64>) -> Result<(), Problem> {
    match sat {
        Some(sat) if sat == 0 || sat > MAX_MONEY_SAT => Err(Problem::invalid(format!(
            "{sat} sat cannot be paid; nothing was done"
        ))),
        _ => Ok(()),
    }
}
