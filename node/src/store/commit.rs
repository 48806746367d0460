//! The one atomic write of the engine.

use bitcoin::hashes::Hash as _;
use cambista_engine::ports::{Commit, NewSwap, StoredBatch, StoredSweep};
use cambista_engine::record::OrderRecord;
use cambista_protocol::swap::{Effect, Event};
use cambista_protocol::words::{Side, SwapId};
use rusqlite::{Transaction, params};

use super::codec::{VERSION, sat, seconds, to_bytes, to_json};
use super::{StoreError, archive};

/// Writes everything of `commit`; the rows of its effects in their order.
pub(super) fn run(transaction: &Transaction<'_>, commit: &Commit) -> Result<Vec<i64>, StoreError> {
    let now = seconds(commit.now)?;
    if let Some(order) = &commit.order {
        transaction.execute(
            "INSERT INTO orders (id, version, record, taken, open) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (id) DO UPDATE SET version = excluded.version, record = excluded.record, open = excluded.open",
            params![
                order.id.0,
                VERSION,
                to_json("an order", order)?,
                order.side == Side::Taker,
                is_open(order)
            ],
        )?;
    }
    if let Some(new) = &commit.new {
        add_swap(transaction, new)?;
    }
    if let Some((id, tx, fee)) = &commit.funding {
        archive::reopen(transaction, *id)?;
        let mut add = transaction
            .prepare("INSERT INTO fundings (swap_id, tx, fee_sat) VALUES (?1, ?2, ?3)")?;
        add.execute(params![id.0, to_bytes(tx), sat(*fee)?])?;
    }
    for sweep in &commit.sweeps {
        archive::reopen(transaction, sweep.swap_id)?;
        add_sweep(transaction, sweep)?;
    }
    if let Some(batch) = &commit.batch {
        add_batch_event(transaction, batch, now)?;
    }
    let rows = match &commit.event {
        Some((id, event, height, effects)) => {
            archive::reopen(transaction, *id)?;
            add_event(transaction, *id, event, *height, now)?;
            add_effects(transaction, *id, effects)?
        }
        None => Vec::new(),
    };
    for row in &commit.done {
        let mut done = transaction
            .prepare("UPDATE outbox SET done_at = ?2 WHERE id = ?1 AND done_at IS NULL")?;
        done.execute(params![row, now])?;
    }
    for swap in &commit.archive {
        archive::add(transaction, swap)?;
    }
    for id in &commit.forget {
        archive::forget(transaction, *id)?;
    }
    for batch in &commit.batches_over {
        let mut over =
            transaction.prepare("UPDATE batch_events SET over = 1 WHERE batch_id = ?1")?;
        over.execute([batch.to_byte_array()])?;
    }
    if let Some((height, hash)) = &commit.best_block {
        let mut set = transaction
            .prepare("INSERT OR REPLACE INTO engine_state (id, height, hash) VALUES (1, ?1, ?2)")?;
        set.execute(params![height, hash.to_byte_array()])?;
    }
    Ok(rows)
}

/// Whether there is something left to do for an order.
fn is_open(order: &OrderRecord) -> bool {
    order.task.as_ref().is_some_and(|task| !task.ended)
}

fn add_swap(transaction: &Transaction<'_>, new: &NewSwap) -> Result<(), StoreError> {
    let NewSwap { order, record } = new;
    transaction.execute(
        "INSERT INTO orders (id, version, record, taken, open) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO NOTHING",
        params![
            order.id.0,
            VERSION,
            to_json("an order", order)?,
            order.side == Side::Taker,
            is_open(order)
        ],
    )?;
    transaction.execute(
        "INSERT INTO swaps (id, order_id, version, record) VALUES (?1, ?2, ?3, ?4)",
        params![
            record.id.0,
            record.order.0,
            VERSION,
            to_json("a swap", record)?
        ],
    )?;
    Ok(())
}

fn add_event(
    transaction: &Transaction<'_>,
    id: SwapId,
    event: &Event,
    height: u32,
    now: i64,
) -> Result<(), StoreError> {
    let mut add = transaction.prepare(
        "INSERT INTO events (swap_id, version, payload, height, at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    add.execute(params![
        id.0,
        VERSION,
        to_json("an event", event)?,
        height,
        now
    ])?;
    Ok(())
}

fn add_effects(
    transaction: &Transaction<'_>,
    id: SwapId,
    effects: &[Effect],
) -> Result<Vec<i64>, StoreError> {
    let mut add =
        transaction.prepare("INSERT INTO outbox (swap_id, version, effect) VALUES (?1, ?2, ?3)")?;
    let mut rows = Vec::with_capacity(effects.len());
    for effect in effects {
        rows.push(add.insert(params![id.0, VERSION, to_json("an effect", effect)?])?);
    }
    Ok(rows)
}

fn add_sweep(transaction: &Transaction<'_>, sweep: &StoredSweep) -> Result<(), StoreError> {
    let mut add = transaction
        .prepare("INSERT INTO sweeps (swap_id, tx, fee_sat, height) VALUES (?1, ?2, ?3, ?4)")?;
    add.execute(params![
        sweep.swap_id.0,
        to_bytes(&sweep.tx),
        sat(sweep.fee)?,
        sweep.height
    ])?;
    Ok(())
}

fn add_batch_event(
    transaction: &Transaction<'_>,
    batch: &StoredBatch,
    now: i64,
) -> Result<(), StoreError> {
    let mut add = transaction.prepare(
        "INSERT INTO batch_events (batch_id, version, payload, height, at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    add.execute(params![
        batch.id.to_byte_array(),
        VERSION,
        to_json("an event of a batch", &batch.event)?,
        batch.height,
        now
    ])?;
    Ok(())
}
