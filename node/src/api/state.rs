//! What every request handler has at hand.

use std::future::Future;
use std::sync::Arc;

use super::backend::Backend;
use super::engine::Swaps;
use super::problem::{Funds, Problem};
use cambista_engine::EngineHandle;
use tokio::sync::watch;

/// What every request handler has at hand. Cheap to clone.
#[derive(Clone)]
pub struct State {
    pub(super) swaps: Arc<dyn Swaps>,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) token: Arc<str>,
    /// Turns true when the API ends; nobody is kept waiting then.
    pub(super) stop: watch::Receiver<bool>,
    /// Keeps `stop` waiting for as long as nobody serves.
    _unserved: Option<Arc<watch::Sender<bool>>>,
}

impl State {
    /// Over this engine and this node; requests must carry `token`.
    #[must_use]
    pub fn new(engine: EngineHandle, backend: Arc<dyn Backend>, token: &str) -> Self {
        Self::over(Arc::new(engine), backend, token)
    }

    /// The same over anything that can swap.
    #[must_use]
    pub fn over(swaps: Arc<dyn Swaps>, backend: Arc<dyn Backend>, token: &str) -> Self {
        let (unserved, stop) = watch::channel(false);
        let _unserved = Some(Arc::new(unserved));
        Self {
            swaps,
            backend,
            token: token.into(),
            stop,
            _unserved,
        }
    }

    pub(super) fn until(self, stop: watch::Receiver<bool>) -> Self {
        Self {
            stop,
            _unserved: None,
            ..self
        }
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("State(..)")
    }
}

/// Runs to its end even when the caller hangs up: what moves money is never left half done.
pub(super) async fn uncancelled<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    tokio::spawn(work).await.unwrap_or_else(|_| {
        Err(
            Problem::internal("this request came to a sudden end; part of it may have been done")
                .funds(Funds::Unknown)
                .next("cambista status"),
        )
    })
}
