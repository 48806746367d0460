//! Paying Lightning invoices that are no part of a swap: what was begun and what became of it.
//!
//! A payment is written down before Lightning is told of it, under its payment hash, which names it for Lightning too: no
//! invoice is ever paid twice, whatever crashes in between.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitcoin::hex::DisplayHex as _;
use cambista_ldk::LightningEvent;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::store::{Store, StoreError};

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Under way, or held by whoever receives it.
    Pending,
    /// The receiver has it.
    Paid,
    /// It came back whole.
    Failed,
}

/// The payment of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Payment {
    /// Names the payment (hex).
    pub payment_hash: String,
    /// Where it stands.
    pub state: PaymentState,
    /// What the receiver gets (msat).
    pub amount_msat: u64,
    /// The most routing may cost (msat).
    pub max_fee_msat: u64,
    /// What routing cost (msat), once it is paid.
    pub fee_msat: Option<u64>,
    /// The proof of payment (hex), once it is paid.
    pub preimage: Option<String>,
    /// Why it failed.
    pub reason: Option<String>,
    /// Who receives it (33-byte key, hex).
    pub payee: String,
    /// What it is for, in the receiver's words.
    pub description: Option<String>,
    /// The invoice.
    pub invoice: String,
    /// Unix seconds.
    pub created_at: u64,
    /// Unix seconds, once it has ended.
    pub ended_at: Option<u64>,
}

/// Why a payment was not begun. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The hash is a swap's: paying it by hand could pay twice.
    #[error(
        "this invoice belongs to a swap of this node, which pays it by itself; nothing was sent"
    )]
    OfSwap,
    /// Lightning says no.
    #[error("{0}")]
    Pay(cambista_ldk::PayError),
    /// It could not be written down.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Every payment of an invoice, on the disk.
#[derive(Debug)]
pub struct Payments {
    store: Arc<Store>,
    changes: watch::Sender<u64>,
    /// One change at a time: a payment is looked up and written in one go.
    one: Mutex<()>,
}

impl Payments {
    /// Those of this store.
    #[must_use]
    pub fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            changes: watch::Sender::new(0),
            one: Mutex::new(()),
        }
    }

    fn alone(&self) -> MutexGuard<'_, ()> {
        self.one.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts up with every payment that ends.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The payment on this hash.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get(&self, hash: &[u8; 32]) -> Result<Option<Payment>, StoreError> {
        self.store.payment(hash)
    }

    /// The newest `limit` payments, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn list(&self, limit: u32) -> Result<Vec<Payment>, StoreError> {
        self.store.payments(limit)
    }

    /// Writes a payment down, then lets `send` hand it to Lightning. One that is under way or paid is not begun again: it
    /// is the answer.
    ///
    /// # Errors
    /// [`BeginError`]; nothing was sent then.
    pub fn begin(
        &self,
        hash: &[u8; 32],
        new: Payment,
        send: impl FnOnce() -> Result<(), cambista_ldk::PayError>,
    ) -> Result<Payment, BeginError> {
        let _alone = self.alone();
        if let Some(known) = self.store.payment(hash)?
            && known.state != PaymentState::Failed
        {
            return Ok(known);
        }
        if self.store.is_of_swap(hash)? {
            return Err(BeginError::OfSwap);
        }
        self.store.set_payment(hash, &new)?;
        if let Err(error) = send() {
            let failed = Payment {
                state: PaymentState::Failed,
                reason: Some(error.to_string()),
                ended_at: Some(new.created_at),
                ..new
            };
            self.store.set_payment(hash, &failed)?;
            return Err(BeginError::Pay(error));
        }
        Ok(new)
    }

    /// Takes in what Lightning says of payments; what is not about one of these is left to others.
    ///
    /// # Errors
    /// When it could not be written: Lightning must say it again.
    pub fn hear(&self, event: &LightningEvent, now: u64) -> Result<(), StoreError> {
        match event {
            LightningEvent::Sent {
                payment_id,
                preimage,
                fee_msat,
                ..
            } => self.end(payment_id, |payment| {
                payment.state = PaymentState::Paid;
                payment.fee_msat = Some(*fee_msat);
                payment.preimage = Some(preimage.to_lower_hex_string());
                payment.reason = None;
                payment.ended_at = Some(now);
            }),
            LightningEvent::PaymentFailed {
                payment_id, reason, ..
            } => self.fail(payment_id, plainly(reason), now),
            _ => Ok(()),
        }
    }

    /// Ends payments that were written down but never handed to Lightning because the node ended in between.
    /// `is_known` says whether Lightning knows one. To be called once Lightning runs.
    ///
    /// # Errors
    /// When they could not be read or written.
    pub fn drop_unsent(
        &self,
        is_known: impl Fn(&[u8; 32]) -> bool,
        now: u64,
    ) -> Result<(), StoreError> {
        use bitcoin::hex::FromHex as _;
        for payment in self.store.payments(u32::MAX)? {
            let hash = <[u8; 32]>::from_hex(&payment.payment_hash);
            if let (PaymentState::Pending, Ok(hash)) = (payment.state, hash)
                && !is_known(&hash)
            {
                let reason = "the node ended before it was sent";
                self.fail(&hash, reason.to_owned(), now)?;
            }
        }
        Ok(())
    }

    fn fail(&self, hash: &[u8; 32], reason: String, now: u64) -> Result<(), StoreError> {
        self.end(hash, |payment| {
            if payment.state == PaymentState::Pending {
                payment.state = PaymentState::Failed;
                payment.reason = Some(reason);
                payment.ended_at = Some(now);
            }
        })
    }

    fn end(&self, hash: &[u8; 32], change: impl FnOnce(&mut Payment)) -> Result<(), StoreError> {
        let _alone = self.alone();
        if let Some(mut payment) = self.store.payment(hash)? {
            change(&mut payment);
            self.store.set_payment(hash, &payment)?;
            self.changes
                .send_modify(|count| *count = count.wrapping_add(1));
        }
        Ok(())
    }
}

