//! When LDK's state may change, and who saves it.
//!
//! A change that reaches a channel's monitor but not the channel manager on disk makes LDK close the channel at the next
//! start. The background processor saves the manager while it runs; before and after, nobody else would.

use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use lightning::io;
use lightning::util::persist::{
    CHANNEL_MANAGER_PERSISTENCE_KEY, CHANNEL_MANAGER_PERSISTENCE_PRIMARY_NAMESPACE,
    CHANNEL_MANAGER_PERSISTENCE_SECONDARY_NAMESPACE, KVStoreSync,
};
use lightning::util::ser::Writeable;

use crate::barrier::Store;
use crate::types::Manager;

/// Open until the node's last state is about to be written.
#[derive(Default)]
pub(crate) struct Gate(RwLock<bool>);

/// Held while something changes LDK's state.
pub(crate) struct Pass<'a>(RwLockReadGuard<'a, bool>);

impl Gate {
    /// Leave to change LDK's state, unless the node has come to its end.
    pub(crate) fn pass(&self) -> Option<Pass<'_>> {
        let closed = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (!*closed).then(|| Pass(closed))
    }

    /// Waits for changes under way and allows no more.
    pub(crate) fn close(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

impl std::fmt::Debug for Pass<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pass").field(&*self.0).finish()
    }
}

/// Saves the manager as long as the background processor does not.
#[derive(Default)]
pub(crate) struct Saver {
    handed_over: Mutex<bool>,
}

impl Saver {
    /// From now on the background processor saves.
    pub(crate) fn hand_over(&self) {
        let mut handed_over = self.lock();
        *handed_over = true;
    }

    /// Saves now, if nobody else does. A failure is latched by the store.
    pub(crate) fn save(&self, store: &Store, manager: &Manager) -> Result<(), io::Error> {
        let handed_over = self.lock();
        if *handed_over {
            return Ok(());
        }
        store.write(
            CHANNEL_MANAGER_PERSISTENCE_PRIMARY_NAMESPACE,
            CHANNEL_MANAGER_PERSISTENCE_SECONDARY_NAMESPACE,
            CHANNEL_MANAGER_PERSISTENCE_KEY,
            manager.encode(),
        )
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, bool> {
        self.handed_over
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
