//! Answering on a socket until told to stop.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::door::{Door, Place};
use super::router::router;
use super::state::State;

/// So long may answers under way still take once the node stops.
const GRACE: Duration = Duration::from_secs(2);
/// So long may a caller take to say what it wants, and a connection rest between two requests; longer than the command
/// line's client keeps one for another request.
const HEAD: Duration = Duration::from_secs(30);
/// What is kept of a request that has not been read to the end, and the longest head of one (bytes).
const BUFFER: usize = 64 * 1024;

/// Answers on `listener` until `stop` turns true (or its sender is gone), then gives answers under way two seconds.
///
/// # Errors
/// When the listener is not on this machine's own loopback: the API is never served to a network.
pub async fn serve(
    listener: TcpListener,
    state: State,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    serve_within(HEAD, listener, state, stop).await
}

/// The same with another time for a caller to say what it wants.
pub(super) async fn serve_within(
    head: Duration,
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
    let router = router(state.until(stop.clone()));
    let door = Door::new();
    let mut connections = JoinSet::new();
    tokio::select! {
        () = stopped(stop.clone()) => {}
        () = async {
            loop {
                let stream = accept(&listener).await;
                let Some(place) = door.enter().await else { return };
                while connections.try_join_next().is_some() {}
                connections.spawn(answer(head, stream, place, router.clone(), stop.clone()));
            }
        } => {}
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(GRACE, ended).await;
    Ok(())
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                // Out of file descriptors, mostly: it passes.
                tracing::warn!(%error, "a connection to the API could not be accepted");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// Answers one connection until it ends, its place is needed or the node stops.
async fn answer(
    head: Duration,
    stream: TcpStream,
    mut place: Place,
    router: Router,
    stop: watch::Receiver<bool>,
) {
    let caller = Arc::clone(place.caller());
    let routes = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&caller));
        routes.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        // What goes wrong between this machine and itself is known to the caller.
        _ = connection.as_mut() => return,
        () = place.needed() => return,
        () = stopped(stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
