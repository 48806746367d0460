//! Being told to stop by the system.

use tokio::signal;

use super::DaemonError;

/// Listens from its making on, so that no signal is lost while the node starts.
pub(super) struct Signals {
    #[cfg(unix)]
    terminate: signal::unix::Signal,
    #[cfg(unix)]
    interrupt: signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    pub(super) fn listen() -> Result<Self, DaemonError> {
        use signal::unix::{SignalKind, signal};
        let on = |kind| signal(kind).map_err(DaemonError::Signals);
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
        })
    }

    /// Resolves with the next signal to stop.
    #[cfg(unix)]
    pub(super) async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    pub(super) fn listen() -> Result<Self, DaemonError> {
        Ok(Self {})
    }

    /// Resolves with the next Ctrl-C.
    #[cfg(not(unix))]
    pub(super) async fn any(&mut self) {
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
