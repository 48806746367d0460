//! The node's long-running parts, and what happens when one of them ends.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::fatal::Fatal;

/// How long a part may take to end after it was told to.
const PATIENCE: Duration = Duration::from_secs(10);

/// Handles of everything that was spawned.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<Vec<(&'static str, JoinHandle<()>)>>);

impl Tasks {
    fn list(&self) -> MutexGuard<'_, Vec<(&'static str, JoinHandle<()>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Spawns a part the node cannot do without: if it ends before it was told to, or panics, the node must stop.
    pub(crate) fn vital<F>(
        &self,
        name: &'static str,
        fatal: Fatal,
        stop: watch::Receiver<bool>,
        part: F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let inner = tokio::spawn(part);
        let watcher = tokio::spawn(async move {
            let _abort = AbortOnDrop(inner.abort_handle());
            let ended = inner.await;
            if *stop.borrow() {
                return;
            }
            let why = match ended {
                Ok(()) => "ended".to_owned(),
                Err(error) => error.to_string(),
            };
            fatal.fail(format!(
                "the part that does {name} has ended unexpectedly ({why}). State on disk is whole; the node must stop. \
                 Start it again, and report the log if this comes back."
            ));
        });
        self.list().push((name, watcher));
    }

    /// Waits for every part to end; one that does not is cut off.
    pub(crate) async fn join(&self) {
        let all = std::mem::take(&mut *self.list());
        let deadline = tokio::time::Instant::now() + PATIENCE;
        for (name, mut handle) in all {
            if tokio::time::timeout_at(deadline, &mut handle)
                .await
                .is_err()
            {
                tracing::warn!(part = name, "did not stop in time and was cut off");
                handle.abort();
                let _ = handle.await;
            }
        }
    }
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    #[tokio::test]
    async fn a_part_that_panics_is_fatal() {
        let (_keep, stop) = watch::channel(false);
        let fatal = Fatal::new();
        let tasks = Tasks::default();
        tasks.vital("testing", fatal.clone(), stop, async { panic!("boom") });
        assert!(fatal.wait().await.contains("testing"));
    }

    #[tokio::test]
    async fn a_part_that_ends_when_told_is_not() {
        let (tell, stop) = watch::channel(false);
        let fatal = Fatal::new();
        let tasks = Tasks::default();
        let mut told = stop.clone();
        tasks.vital("testing", fatal.clone(), stop, async move {
            let _ = told.wait_for(|told| *told).await;
        });
        let _ = tell.send(true);
        tasks.join().await;
        assert_eq!(fatal.reason(), None);
    }
}
