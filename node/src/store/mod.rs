//! Durable state: one SQLite file with everything of this node in it.
//!
//! One connection, one writer, one process: the write-ahead log with `synchronous=FULL` (a commit that returned survives
//! a power cut), an exclusive lock, and every change in one immediate transaction. The engine's swaps, LDK's data and the
//! wallet live in the same file, so that one copy of it is a whole copy.

mod archive;
mod codec;
mod commit;
mod error;
mod kv;
mod load;
mod payments;
mod schema;
mod settings;
mod wallet;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use cambista_engine::Earned;
use cambista_engine::ports::{self, Partner, PortError, Sought};
use cambista_engine::record::OrderRecord;
use cambista_protocol::words::{Direction, Side, SwapId};
use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use error::StoreError;

/// The node's database.
#[derive(Debug)]
pub struct Store {
    connection: Mutex<Connection>,
}

impl Store {
    /// Opens the file, or makes it, and brings it to this version's form.
    ///
    /// # Errors
    /// When it cannot be opened, is in use, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        make_private(path)?;
        Self::prepare(Connection::open(path)?)
    }

    fn prepare(mut connection: Connection) -> Result<Self, StoreError> {
        schema::configure(&connection)?;
        schema::migrate(&mut connection)?;
        Ok(Self {
            connection: Mutex::new(connection),
        })
    }

    /// Every swap there ever was, oldest first: for checks, since it may take long and much memory.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn every_swap(&self) -> Result<Vec<ports::StoredSwap>, StoreError> {
        load::swaps(&*self.lock()?)
    }

    fn lock(&self) -> Result<MutexGuard<'_, Connection>, StoreError> {
        self.connection.lock().map_err(|_| StoreError::Broken)
    }

    /// Runs `change` in one transaction: all of it is durable when this returns, or nothing of it happened.
    fn write<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.lock()?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = change(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}

/// The file must exist with the right mode before SQLite opens it: its side files take the mode of the main one.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .map(drop)
        .map_err(|source| StoreError::File {
            path: path.to_owned(),
            source,
        })
}

impl ports::Store for Store {
    fn commit(&self, commit: &ports::Commit) -> Result<Vec<i64>, PortError> {
        #[cfg(feature = "failpoints")]
        cambista_engine::failpoints::before(commit);
        let rows = self.write(|transaction| commit::run(transaction, commit))?;
        #[cfg(feature = "failpoints")]
        cambista_engine::failpoints::after(commit, &rows);
        Ok(rows)
    }

    fn swap(&self, id: SwapId) -> Result<Option<ports::StoredSwap>, PortError> {
        let swap = load::swap(&*self.lock()?, id)?;
        #[cfg(feature = "failpoints")]
        cambista_engine::failpoints::loaded(swap.as_ref());
        Ok(swap)
    }

    fn find(&self, sought: Sought<'_>) -> Result<Vec<(u64, SwapId)>, PortError> {
        Ok(archive::find(&*self.lock()?, sought)?)
    }

    fn dealt_with(&self, partner: Partner<'_>) -> Result<bool, PortError> {
        Ok(archive::dealt_with(&*self.lock()?, partner)?)
    }

    fn brought(&self, side: Side, direction: Direction) -> Result<Earned, PortError> {
        Ok(archive::brought(&*self.lock()?, side, direction)?)
    }

    fn spare_scripts(&self) -> Result<Vec<bitcoin::ScriptBuf>, PortError> {
        Ok(archive::spare_scripts(&*self.lock()?)?)
    }

    fn orders(&self) -> Result<Vec<OrderRecord>, PortError> {
        Ok(load::open_orders(&*self.lock()?)?)
    }

    fn order(&self, id: SwapId) -> Result<Option<OrderRecord>, PortError> {
        Ok(load::order(&*self.lock()?, id)?)
    }

    fn latest_orders(&self, most: usize) -> Result<Vec<OrderRecord>, PortError> {
        Ok(load::latest_orders(&*self.lock()?, most)?)
    }

    fn orders_between(&self, first: SwapId, last: SwapId) -> Result<Vec<SwapId>, PortError> {
        Ok(load::orders_between(&*self.lock()?, first, last)?)
    }

    fn batches(&self) -> Result<Vec<ports::StoredBatch>, PortError> {
        Ok(load::batches(&*self.lock()?)?)
    }

    fn best_block(&self) -> Result<Option<(u32, bitcoin::BlockHash)>, PortError> {
        Ok(load::best_block(&*self.lock()?)?)
    }
}
