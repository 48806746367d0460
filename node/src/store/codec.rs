//! How the protocol's values stand in the database: JSON with a version beside it, transactions as on the wire.

use bitcoin::consensus::encode;
use bitcoin::{Amount, Transaction};
use cambista_protocol::words::SwapId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;

/// The version written beside every event, effect and record. A change that old rows do not survive raises it and adds a
/// way to read the old; `golden/` keeps rows of every version there ever was.
pub(super) const VERSION: i64 = 1;

pub(super) fn to_json<T: Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::row(what, error))
}

pub(super) fn from_json<T: DeserializeOwned>(
    what: &'static str,
    version: i64,
    text: &str,
) -> Result<T, StoreError> {
    if version > VERSION {
        return Err(StoreError::Newer {
            found: version,
            known: VERSION,
        });
    }
    serde_json::from_str(text).map_err(|error| StoreError::row(what, error))
}

pub(super) fn to_bytes(tx: &Transaction) -> Vec<u8> {
    encode::serialize(tx)
}

pub(super) fn to_tx(bytes: &[u8]) -> Result<Transaction, StoreError> {
    encode::deserialize(bytes).map_err(|error| StoreError::row("a transaction", error))
}

pub(super) fn sat(amount: Amount) -> Result<i64, StoreError> {
    i64::try_from(amount.to_sat()).map_err(|_| StoreError::TooLarge("an amount"))
}

pub(super) fn to_amount(sat: i64) -> Result<Amount, StoreError> {
    u64::try_from(sat)
        .map(Amount::from_sat)
        .map_err(|error| StoreError::row("an amount", error))
}

pub(super) fn seconds(at: u64) -> Result<i64, StoreError> {
    i64::try_from(at).map_err(|_| StoreError::TooLarge("a time"))
}

pub(super) fn to_seconds(at: i64) -> Result<u64, StoreError> {
    u64::try_from(at).map_err(|error| StoreError::row("a time", error))
}

pub(super) fn to_swap_id(bytes: &[u8]) -> Result<SwapId, StoreError> {
    bytes
        .try_into()
        .map(SwapId)
        .map_err(|_| StoreError::row("a swap id", "not 32 bytes"))
}
