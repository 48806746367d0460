//! Waiting until something has changed, for a bounded time.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::problem::Problem;
use super::state::{State, stopping};

/// The longest one waits for something to change (seconds).
const MAX_WAIT: u64 = 30;

/// Looks after every change until it has seen enough, at most for so many seconds, and returns what it saw last.
pub(super) async fn until<T, L>(
    state: &State,
    mut changes: watch::Receiver<u64>,
    secs: u64,
    look: impl Fn() -> L,
    enough: impl Fn(&T) -> bool,
) -> Result<T, Problem>
where
    L: Future<Output = Result<T, Problem>>,
{
    let deadline = Instant::now() + Duration::from_secs(secs.min(MAX_WAIT));
    let mut stop = state.stop.clone();
    loop {
        // Before the look, so that no change between look and wait is missed.
        changes.borrow_and_update();
        let seen = look().await?;
        if enough(&seen) || Instant::now() >= deadline {
            return Ok(seen);
        }
        tokio::select! {
            changed = changes.changed() => changed.map_err(|_| stopping())?,
            _ = stop.wait_for(|stop| *stop) => return Err(stopping()),
            () = sleep_until(deadline) => return Ok(seen),
        }
    }
}
