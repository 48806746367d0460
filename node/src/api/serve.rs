//! Answering on a socket until told to stop.

use std::io;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::router::router;
use super::state::State;

/// So long may answers under way still take once the node stops.
const GRACE: Duration = Duration::from_secs(2);

/// Answers on `listener` until `stop` turns true (or its sender is gone), then gives answers under way two seconds.
///
/// # Errors
/// When the listener is not on this machine's own loopback: the API is never served to a network.
pub async fn serve(
    listener: TcpListener,
    state: State,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    if !listener.local_addr()?.ip().is_loopback() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the API commands the node's money and answers on 127.0.0.1 or [::1] only: change `[api] listen`",
        ));
    }
    let stopped = |mut stop: watch::Receiver<bool>| async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let server = axum::serve(listener, router(state.until(stop.clone())))
        .with_graceful_shutdown(stopped(stop.clone()));
    tokio::select! {
        served = async { server.await } => served,
        () = async { stopped(stop).await; tokio::time::sleep(GRACE).await } => Ok(()),
    }
}
