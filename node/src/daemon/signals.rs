//! Being told to stop by the system.

use tokio::signal;

use super::DaemonError;

/// Sent to a process that writes to a file beyond the size its system allows it.
#[cfg(any(target_os = "linux", target_os = "macos"))]
const SIGXFSZ: i32 = 25;

/// Listens from its making on, so that no signal is lost while the node starts.
pub(super) struct Signals {
    #[cfg(unix)]
    terminate: signal::unix::Signal,
    #[cfg(unix)]
    interrupt: signal::unix::Signal,
    /// Heard only so that it does not end the process: the write it is about fails, as on a full disk.
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    _file_too_large: signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    pub(super) fn listen() -> Result<Self, DaemonError> {
        use signal::unix::{SignalKind, signal};
        let on = |kind| signal(kind).map_err(DaemonError::Signals);
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            #[cfg(any(target_os = "linux", target_os = "macos"))]
            _file_too_large: on(SignalKind::from_raw(SIGXFSZ))?,
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
