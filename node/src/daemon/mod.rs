//! The running node: everything started in the order that is safe, and ended in the order that is safe.

mod backend;
mod convert;
mod error;
mod invoices;
mod log;
mod maintain;
mod makers;
mod market;
mod peers;
mod signals;
mod start;
mod wallet;

use std::path::PathBuf;

use tokio::sync::watch;

pub use error::DaemonError;
use start::Running;

use crate::datadir::DataDir;

/// What `cambista run` was told.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The node's folder.
    pub datadir: PathBuf,
}

/// Runs the node of this folder until it is told to stop (by a signal or through the API) or cannot go on.
///
/// # Errors
/// When it cannot start, or had to stop by itself: what was saved goes on at the next start.
pub async fn run(options: RunOptions) -> Result<(), DaemonError> {
    log::init();
    let dir = DataDir::at(options.datadir);
    // Held until everything has ended.
    let _lock = dir.lock()?;
    dir.forget_api_address();
    let mut signals = signals::Signals::listen()?;
    let (ask_stop, mut stop_asked) = watch::channel(false);

    let running = tokio::select! {
        started = Running::start(&dir, ask_stop) => started?,
        () = signals.any() => {
            tracing::info!("stopped before it had started");
            return Ok(());
        }
    };
    let reason = tokio::select! {
        () = signals.any() => None,
        _ = stop_asked.wait_for(|asked| *asked) => None,
        reason = running.broken() => Some(reason),
    };
    match &reason {
        None => tracing::info!("stopping"),
        Some(reason) => tracing::error!(reason, "the node must stop"),
    }
    dir.forget_api_address();
    // A second signal means now: everything that counts is on the disk at every moment.
    tokio::select! {
        () = running.stop() => tracing::info!("stopped"),
        () = signals.any() => tracing::warn!("stopped at once"),
    }
    reason.map_or(Ok(()), |reason| Err(DaemonError::Broken(reason)))
}
