//! What the node asks of the store it is given.

use lightning::io;
use lightning::util::persist::KVStoreSync;

/// One record to be written or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its primary namespace.
    pub primary: String,
    /// Its secondary namespace.
    pub secondary: String,
    /// Its key.
    pub key: String,
    /// What it shall hold; `None` removes it.
    pub value: Option<Vec<u8>>,
}

/// A key-value store that can make several changes at once.
pub trait AtomicStore: KVStoreSync {
    /// Makes all changes, in their order, or none of them. Durable when it returns.
    ///
    /// # Errors
    /// When nothing of it was changed.
    fn apply(&self, changes: &[Change]) -> Result<(), io::Error>;
}

/// A durable key-value store: a write returns only after the data would survive a power cut, and `NotFound` means
/// exactly that the key does not exist.
pub type Kv = dyn AtomicStore + Send + Sync;
