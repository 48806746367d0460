//! Small things to remember: the maker's business, the last offer's number, peers worth calling again.

use rusqlite::{OptionalExtension as _, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::{VERSION, from_json, to_json};
use super::{Store, StoreError};

impl Store {
    /// What was last remembered under this key.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn setting<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let connection = self.lock()?;
        let text: Option<String> = connection
            .query_row("SELECT value FROM settings WHERE key = ?1", [key], |row| {
                row.get(0)
            })
            .optional()?;
        text.map(|text| from_json("a setting", VERSION, &text))
            .transpose()
    }

    /// Remembers a value under this key, in place of the last one.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn set_setting<T: Serialize>(&self, key: &str, value: &T) -> Result<(), StoreError> {
        let text = to_json("a setting", value)?;
        self.write(|transaction| {
            transaction.execute(
                "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
                params![key, text],
            )?;
            Ok(())
        })
    }
}
