//! Channels we asked peers for, and who waits for them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The channel's identifier, or why there is none.
pub(crate) type Outcome = Result<[u8; 32], String>;
type Waiting = HashMap<u128, oneshot::Sender<Outcome>>;

/// Who waits for which channel, by the number we gave it.
#[derive(Default)]
pub(crate) struct Openings(Mutex<Waiting>);

impl Openings {
    fn list(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts waiting for a channel.
    pub(crate) fn wait(&self, number: u128) -> oneshot::Receiver<Outcome> {
        let (tell, told) = oneshot::channel();
        self.list().insert(number, tell);
        told
    }

    /// Ends the wait.
    pub(crate) fn resolve(&self, number: u128, outcome: Outcome) {
        if let Some(waiting) = self.list().remove(&number) {
            let _ = waiting.send(outcome);
        }
    }

    /// Gives up waiting.
    pub(crate) fn forget(&self, number: u128) {
        self.list().remove(&number);
    }

    /// Whether somebody still waits.
    pub(crate) fn is_open(&self, number: u128) -> bool {
        self.list().contains_key(&number)
    }

    /// The numbers of all channels waited for.
    pub(crate) fn numbers(&self) -> Vec<u128> {
        self.list().keys().copied().collect()
    }
}
