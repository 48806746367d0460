//! Reading everything back at a start.

use bitcoin::hashes::Hash as _;
use bitcoin::{Amount, BlockHash, Transaction};
use cambista_engine::ports::{OutboxItem, StoredEvent, StoredSwap, StoredSweep};
use cambista_engine::record::{OrderRecord, SwapRecord};
use cambista_protocol::words::SwapId;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::StoreError;
use super::codec::{from_json, to_amount, to_seconds, to_swap_id, to_tx};

/// All rows of a query about one swap.
fn rows<T>(
    connection: &Connection,
    query: &str,
    id: SwapId,
    mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([id.0])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

/// Every swap, oldest first.
pub(super) fn swaps(connection: &Connection) -> Result<Vec<StoredSwap>, StoreError> {
    let mut statement = connection.prepare("SELECT id, version, record FROM swaps ORDER BY seq")?;
    let mut found = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        let id = to_swap_id(&row.get::<_, Vec<u8>>(0)?)?;
        let record: SwapRecord = from_json("a swap", row.get(1)?, &row.get::<_, String>(2)?)?;
        all.push(swap(connection, id, record)?);
    }
    Ok(all)
}

fn swap(connection: &Connection, id: SwapId, record: SwapRecord) -> Result<StoredSwap, StoreError> {
    let events = rows(
        connection,
        "SELECT version, payload, height, at FROM events WHERE swap_id = ?1 ORDER BY seq",
        id,
        |row| {
            Ok(StoredEvent {
                event: from_json("an event", row.get(0)?, &row.get::<_, String>(1)?)?,
                height: row.get(2)?,
                at: to_seconds(row.get(3)?)?,
            })
        },
    )?;
    let open =
        "SELECT version, effect, id FROM outbox WHERE swap_id = ?1 AND done_at IS NULL ORDER BY id";
    let outbox = rows(connection, open, id, |row| {
        Ok(OutboxItem {
            effect: from_json("an effect", row.get(0)?, &row.get::<_, String>(1)?)?,
            id: row.get(2)?,
        })
    })?;
    let fundings = rows(
        connection,
        "SELECT tx, fee_sat FROM fundings WHERE swap_id = ?1 ORDER BY seq",
        id,
        transaction,
    )?;
    let sweeps = rows(
        connection,
        "SELECT tx, fee_sat, height FROM sweeps WHERE swap_id = ?1 ORDER BY seq",
        id,
        |row| {
            let (tx, fee) = transaction(row)?;
            Ok(StoredSweep {
                swap_id: id,
                tx,
                fee,
                height: row.get(2)?,
            })
        },
    )?;
    Ok(StoredSwap {
        record,
        events,
        outbox,
        fundings,
        sweeps,
    })
}

fn transaction(row: &Row<'_>) -> Result<(Transaction, Amount), StoreError> {
    Ok((to_tx(&row.get::<_, Vec<u8>>(0)?)?, to_amount(row.get(1)?)?))
}

/// Every order, oldest first.
pub(super) fn orders(connection: &Connection) -> Result<Vec<OrderRecord>, StoreError> {
    let mut statement = connection.prepare("SELECT version, record FROM orders ORDER BY seq")?;
    let mut found = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        all.push(from_json(
            "an order",
            row.get(0)?,
            &row.get::<_, String>(1)?,
        )?);
    }
    Ok(all)
}

/// Where the engine stands.
pub(super) fn best_block(connection: &Connection) -> Result<Option<(u32, BlockHash)>, StoreError> {
    connection
        .query_row("SELECT height, hash FROM engine_state", [], |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, Vec<u8>>(1)?))
        })
        .optional()?
        .map(|(height, hash)| {
            let hash = BlockHash::from_slice(&hash)
                .map_err(|error| StoreError::row("the engine's block", error))?;
            Ok((height, hash))
        })
        .transpose()
}
