//! Swaps that have left the engine's memory: finding them, and what they add up to.

use bitcoin::ScriptBuf;
use cambista_engine::Earned;
use cambista_engine::ports::{Archived, Partner, Sought};
use cambista_protocol::words::{Direction, Side, SwapId};
use rusqlite::{Connection, Params, Statement, Transaction, params};

use super::StoreError;
use super::codec::to_swap_id;

const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Maker => "maker",
        Side::Taker => "taker",
    }
}

const fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Out => "out",
        Direction::In => "in",
    }
}

fn whole(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::TooLarge("a sum"))
}

/// Writes down that a swap has left memory.
pub(super) fn add(transaction: &Transaction<'_>, swap: &Archived) -> Result<(), StoreError> {
    // One that had left before leaves its old row.
    reopen(transaction, swap.swap)?;
    let Earned {
        open: _,
        done,
        failed,
        volume_sat,
        fees_sat,
        prepays_sat,
        miners_sat,
        routing_sat,
        profit_sat,
    } = swap.earned;
    let mut add = transaction.prepare(
        "INSERT INTO archived (seq, swap_id, settled, script, side, direction, peer, node, never_paid, done, failed, volume_sat, \
         fees_sat, prepays_sat, miners_sat, routing_sat, profit_sat) \
         VALUES ((SELECT seq FROM swaps WHERE id = ?1), ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?;
    add.execute(params![
        swap.swap.0,
        swap.settled,
        swap.script.as_bytes(),
        side_name(swap.side),
        direction_name(swap.direction),
        swap.taker,
        swap.node.map(|node| node.serialize()),
        swap.nothing,
        whole(done)?,
        whole(failed)?,
        whole(volume_sat)?,
        fees_sat,
        prepays_sat,
        whole(miners_sat)?,
        whole(routing_sat)?,
        profit_sat,
    ])?;
    let mut add = transaction
        .prepare("INSERT OR IGNORE INTO archived_hashes (hash, swap_id) VALUES (?1, ?2)")?;
    for hash in &swap.hashes {
        add.execute(params![hash, swap.swap.0])?;
    }
    if swap.side == Side::Maker {
        // Once used is used for good, whichever of two swaps with this address is archived first.
        let mut own = transaction.prepare(
            "INSERT INTO own_scripts (script, used) VALUES (?1, ?2) \
             ON CONFLICT (script) DO UPDATE SET used = max(used, excluded.used)",
        )?;
        own.execute(params![swap.destination.as_bytes(), !swap.unused])?;
    }
    Ok(())
}

/// A swap something happens to is archived no more.
pub(super) fn reopen(transaction: &Transaction<'_>, id: SwapId) -> Result<(), StoreError> {
    let mut remove = transaction.prepare("DELETE FROM archived WHERE swap_id = ?1")?;
    remove.execute([id.0])?;
    Ok(())
}

/// Removes all that was ever written of an archived swap.
pub(super) fn forget(transaction: &Transaction<'_>, id: SwapId) -> Result<(), StoreError> {
    let mut of = transaction.prepare(
        "SELECT seq, order_id FROM archived JOIN swaps USING (seq) WHERE archived.swap_id = ?1 AND never_paid = 1",
    )?;
    let mut found = of.query([id.0])?;
    let Some(row) = found.next()? else {
        return Ok(());
    };
    let (seq, order): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
    reopen(transaction, id)?;
    transaction.execute("DELETE FROM kept WHERE seq = ?1", [seq])?;
    for table in ["events", "outbox", "fundings", "sweeps"] {
        transaction.execute(&format!("DELETE FROM {table} WHERE swap_id = ?1"), [id.0])?;
    }
    transaction.execute("DELETE FROM swaps WHERE seq = ?1", [seq])?;
    transaction.execute(
        "DELETE FROM orders WHERE id = ?1 AND taken = 0 AND NOT EXISTS (SELECT 1 FROM swaps WHERE order_id = ?1)",
        [order],
    )?;
    Ok(())
}

/// The swaps that are sought.
pub(super) fn find(
    connection: &Connection,
    sought: Sought<'_>,
) -> Result<Vec<(u64, SwapId)>, StoreError> {
    match sought {
        Sought::Kept => ids(
            connection,
            "SELECT seq, id FROM kept JOIN swaps USING (seq) ORDER BY seq",
            [],
        ),
        Sought::Latest(most) => ids(
            connection,
            "SELECT seq, swap_id FROM archived ORDER BY seq DESC LIMIT ?1",
            [i64::try_from(most).unwrap_or(i64::MAX)],
        ),
        Sought::Between(first, last) => ids(
            connection,
            "SELECT seq, id FROM swaps WHERE id BETWEEN ?1 AND ?2 LIMIT 2",
            [first.0, last.0],
        ),
        Sought::Of(order) => ids(
            connection,
            "SELECT seq, id FROM swaps WHERE order_id = ?1 ORDER BY seq",
            [order.0],
        ),
        Sought::Hash(hash) => ids(
            connection,
            "SELECT seq, archived.swap_id FROM archived_hashes JOIN archived USING (swap_id) WHERE hash = ?1 ORDER BY seq",
            [hash],
        ),
        Sought::Paid(scripts) => paid(connection, scripts),
        Sought::Nothing(height, most) => ids(
            connection,
            "SELECT seq, swap_id FROM archived WHERE never_paid = 1 AND settled <= ?1 ORDER BY settled, seq LIMIT ?2",
            params![height, i64::try_from(most).unwrap_or(i64::MAX)],
        ),
        Sought::SettledAbove(height) => ids(
            connection,
            "SELECT seq, swap_id FROM archived WHERE settled > ?1 ORDER BY seq",
            [height],
        ),
    }
}

fn ids(
    connection: &Connection,
    question: &str,
    with: impl Params,
) -> Result<Vec<(u64, SwapId)>, StoreError> {
    let mut all = Vec::new();
    take(&mut connection.prepare(question)?, with, &mut all)?;
    Ok(all)
}

fn paid(connection: &Connection, scripts: &[&ScriptBuf]) -> Result<Vec<(u64, SwapId)>, StoreError> {
    // Made ready once: a block pays thousands of scripts.
    let mut ask = connection.prepare("SELECT seq, swap_id FROM archived WHERE script = ?1")?;
    let mut all = Vec::new();
    for script in scripts {
        take(&mut ask, [script.as_bytes()], &mut all)?;
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

fn take(
    ask: &mut Statement<'_>,
    with: impl Params,
    all: &mut Vec<(u64, SwapId)>,
) -> Result<(), StoreError> {
    let mut rows = ask.query(with)?;
    while let Some(row) = rows.next()? {
        let place = u64::try_from(row.get::<_, i64>(0)?)
            .map_err(|error| StoreError::row("a swap's place", error))?;
        all.push((place, to_swap_id(&row.get::<_, Vec<u8>>(1)?)?));
    }
    Ok(())
}

/// Whether an archived swap was done with this partner.
pub(super) fn dealt_with(
    connection: &Connection,
    partner: Partner<'_>,
) -> Result<bool, StoreError> {
    let (question, side, key) = match &partner {
        Partner::Taker(peer) => {
            let mut ask = connection.prepare("SELECT 1 FROM archived WHERE peer = ?1 LIMIT 1")?;
            return Ok(ask.exists([peer])?);
        }
        Partner::Payee(node) => (OF_NODE, Side::Maker, node),
        Partner::Maker(node) => (OF_NODE, Side::Taker, node),
    };
    let mut ask = connection.prepare(question)?;
    Ok(ask.exists(params![key.serialize(), side_name(side)])?)
}

const OF_NODE: &str = "SELECT 1 FROM archived WHERE node = ?1 AND side = ?2 LIMIT 1";

/// What all archived swaps of a side and a direction together have brought.
pub(super) fn brought(
    connection: &Connection,
    side: Side,
    direction: Direction,
) -> Result<Earned, StoreError> {
    let mut ask = connection.prepare(
        "SELECT done, failed, volume_sat, fees_sat, prepays_sat, miners_sat, routing_sat, profit_sat \
         FROM archived_sums WHERE side = ?1 AND direction = ?2",
    )?;
    let mut rows = ask.query([side_name(side), direction_name(direction)])?;
    let Some(row) = rows.next()? else {
        return Err(StoreError::row("what swaps brought", "it is missing"));
    };
    let count = |at: usize| -> Result<u64, StoreError> {
        u64::try_from(row.get::<_, i64>(at)?)
            .map_err(|error| StoreError::row("what swaps brought", error))
    };
    Ok(Earned {
        open: 0,
        done: count(0)?,
        failed: count(1)?,
        volume_sat: count(2)?,
        fees_sat: row.get(3)?,
        prepays_sat: row.get(4)?,
        miners_sat: count(5)?,
        routing_sat: count(6)?,
        profit_sat: row.get(7)?,
    })
}

/// The addresses that may be used again.
pub(super) fn spare_scripts(connection: &Connection) -> Result<Vec<ScriptBuf>, StoreError> {
    let mut ask = connection.prepare("SELECT script FROM own_scripts WHERE used = 0")?;
    let rows = ask.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
    let scripts = rows.map(|bytes| bytes.map(ScriptBuf::from_bytes));
    Ok(scripts.collect::<Result<_, _>>()?)
}
