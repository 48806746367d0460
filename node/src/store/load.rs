//! Reading back what was stored.

use bitcoin::hashes::Hash as _;
use bitcoin::{Amount, BlockHash, Transaction, Txid};
use cambista_engine::ports::{OutboxItem, StoredBatch, StoredEvent, StoredSwap, StoredSweep};
use cambista_engine::record::{OrderRecord, SwapRecord};
use cambista_protocol::words::SwapId;
use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use super::StoreError;
use super::codec::{from_json, to_amount, to_seconds, to_swap_id, to_tx};

/// One swap with everything that belongs to it.
pub(super) fn swap(connection: &Connection, id: SwapId) -> Result<Option<StoredSwap>, StoreError> {
    let mut ask = connection.prepare("SELECT seq, version, record FROM swaps WHERE id = ?1")?;
    let mut found = ask.query([id.0])?;
    let Some(row) = found.next()? else {
        return Ok(None);
    };
    let place = u64::try_from(row.get::<_, i64>(0)?)
        .map_err(|error| StoreError::row("a swap's place", error))?;
    let record: SwapRecord = from_json("a swap", row.get(1)?, &row.get::<_, String>(2)?)?;
    if record.id != id {
        return Err(StoreError::row("a swap", "its record is another swap's"));
    }
    Ok(Some(StoredSwap {
        place,
        record,
        events: events(connection, id)?,
        outbox: outbox(connection, id)?,
        fundings: rows(
            connection,
            "SELECT tx, fee_sat FROM fundings WHERE swap_id = ?1 ORDER BY seq",
            id,
            transaction,
        )?,
        sweeps: sweeps(connection, id)?,
    }))
}

fn events(connection: &Connection, id: SwapId) -> Result<Vec<StoredEvent>, StoreError> {
    let question =
        "SELECT version, payload, height, at FROM events WHERE swap_id = ?1 ORDER BY seq";
    rows(connection, question, id, |row| {
        Ok(StoredEvent {
            event: from_json("an event", row.get(0)?, &row.get::<_, String>(1)?)?,
            height: row.get(2)?,
            at: to_seconds(row.get(3)?)?,
        })
    })
}

fn outbox(connection: &Connection, id: SwapId) -> Result<Vec<OutboxItem>, StoreError> {
    let question =
        "SELECT version, effect, id FROM outbox WHERE swap_id = ?1 AND done_at IS NULL ORDER BY id";
    rows(connection, question, id, |row| {
        Ok(OutboxItem {
            effect: from_json("an effect", row.get(0)?, &row.get::<_, String>(1)?)?,
            id: row.get(2)?,
        })
    })
}

fn sweeps(connection: &Connection, id: SwapId) -> Result<Vec<StoredSweep>, StoreError> {
    let question = "SELECT tx, fee_sat, height FROM sweeps WHERE swap_id = ?1 ORDER BY seq";
    rows(connection, question, id, |row| {
        let (tx, fee) = transaction(row)?;
        Ok(StoredSweep {
            swap_id: id,
            tx,
            fee,
            height: row.get(2)?,
        })
    })
}

/// All rows of a question about one swap.
fn rows<T>(
    connection: &Connection,
    question: &str,
    id: SwapId,
    mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare(question)?;
    let mut rows = statement.query([id.0])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    // What is read stays in memory as it is.
    all.shrink_to_fit();
    Ok(all)
}

/// Every swap, oldest first.
pub(super) fn swaps(connection: &Connection) -> Result<Vec<StoredSwap>, StoreError> {
    let mut statement = connection.prepare("SELECT id FROM swaps ORDER BY seq")?;
    let mut found = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        all.extend(swap(connection, to_swap_id(&row.get::<_, Vec<u8>>(0)?)?)?);
    }
    Ok(all)
}

fn transaction(row: &Row<'_>) -> Result<(Transaction, Amount), StoreError> {
    Ok((to_tx(&row.get::<_, Vec<u8>>(0)?)?, to_amount(row.get(1)?)?))
}

/// Every order that is not over, oldest first.
pub(super) fn open_orders(connection: &Connection) -> Result<Vec<OrderRecord>, StoreError> {
    let question = "SELECT version, record FROM orders WHERE open = 1 ORDER BY seq";
    orders(connection, question, [])
}

/// One order.
pub(super) fn order(
    connection: &Connection,
    id: SwapId,
) -> Result<Option<OrderRecord>, StoreError> {
    let question = "SELECT version, record FROM orders WHERE id = ?1";
    Ok(orders(connection, question, [id.0])?.pop())
}

/// The latest of the orders this node took, newest first.
pub(super) fn latest_orders(
    connection: &Connection,
    most: usize,
) -> Result<Vec<OrderRecord>, StoreError> {
    let question = "SELECT version, record FROM orders WHERE taken = 1 ORDER BY seq DESC LIMIT ?1";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    orders(connection, question, [most])
}

/// Up to two of the orders this node took with ids between these.
pub(super) fn orders_between(
    connection: &Connection,
    first: SwapId,
    last: SwapId,
) -> Result<Vec<SwapId>, StoreError> {
    let mut ask = connection
        .prepare("SELECT id FROM orders WHERE id BETWEEN ?1 AND ?2 AND taken = 1 LIMIT 2")?;
    let mut found = ask.query([first.0, last.0])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        all.push(to_swap_id(&row.get::<_, Vec<u8>>(0)?)?);
    }
    Ok(all)
}

fn orders(
    connection: &Connection,
    question: &str,
    with: impl Params,
) -> Result<Vec<OrderRecord>, StoreError> {
    let mut statement = connection.prepare(question)?;
    let mut found = statement.query(with)?;
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

/// Every event of every batch of sweeps that is not over, oldest first.
pub(super) fn batches(connection: &Connection) -> Result<Vec<StoredBatch>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT batch_id, version, payload, height FROM batch_events WHERE over = 0 ORDER BY seq",
    )?;
    let mut found = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        let id = Txid::from_slice(&row.get::<_, Vec<u8>>(0)?)
            .map_err(|error| StoreError::row("a batch's id", error))?;
        all.push(StoredBatch {
            id,
            event: from_json(
                "an event of a batch",
                row.get(1)?,
                &row.get::<_, String>(2)?,
            )?,
            height: row.get(3)?,
        });
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
