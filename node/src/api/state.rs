//! What every request handler has at hand.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use super::backend::Backend;
use super::engine::Swaps;
use super::problem::{Code, Funds, Problem};
use cambista_engine::order::Orders;
use cambista_engine::view::QuoteView;
use tokio::sync::watch;

/// So many quotes are remembered: more than can be good at a time.
const QUOTES: usize = 1024;

/// Id, whether it is `out`, and amount (sat) of a quote.
type Quoted = (String, bool, u64);

/// What every request handler has at hand. Cheap to clone.
#[derive(Clone)]
pub struct State {
    pub(super) swaps: Arc<dyn Swaps>,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) token: Arc<str>,
    /// Turns true when the API ends; nobody is kept waiting then.
    pub(super) stop: watch::Receiver<bool>,
    /// The quotes given last, for limits that are shares of the amount.
    quotes: Arc<Mutex<VecDeque<Quoted>>>,
    /// Keeps `stop` waiting for as long as nobody serves.
    _unserved: Option<Arc<watch::Sender<bool>>>,
}

impl State {
    /// Over these orders and this node; requests must carry `token`.
    #[must_use]
    pub fn new(orders: Orders, backend: Arc<dyn Backend>, token: &str) -> Self {
        Self::over(Arc::new(orders), backend, token)
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
            quotes: Arc::default(),
            _unserved,
        }
    }

    /// Remembers quotes.
    pub(super) fn quoted(&self, quotes: &[QuoteView]) {
        let mut known = self.quotes.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(quotes.iter().map(|quote| {
            let out = quote.direction == "out";
            (quote.id.clone(), out, quote.amount_sat)
        }));
        let old = known.len().saturating_sub(QUOTES);
        known.drain(..old);
    }

    /// Whether a remembered quote is `out`, and its amount (sat).
    pub(super) fn quote(&self, id: &str) -> Option<(bool, u64)> {
        let known = self.quotes.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|(known, ..)| known == id);
        found.map(|(_, out, amount)| (*out, *amount))
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

pub(super) fn stopping() -> Problem {
    let detail = "the node is stopping; open swaps go on when it is started again";
    Problem::new(Code::Stopping, detail).next("cambista run")
}
