//! The store as LDK sees it: channel monitors reach the disk together with the channel manager, or not at all.
//!
//! A manager on disk that is older than one of its monitors makes LDK close that channel at the next start. LDK writes
//! the two one after the other, so a crash in between would do it. Here monitors only wait in memory; a save takes the
//! manager as it is and writes it, with every monitor it knows of, in one change of the store. In return nothing that
//! follows from a monitor may leave this process before a save: messages to peers ([`crate::release`]), transactions
//! ([`crate::chain::Broadcaster`]), events to the owner ([`crate::handler`]). So a crash only ever takes back what nobody
//! has heard of.
//!
//! The first failed write latches: nothing newer than it reaches the disk, and the node is told to stop.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use lightning::io;
use lightning::util::persist::{
    ARCHIVED_CHANNEL_MONITOR_PERSISTENCE_PRIMARY_NAMESPACE, CHANNEL_MANAGER_PERSISTENCE_KEY,
    CHANNEL_MANAGER_PERSISTENCE_PRIMARY_NAMESPACE, CHANNEL_MANAGER_PERSISTENCE_SECONDARY_NAMESPACE,
    CHANNEL_MONITOR_PERSISTENCE_PRIMARY_NAMESPACE,
    CHANNEL_MONITOR_UPDATE_PERSISTENCE_PRIMARY_NAMESPACE, KVStoreSync,
};
use lightning::util::ser::{Writeable, Writer};

use crate::fatal::Fatal;
use crate::kv::{Change, Kv};

/// An error of the store's kind.
pub(crate) fn other(
    reason: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
) -> io::Error {
    io::Error::new(io::ErrorKind::Other, reason)
}

/// The channel manager, as far as saving it goes.
pub(crate) trait State: Send + Sync {
    /// Writes it down.
    fn record(&self, tape: &mut Tape<'_>) -> Result<(), io::Error>;
}

impl<T: Writeable + Send + Sync> State for T {
    fn record(&self, tape: &mut Tape<'_>) -> Result<(), io::Error> {
        self.write(tape)
    }
}

/// Takes the manager down, and how many changes of monitors waited then.
///
/// LDK locks all its peers from before the first channel is written until after the last byte, and it changes a monitor
/// only with its peer locked. So the changes that wait at the last byte are exactly those the written manager knows of.
pub(crate) struct Tape<'a> {
    bytes: Vec<u8>,
    waiting: &'a AtomicUsize,
    known: usize,
}

impl Writer for Tape<'_> {
    fn write_all(&mut self, bytes: &[u8]) -> Result<(), io::Error> {
        self.bytes.extend_from_slice(bytes);
        self.known = self.waiting.load(Ordering::Acquire);
        Ok(())
    }
}

/// What was saved last.
#[derive(Default)]
struct Saved {
    manager: Vec<u8>,
    over: bool,
}

/// The store handed to all of LDK.
pub(crate) struct Store {
    inner: Arc<Kv>,
    state: OnceLock<Weak<dyn State>>,
    /// Changes of monitors, oldest first. Whoever saves takes from the front; everybody else only adds.
    staged: Mutex<Vec<Change>>,
    /// The number of them.
    waiting: AtomicUsize,
    /// Held by whoever saves.
    saved: Mutex<Saved>,
    failed: AtomicBool,
    fatal: Fatal,
}

impl Store {
    pub(crate) fn new(inner: Arc<Kv>, fatal: Fatal) -> Self {
        Self {
            inner,
            state: OnceLock::new(),
            staged: Mutex::default(),
            waiting: AtomicUsize::new(0),
            saved: Mutex::default(),
            failed: AtomicBool::new(false),
            fatal,
        }
    }

    /// Tells whom to save. Before that nothing can be saved.
    pub(crate) fn attach(&self, state: Weak<dyn State>) {
        // Once per node: a second one would be a mistake without consequence.
        let _ = self.state.set(state);
    }

    /// Makes everything LDK knows now durable. Must not be called from within LDK's own calls: it takes its locks.
    ///
    /// # Errors
    /// When the store failed, now or before. Nothing may be told to anybody then.
    pub(crate) fn save(&self) -> Result<(), io::Error> {
        let saved = self.turn();
        self.save_in_turn(saved)
    }

    /// Makes every change of a monitor durable that was made before this call; cheap when there is none.
    ///
    /// # Errors
    /// As [`Store::save`].
    pub(crate) fn settle(&self) -> Result<(), io::Error> {
        let saved = self.turn();
        self.usable()?;
        if self.waiting.load(Ordering::Acquire) == 0 {
            return Ok(());
        }
        self.save_in_turn(saved)
    }

    /// Saves a last time. Afterwards the state on disk may be another node's.
    pub(crate) fn end(&self) {
        // A failure is latched.
        let _ = self.save();
        self.turn().over = true;
    }

