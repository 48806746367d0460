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

    /// Everything remembered under keys that begin with `prefix`, by the rest of the key. What cannot be read any more is
    /// left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn settings_under<T: DeserializeOwned>(
        &self,
        prefix: &str,
    ) -> Result<Vec<(String, T)>, StoreError> {
        let connection = self.lock()?;
        let mut rows = connection.prepare(
            "SELECT substr(key, length(?1) + 1), value FROM settings WHERE substr(key, 1, length(?1)) = ?1",
        )?;
        let found = rows.query_map([prefix], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        let mut all = Vec::new();
        for row in found {
            let (key, text) = row?;
            if let Ok(value) = from_json("a setting", VERSION, &text) {
                all.push((key, value));
            }
        }
        Ok(all)
    }

    /// Remembers several values in one write; where there is none the key is forgotten.
    ///
    /// # Errors
    /// When they could not be written; none of them was then.
    pub fn set_settings<T: Serialize>(
        &self,
        changed: &[(String, Option<T>)],
    ) -> Result<(), StoreError> {
        let texts: Vec<(&str, Option<String>)> = changed
            .iter()
            .map(|(key, value)| {
                let text = value.as_ref().map(|value| to_json("a setting", value));
                Ok((key.as_str(), text.transpose()?))
            })
            .collect::<Result<_, StoreError>>()?;
        self.write(|transaction| {
            for (key, text) in &texts {
                match text {
                    Some(text) => transaction.execute(
                        "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
                        params![key, text],
                    )?,
                    None => transaction.execute("DELETE FROM settings WHERE key = ?1", [key])?,
                };
            }
            Ok(())
        })
    }
}
