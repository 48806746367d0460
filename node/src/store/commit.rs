//! The one atomic write of the engine.

use bitcoin::hashes::Hash as _;
use cambista_engine::ports::{Commit, NewSwap, StoredSweep};
use cambista_protocol::swap::{Effect, Event};
use cambista_protocol::words::SwapId;
use rusqlite::{Transaction, params};

use super::StoreError;
use super::codec::{VERSION, sat, seconds, to_bytes, to_json};

/// Writes everything of `commit`; the rows of its effects in their order.
pub(super) fn run(transaction: &Transaction<'_>, commit: &Commit) -> Result<Vec<i64>, StoreError> {
    let now = seconds(commit.now)?;
    if let Some(new) = &commit.new {
        add_swap(transaction, new)?;
    }
    if let Some((id, tx, fee)) = &commit.funding {
        let mut add = transaction
            .prepare("INSERT INTO fundings (swap_id, tx, fee_sat) VALUES (?1, ?2, ?3)")?;
        add.execute(params![id.0, to_bytes(tx), sat(*fee)?])?;
    }
    if let Some(sweep) = &commit.sweep {
        add_sweep(transaction, sweep)?;
    }
    let rows = match &commit.event {
        Some((id, event, height, effects)) => {
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
    if let Some((height, hash)) = &commit.best_block {
        let mut set = transaction
            .prepare("INSERT OR REPLACE INTO engine_state (id, height, hash) VALUES (1, ?1, ?2)")?;
        set.execute(params![height, hash.to_byte_array()])?;
    }
    Ok(rows)
}

fn add_swap(transaction: &Transaction<'_>, new: &NewSwap) -> Result<(), StoreError> {
    let NewSwap { order, record } = new;
    transaction.execute(
        "INSERT INTO orders (id, version, record) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING",
        params![order.id.0, VERSION, to_json("an order", order)?],
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