    fn save_in_turn(&self, mut saved: MutexGuard<'_, Saved>) -> Result<(), io::Error> {
        self.usable()?;
        if saved.over {
            return Err(other("the node has stopped"));
        }
        let state = self.state.get().and_then(Weak::upgrade);
        let state = state.ok_or_else(|| other("there is no channel manager"))?;
        let mut tape = Tape {
            bytes: Vec::with_capacity(saved.manager.len()),
            waiting: &self.waiting,
            known: 0,
        };
        state.record(&mut tape)?;
        let Tape { bytes, known, .. } = tape;
        if known == 0 && bytes == saved.manager {
            return Ok(());
        }
        let mut changes: Vec<Change> = self.staged().iter().take(known).cloned().collect();
        changes.push(Change {
            primary: CHANNEL_MANAGER_PERSISTENCE_PRIMARY_NAMESPACE.to_owned(),
            secondary: CHANNEL_MANAGER_PERSISTENCE_SECONDARY_NAMESPACE.to_owned(),
            key: CHANNEL_MANAGER_PERSISTENCE_KEY.to_owned(),
            value: Some(bytes),
        });
        self.guarded("channels", || self.inner.apply(&changes))?;
        saved.manager = changes
            .pop()
            .and_then(|last| last.value)
            .unwrap_or_default();
        let mut staged = self.staged();
        staged.drain(..known);
        self.waiting.store(staged.len(), Ordering::Release);
        Ok(())
    }

    /// Never fails, after a failed write neither: LDK would panic, and the node could not even stop in good order.
    fn stage(&self, change: Change) {
        let mut staged = self.staged();
        staged.push(change);
        self.waiting.store(staged.len(), Ordering::Release);
    }

    fn turn(&self) -> MutexGuard<'_, Saved> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn staged(&self) -> MutexGuard<'_, Vec<Change>> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usable(&self) -> Result<(), io::Error> {
        if self.failed.load(Ordering::Acquire) {
            return Err(other("an earlier write failed"));
        }
        Ok(())
    }

    fn guarded(
        &self,
        what: &str,
        action: impl FnOnce() -> Result<(), io::Error>,
    ) -> Result<(), io::Error> {
        self.usable()?;
        action().inspect_err(|error| {
            self.failed.store(true, Ordering::Release);
            self.fatal.fail(format!(
                "Lightning state could not be saved ({what}: {error}). No channel state was lost, but the node must \
                 stop. Free disk space or repair the disk, then start it again."
            ));
        })
    }
}

fn is_manager(primary: &str, secondary: &str, key: &str) -> bool {
    primary == CHANNEL_MANAGER_PERSISTENCE_PRIMARY_NAMESPACE
        && secondary == CHANNEL_MANAGER_PERSISTENCE_SECONDARY_NAMESPACE
        && key == CHANNEL_MANAGER_PERSISTENCE_KEY
}

fn is_monitor(primary: &str) -> bool {
    [
        CHANNEL_MONITOR_PERSISTENCE_PRIMARY_NAMESPACE,
        CHANNEL_MONITOR_UPDATE_PERSISTENCE_PRIMARY_NAMESPACE,
        ARCHIVED_CHANNEL_MONITOR_PERSISTENCE_PRIMARY_NAMESPACE,
    ]
    .contains(&primary)
}

fn change(primary: &str, secondary: &str, key: &str, value: Option<Vec<u8>>) -> Change {
    Change {
        primary: primary.to_owned(),
        secondary: secondary.to_owned(),
        key: key.to_owned(),
        value,
    }
}

impl KVStoreSync for Store {
    fn read(&self, primary: &str, secondary: &str, key: &str) -> Result<Vec<u8>, io::Error> {
        if is_monitor(primary) {
            // Held over the read below: what leaves the list is in the store by then.
            let staged = self.staged();
            let newest = staged.iter().rev().find(|change| {
                change.primary == primary && change.secondary == secondary && change.key == key
            });
            return match newest {
                Some(Change { value, .. }) => {
                    value.clone().ok_or_else(|| io::ErrorKind::NotFound.into())
                }
                None => self.inner.read(primary, secondary, key),
            };
        }
        self.inner.read(primary, secondary, key)
    }

    fn write(
        &self,
        primary: &str,
        secondary: &str,
        key: &str,
        buf: Vec<u8>,
    ) -> Result<(), io::Error> {
        if is_manager(primary, secondary, key) {
            // What LDK's loop wrote down may be older by now than what has been saved.
            return self.save();
        }
        if is_monitor(primary) {
            self.stage(change(primary, secondary, key, Some(buf)));
            return Ok(());
        }
        self.guarded(key, || self.inner.write(primary, secondary, key, buf))
    }

    fn remove(
        &self,
        primary: &str,
        secondary: &str,
        key: &str,
        lazy: bool,
    ) -> Result<(), io::Error> {
        if is_monitor(primary) {
            self.stage(change(primary, secondary, key, None));
            return Ok(());
        }
        self.guarded(key, || self.inner.remove(primary, secondary, key, lazy))
    }

    fn list(&self, primary: &str, secondary: &str) -> Result<Vec<String>, io::Error> {
        let staged = self.staged();
        let mut keys = self.inner.list(primary, secondary)?;
        let within = staged
            .iter()
            .filter(|change| change.primary == primary && change.secondary == secondary);
        for Change { key, value, .. } in within {
            keys.retain(|known| known != key);
            if value.is_some() {
                keys.push(key.clone());
            }
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests;
