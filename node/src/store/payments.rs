//! Payments of Lightning invoices that are no part of a swap, and which hashes are part of one.

use cambista_engine::record::SwapRecord;
use rusqlite::{OptionalExtension as _, Row, params};

use super::codec::{VERSION, from_json, to_json};
use super::{Store, StoreError};
use crate::payments::Payment;

fn payment(row: &Row<'_>) -> Result<Payment, StoreError> {
    from_json("a payment", row.get(0)?, &row.get::<_, String>(1)?)
}

impl Store {
    /// The payment on this hash.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn payment(&self, hash: &[u8; 32]) -> Result<Option<Payment>, StoreError> {
        let connection = self.lock()?;
        let query = "SELECT version, record FROM payments WHERE hash = ?1";
        let found = connection
            .query_row(query, [hash], |row| Ok(payment(row)))
            .optional()?;
        found.transpose()
    }

    /// The newest `limit` payments, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn payments(&self, limit: u32) -> Result<Vec<Payment>, StoreError> {
        let connection = self.lock()?;
        let mut statement = connection
            .prepare("SELECT version, record FROM payments ORDER BY seq DESC LIMIT ?1")?;
        let mut rows = statement.query([limit])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(payment(row)?);
        }
        Ok(all)
    }

    /// Remembers a payment, in place of the last one on this hash.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn set_payment(&self, hash: &[u8; 32], payment: &Payment) -> Result<(), StoreError> {
        let text = to_json("a payment", payment)?;
        self.write(|transaction| {
            transaction.execute(
                "INSERT INTO payments (hash, version, record) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (hash) DO UPDATE SET version = excluded.version, record = excluded.record",
                params![hash, VERSION, text],
            )?;
            Ok(())
        })
    }

    /// Whether this hash is of the swap invoice or the prepay of any swap of this node.
    ///
    /// # Errors
    /// When the swaps cannot be read.
    pub fn is_of_swap(&self, hash: &[u8; 32]) -> Result<bool, StoreError> {
        let connection = self.lock()?;
        let mut statement = connection.prepare("SELECT version, record FROM swaps")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let record: SwapRecord = from_json("a swap", row.get(0)?, &row.get::<_, String>(1)?)?;
            let deal = &record.deal;
            if deal.payment_hash == *hash || deal.prepay_hash == Some(*hash) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
