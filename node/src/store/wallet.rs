//! The wallet's changes, in the order they were made.

use bdk_wallet::ChangeSet;
use bdk_wallet::chain::Merge as _;
use cambista_ldk::wallet::{SinkError, WalletSink};
use rusqlite::Connection;

use super::{Store, StoreError};

/// With more rows than this, a start merges them into one.
const MANY: usize = 256;

fn changes(connection: &Connection) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut all = connection.prepare("SELECT change FROM wallet_changes ORDER BY seq")?;
    let rows = all.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn merged(changes: &[Vec<u8>]) -> Result<Vec<u8>, StoreError> {
    let mut whole = ChangeSet::default();
    for change in changes {
        let change = serde_json::from_slice(change)
            .map_err(|error| StoreError::row("a wallet change", error))?;
        whole.merge(change);
    }
    serde_json::to_vec(&whole).map_err(|error| StoreError::row("the wallet", error))
}

impl Store {
    fn merge_changes(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        self.write(|transaction| {
            let all = changes(transaction)?;
            if all.len() <= MANY {
                return Ok(all);
            }
            let whole = merged(&all)?;
            transaction.execute("DELETE FROM wallet_changes", [])?;
            transaction.execute("INSERT INTO wallet_changes (change) VALUES (?1)", [&whole])?;
            Ok(vec![whole])
        })
    }

    fn append_change(&self, change: &[u8]) -> Result<(), StoreError> {
        self.write(|transaction| {
            let mut add = transaction.prepare("INSERT INTO wallet_changes (change) VALUES (?1)")?;
            add.execute([change])?;
            Ok(())
        })
    }
}

impl WalletSink for Store {
    fn load(&self) -> Result<Vec<Vec<u8>>, SinkError> {
        Ok(self.merge_changes()?)
    }

    fn append(&self, change: &[u8]) -> Result<(), SinkError> {
        Ok(self.append_change(change)?)
    }
}