/// Why it failed, for a person.
fn plainly(reason: &str) -> String {
    match reason {
        "RouteNotFound" | "RetriesExhausted" => {
            "no way to the receiver within the limits carried it"
        }
        "RecipientRejected" => "the receiver refused it",
        "PaymentExpired" | "InvoiceRequestExpired" => "the invoice expired first",
        "UserAbandoned" => "it was given up",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use cambista_ldk::PayError;

    use super::*;

    const HASH: [u8; 32] = [7; 32];

    fn payments() -> (tempfile::TempDir, Payments) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("db")).unwrap();
        (dir, Payments::new(Arc::new(store)))
    }

    fn new() -> Payment {
        Payment {
            payment_hash: HASH.to_lower_hex_string(),
            state: PaymentState::Pending,
            amount_msat: 5_000,
            max_fee_msat: 100,
            fee_msat: None,
            preimage: None,
            reason: None,
            payee: "02".into(),
            description: None,
            invoice: "lnbcrt".into(),
            created_at: 10,
            ended_at: None,
        }
    }

    fn sent() -> LightningEvent {
        LightningEvent::Sent {
            payment_id: HASH,
            hash: HASH,
            preimage: [9; 32],
            fee_msat: 3,
        }
    }

    fn failed(reason: &str) -> LightningEvent {
        LightningEvent::PaymentFailed {
            payment_id: HASH,
            hash: None,
            reason: reason.into(),
        }
    }

    #[test]
    fn an_invoice_is_sent_once_while_it_is_under_way_and_never_again_once_paid() {
        let (_dir, payments) = payments();
        payments.begin(&HASH, new(), || Ok(())).unwrap();
        let never = || -> Result<(), PayError> { unreachable!("sent twice") };
        assert_eq!(payments.begin(&HASH, new(), never).unwrap(), new());
        payments.hear(&sent(), 20).unwrap();
        // Lightning may say everything more than once, and a failure is never true after a success.
        payments.hear(&failed("late"), 21).unwrap();
        let paid = payments.begin(&HASH, new(), never).unwrap();
        assert_eq!(
            (paid.state, paid.fee_msat, paid.reason),
            (PaymentState::Paid, Some(3), None)
        );
        assert_eq!(paid.preimage.unwrap(), "09".repeat(32));
    }

    #[test]
    fn what_failed_may_be_tried_again() {
        let (_dir, payments) = payments();
        let refused = payments.begin(&HASH, new(), || Err(PayError::NoRoute));
        assert!(matches!(refused, Err(BeginError::Pay(PayError::NoRoute))));
        let known = payments.get(&HASH).unwrap().unwrap();
        assert_eq!(known.state, PaymentState::Failed);
        payments.begin(&HASH, new(), || Ok(())).unwrap();
        let mut changes = payments.changes();
        changes.borrow_and_update();
        payments.hear(&failed("RecipientRejected"), 20).unwrap();
        assert!(changes.has_changed().unwrap());
        let known = payments.get(&HASH).unwrap().unwrap();
        assert_eq!(known.reason.as_deref(), Some("the receiver refused it"));
        assert_eq!(payments.list(5).unwrap(), [known]);
    }

    #[test]
    fn a_payment_lightning_never_heard_of_ends_at_the_next_start_and_others_go_on() {
        let (_dir, payments) = payments();
        payments.begin(&HASH, new(), || Ok(())).unwrap();
        payments.drop_unsent(|hash| *hash == HASH, 20).unwrap();
        let state = || payments.get(&HASH).unwrap().unwrap().state;
        assert_eq!(state(), PaymentState::Pending);
        payments.drop_unsent(|_| false, 20).unwrap();
        assert_eq!(state(), PaymentState::Failed);
    }

    #[test]
    fn what_others_pay_is_not_remembered_here() {
        let (_dir, payments) = payments();
        payments.hear(&sent(), 20).unwrap();
        assert_eq!(payments.get(&HASH).unwrap(), None);
    }
}
