//! The key-value store as LDK sees it: every write is watched.
//!
//! Two powers are added to the store that is handed in. Writes of the channel manager are counted, so that
//! [`Counter::above`] can wait for one; and the first failed write latches: nothing newer than it reaches the disk,
//! and the node is told to stop. LDK panics after a failed monitor write, so the process must not live on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lightning::io;
use lightning::util::persist::{
    CHANNEL_MANAGER_PERSISTENCE_KEY, CHANNEL_MANAGER_PERSISTENCE_PRIMARY_NAMESPACE,
    CHANNEL_MANAGER_PERSISTENCE_SECONDARY_NAMESPACE, KVStoreSync,
};
use tokio::sync::watch;

use crate::fatal::Fatal;

/// A durable key-value store: `write` returns only after the data would survive a power cut, and `NotFound` means
/// exactly that the key does not exist.
pub type Kv = dyn KVStoreSync + Send + Sync;

/// An error of the store's kind.
pub(crate) fn other(
    reason: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
) -> io::Error {
    io::Error::new(io::ErrorKind::Other, reason)
}

/// Counts completed writes of the channel manager. There is one writer (the background processor), so the count
/// orders them.
#[derive(Clone, Debug)]
pub(crate) struct Counter(watch::Sender<u64>);

impl Counter {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    pub(crate) fn completed(&self) -> u64 {
        *self.0.borrow()
    }

    /// Resolves once more than `count` writes have completed.
    pub(crate) async fn above(&self, count: u64) {
        let mut seen = self.0.subscribe();
        // Cannot fail: `self` holds a sender.
        let _ = seen.wait_for(|done| *done > count).await;
    }

    fn complete(&self) {
        self.0.send_modify(|done| *done += 1);
    }
}

/// The store handed to all of LDK.
pub(crate) struct Store {
    inner: Arc<Kv>,
    manager_writes: Counter,
    failed: AtomicBool,
    fatal: Fatal,
}

impl Store {
    pub(crate) fn new(inner: Arc<Kv>, fatal: Fatal) -> Self {
        Self {
            inner,
            manager_writes: Counter::new(),
            failed: AtomicBool::new(false),
            fatal,
        }
    }

    pub(crate) fn manager_writes(&self) -> &Counter {
        &self.manager_writes
    }

    fn guarded(
        &self,
        what: &str,
        action: impl FnOnce() -> Result<(), io::Error>,
    ) -> Result<(), io::Error> {
        if self.failed.load(Ordering::Acquire) {
            return Err(other("an earlier write failed"));
        }
        action().inspect_err(|error| {
            self.failed.store(true, Ordering::Release);
            self.fatal.fail(format!(
                "Lightning state could not be saved ({what}: {error}). No channel state was lost, but the node must \
                 stop. Free disk space or repair the disk, then start it again."
            ));
        })
    }
}

impl KVStoreSync for Store {
    fn read(&self, primary: &str, secondary: &str, key: &str) -> Result<Vec<u8>, io::Error> {
        self.inner.read(primary, secondary, key)
    }

    fn write(
        &self,
        primary: &str,
        secondary: &str,
        key: &str,
        buf: Vec<u8>,
    ) -> Result<(), io::Error> {
        self.guarded(key, || self.inner.write(primary, secondary, key, buf))?;
        let manager = primary == CHANNEL_MANAGER_PERSISTENCE_PRIMARY_NAMESPACE
            && secondary == CHANNEL_MANAGER_PERSISTENCE_SECONDARY_NAMESPACE
            && key == CHANNEL_MANAGER_PERSISTENCE_KEY;
        if manager {
            self.manager_writes.complete();
        }
        Ok(())
    }

    fn remove(
        &self,
        primary: &str,
        secondary: &str,
        key: &str,
        lazy: bool,
    ) -> Result<(), io::Error> {
        self.guarded(key, || self.inner.remove(primary, secondary, key, lazy))
    }

    fn list(&self, primary: &str, secondary: &str) -> Result<Vec<String>, io::Error> {
        self.inner.list(primary, secondary)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashMap;
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Memory {
        rows: Mutex<HashMap<String, Vec<u8>>>,
        full: AtomicBool,
    }

    impl KVStoreSync for Memory {
        fn read(&self, p: &str, s: &str, k: &str) -> Result<Vec<u8>, io::Error> {
            let rows = self.rows.lock().unwrap();
            let row = rows.get(&format!("{p}/{s}/{k}")).cloned();
            row.ok_or_else(|| io::ErrorKind::NotFound.into())
        }
        fn write(&self, p: &str, s: &str, k: &str, buf: Vec<u8>) -> Result<(), io::Error> {
            if self.full.load(Ordering::Acquire) {
                return Err(other("disk full"));
            }
            let mut rows = self.rows.lock().unwrap();
            rows.insert(format!("{p}/{s}/{k}"), buf);
            Ok(())
        }
        fn remove(&self, _: &str, _: &str, _: &str, _: bool) -> Result<(), io::Error> {
            Ok(())
        }
        fn list(&self, _: &str, _: &str) -> Result<Vec<String>, io::Error> {
            Ok(Vec::new())
        }
    }

    fn write_manager(store: &Store) -> Result<(), io::Error> {
        store.write(
            CHANNEL_MANAGER_PERSISTENCE_PRIMARY_NAMESPACE,
            CHANNEL_MANAGER_PERSISTENCE_SECONDARY_NAMESPACE,
            CHANNEL_MANAGER_PERSISTENCE_KEY,
            vec![1],
        )
    }

    #[test]
    fn only_completed_manager_writes_are_counted() {
        let kv = Arc::new(Memory::default());
        let store = Store::new(kv.clone(), Fatal::new());
        store.write("", "", "scorer", vec![1]).unwrap();
        assert_eq!(store.manager_writes().completed(), 0);
        write_manager(&store).unwrap();
        assert_eq!(store.manager_writes().completed(), 1);
        kv.full.store(true, Ordering::Release);
        assert!(write_manager(&store).is_err());
        assert_eq!(store.manager_writes().completed(), 1);
    }

    #[test]
    fn after_one_failed_write_nothing_newer_is_written() {
        let kv = Arc::new(Memory::default());
        let fatal = Fatal::new();
        let store = Store::new(kv.clone(), fatal.clone());
        kv.full.store(true, Ordering::Release);
        assert!(store.write("a", "b", "old", vec![1]).is_err());
        kv.full.store(false, Ordering::Release);
        assert!(store.write("a", "b", "new", vec![2]).is_err());
        assert!(store.read("a", "b", "new").is_err());
        assert!(fatal.reason().unwrap().contains("disk full"));
    }

    #[tokio::test]
    async fn waiting_ends_with_the_next_manager_write() {
        let store = Arc::new(Store::new(Arc::new(Memory::default()), Fatal::new()));
        write_manager(&store).unwrap();
        let counter = store.manager_writes().clone();
        let waiter = tokio::spawn(async move { counter.above(1).await });
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        write_manager(&store).unwrap();
        waiter.await.unwrap();
    }
}
