//! What can go wrong with the database.

use std::path::PathBuf;

use cambista_engine::ports::PortError;

/// The database did not do what it was asked. A change that failed did not happen at all.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened or made.
    #[error(
        "cannot open the database {path}: {source}. Nothing was changed: check that the disk is not full and that this user \
         may read and write the file and its folder, then start again"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// SQLite failed.
    #[error(
        "the database failed ({0}). The change was not made and the node must stop, so that nothing is done that is not \
         written down: check the disk (full? read-only?) and start it again"
    )]
    Sqlite(#[from] rusqlite::Error),
    /// Written by a newer version.
    #[error(
        "the database is of version {found}, this program knows versions up to {known}: run the newer program that wrote \
         it. Nothing was changed"
    )]
    Newer {
        /// The file's version.
        found: i64,
        /// This program's.
        known: i64,
    },
    /// A row that cannot be read.
    #[error(
        "{what} in the database cannot be read ({reason}). Nothing was changed: restore the file or report this"
    )]
    Row {
        /// Which.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// A number that does not fit.
    #[error("{0} is too large for the database")]
    TooLarge(&'static str),
    /// A thread ended in the middle of a change.
    #[error("the database is no longer usable after an earlier failure: start the node again")]
    Broken,
}

impl StoreError {
    pub(super) fn row(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Row {
            what,
            reason: reason.to_string(),
        }
    }
}

impl From<StoreError> for PortError {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}
