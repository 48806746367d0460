//! Where the wallet's changes are kept.

/// Why changes could not be kept or read.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// An append-only list of the wallet's changes. It belongs to the node's store; the wallet only writes to its end.
pub trait WalletSink: Send + Sync {
    /// Everything ever appended, oldest first.
    ///
    /// # Errors
    /// When it cannot be read. "Nothing yet" is an empty list, not an error.
    fn load(&self) -> Result<Vec<Vec<u8>>, SinkError>;

    /// Adds one change. It is durable when this returns.
    ///
    /// # Errors
    /// When it is not durable; the node must then stop.
    fn append(&self, change: &[u8]) -> Result<(), SinkError>;
}
