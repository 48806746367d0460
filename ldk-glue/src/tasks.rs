//! The node's long-running parts, and what happens when one of them ends.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::chain::Stop;
use crate::fatal::Fatal;

/// How long a part may take to end after it was told to.
const PATIENCE: Duration = Duration::from_secs(10);

/// Parts that are told to stop together.
pub struct Stage {
    stop: watch::Sender<bool>,
    fatal: Fatal,
    parts: Mutex<Vec<(&'static str, JoinHandle<()>)>>,
}

impl Stage {
    /// No parts yet; when a vital one ends by itself, `fatal` is told.
    #[must_use]
    pub fn new(fatal: Fatal) -> Self {
        Self {
            stop: watch::Sender::new(false),
            fatal,
            parts: Mutex::new(Vec::new()),
        }
    }

    fn list(&self) -> MutexGuard<'_, Vec<(&'static str, JoinHandle<()>)>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns true when the parts have to stop.
    #[must_use]
    pub fn told(&self) -> Stop {
        self.stop.subscribe()
    }

    /// Spawns a part the node cannot do without: if it ends before it was told to, or panics, the node must stop.
    pub fn vital<F>(&self, name: &'static str, part: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let told = self.told();
        let fatal = self.fatal.clone();
        let inner = tokio::spawn(part);
        let watcher = tokio::spawn(async move {
            let _abort = AbortOnDrop(inner.abort_handle());
            let ended = inner.await;
            if *told.borrow() {
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

    /// Tells every part to stop and waits for it; one that does not is cut off.
    pub async fn end(&self) {
        self.stop.send_replace(true);
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
        let fatal = Fatal::new();
        let stage = Stage::new(fatal.clone());
        stage.vital("testing", async { panic!("boom") });
        assert!(fatal.wait().await.contains("testing"));
    }

    #[tokio::test]
    async fn a_part_that_ends_when_told_is_not() {
        let fatal = Fatal::new();
        let stage = Stage::new(fatal.clone());
        let mut told = stage.told();
        stage.vital("testing", async move {
            let _ = told.wait_for(|told| *told).await;
        });
        stage.end().await;
        assert_eq!(fatal.reason(), None);
    }
}
