//! LDK's key-value store. A write is durable when it returns; `NotFound` means exactly that there is no such key.

use cambista_ldk::{AtomicStore, Change};
use lightning::io;
use lightning::util::persist::KVStoreSync;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Store, StoreError};

impl From<StoreError> for io::Error {
    fn from(error: StoreError) -> Self {
        Self::new(io::ErrorKind::Other, error.to_string())
    }
}

impl Store {
    fn get(&self, at: [&str; 3]) -> Result<Option<Vec<u8>>, StoreError> {
        let connection = self.lock()?;
        let mut get = connection.prepare(
            "SELECT value FROM kv WHERE primary_namespace = ?1 AND secondary_namespace = ?2 AND key = ?3",
        )?;
        Ok(get.query_row(at, |row| row.get(0)).optional()?)
    }

    fn change(&self, changes: &[Change]) -> Result<(), StoreError> {
        self.write(|transaction| {
            for change in changes {
                let at = [
                    change.primary.as_str(),
                    change.secondary.as_str(),
                    change.key.as_str(),
                ];
                match &change.value {
                    Some(value) => put(transaction, at, value)?,
                    None => delete(transaction, at)?,
                }
            }
            Ok(())
        })
    }

    fn keys(&self, within: [&str; 2]) -> Result<Vec<String>, StoreError> {
        let connection = self.lock()?;
        let mut list = connection.prepare(
            "SELECT key FROM kv WHERE primary_namespace = ?1 AND secondary_namespace = ?2",
        )?;
        let keys = list.query_map(within, |row| row.get(0))?;
        Ok(keys.collect::<Result<_, _>>()?)
    }
}

fn put(transaction: &Transaction<'_>, at: [&str; 3], value: &[u8]) -> Result<(), StoreError> {
    let mut put = transaction.prepare(
        "INSERT INTO kv (primary_namespace, secondary_namespace, key, value) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT DO UPDATE SET value = excluded.value",
    )?;
    put.execute(params![at[0], at[1], at[2], value])?;
    Ok(())
}

fn delete(transaction: &Transaction<'_>, at: [&str; 3]) -> Result<(), StoreError> {
    let mut delete = transaction.prepare(
        "DELETE FROM kv WHERE primary_namespace = ?1 AND secondary_namespace = ?2 AND key = ?3",
    )?;
    delete.execute(at)?;
    Ok(())
}

impl AtomicStore for Store {
    fn apply(&self, changes: &[Change]) -> Result<(), io::Error> {
        Ok(self.change(changes)?)
    }
}

impl KVStoreSync for Store {
    fn read(&self, primary: &str, secondary: &str, key: &str) -> Result<Vec<u8>, io::Error> {
        self.get([primary, secondary, key])?
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn write(
        &self,
        primary: &str,
        secondary: &str,
        key: &str,
        value: Vec<u8>,
    ) -> Result<(), io::Error> {
        Ok(Self::write(self, |transaction| {
            put(transaction, [primary, secondary, key], &value)
        })?)
    }

    // Never lazily: a removal that is lost would bring an old state back.
    fn remove(
        &self,
        primary: &str,
        secondary: &str,
        key: &str,
        _lazy: bool,
    ) -> Result<(), io::Error> {
        Ok(Self::write(self, |transaction| {
            delete(transaction, [primary, secondary, key])
        })?)
    }

    fn list(&self, primary: &str, secondary: &str) -> Result<Vec<String>, io::Error> {
        Ok(self.keys([primary, secondary])?)
    }
}
