//! The database's form and how it came to be: numbered steps, each run once, in order.

use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// What each version added. A step that was ever released is never changed.
const STEPS: [&str; 5] = [
    include_str!("schema-1.sql"),
    include_str!("schema-2.sql"),
    include_str!("schema-3.sql"),
    include_str!("schema-4.sql"),
    include_str!("schema-5.sql"),
];

/// What every connection needs, whatever the file's version.
pub(super) fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(Duration::from_secs(2))?;
    // Before the journal mode: without shared memory no second process can look in between.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // On macOS a plain fsync does not reach the platter; elsewhere this means nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

/// Brings the file to the newest form; refuses one from the future.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    migrate_to(connection, STEPS.len())
}

/// Brings the file to the form of that many steps.
pub(super) fn migrate_to(connection: &mut Connection, steps: usize) -> Result<(), StoreError> {
    let steps = STEPS.get(..steps).unwrap_or(&STEPS);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = i64::try_from(steps.len()).map_err(|_| StoreError::TooLarge("the version"))?;
    let done = usize::try_from(found)
        .ok()
        .filter(|done| *done <= steps.len());
    let missing = done
        .and_then(|done| steps.get(done..))
        .ok_or(StoreError::Newer { found, known })?;
    for step in missing {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}
