//! Many streams over one connection: Yamux, with a bound on what a peer may send before it is read.
//!
//! The library's own adapter sets no such bound: a stream's window grows to what the line carries in two round trips, up to
//! 1 GiB a connection, and a busy node that is slow to answer looks like a long line. QUIC has its bounds in [`super::quic`].

use std::{
    collections::VecDeque,
    future::{Ready, ready},
    io,
    iter::{Once, once},
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::{
    muxing::{StreamMuxer, StreamMuxerEvent},
    upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo},
};
use yamux::{Config, Connection, Mode, Stream};

use super::transport::STREAMS_PER_CONNECTION;

/// The window every stream begins with (bytes), as Yamux fixes it.
const STREAM_BYTES: usize = 256 * 1024;
/// What the windows of all streams of a connection may grow by (bytes).
const MORE_BYTES: usize = 1024 * 1024;
/// Streams opened by the peer that wait for this node to take them. Those past it are dropped.
const WAITING: usize = 32;

/// How both sides agree on Yamux, and what this side allows.
#[derive(Clone)]
pub(super) struct Streams(Config);

impl Streams {
    pub(super) fn new() -> Self {
        let streams = usize::try_from(STREAMS_PER_CONNECTION).unwrap_or(usize::MAX);
        let mut config = Config::default();
        // Fewer streams first: the library wants every one of them to have room.
        config
            .set_max_num_streams(streams)
            .set_max_connection_receive_window(Some(streams * STREAM_BYTES + MORE_BYTES));
        Self(config)
    }
}

impl UpgradeInfo for Streams {
    type Info = &'static str;
    type InfoIter = Once<Self::Info>;

    fn protocol_info(&self) -> Self::InfoIter {
        once("/yamux/1.0.0")
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> InboundConnectionUpgrade<C> for Streams {
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = Ready<io::Result<Muxer<C>>>;

    fn upgrade_inbound(self, io: C, _: Self::Info) -> Self::Future {
        ready(Ok(Muxer::new(Connection::new(io, self.0, Mode::Server))))
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> OutboundConnectionUpgrade<C> for Streams {
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = Ready<io::Result<Muxer<C>>>;

    fn upgrade_outbound(self, io: C, _: Self::Info) -> Self::Future {
        ready(Ok(Muxer::new(Connection::new(io, self.0, Mode::Client))))
    }
}

/// A connection and the streams on it.
pub(super) struct Muxer<C> {
    connection: Connection<C>,
    /// Yamux reads from the connection only while asked for the next stream, so streams turn up when nobody wants one yet.
    waiting: VecDeque<Stream>,
    /// Who wants one.
    wanted: Option<Waker>,
}

impl<C: AsyncRead + AsyncWrite + Unpin> Muxer<C> {
    fn new(connection: Connection<C>) -> Self {
        Self {
            connection,
            waiting: VecDeque::new(),
            wanted: None,
        }
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        let next = ready!(self.connection.poll_next_inbound(cx));
        let closed = || Err(yamux::ConnectionError::Closed);
        Poll::Ready(next.unwrap_or_else(closed).map_err(failure))
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> StreamMuxer for Muxer<C> {
    type Substream = Stream;
    type Error = io::Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        if let Some(stream) = self.waiting.pop_front() {
            return Poll::Ready(Ok(stream));
        }
        let next = self.next(cx);
        if next.is_pending() {
            self.wanted = Some(cx.waker().clone());
        }
        next
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        self.connection.poll_new_outbound(cx).map_err(failure)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.poll_close(cx).map_err(failure)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<StreamMuxerEvent>> {
        let stream = ready!(self.next(cx))?;
        if self.waiting.len() < WAITING {
            self.waiting.push_back(stream);
            if let Some(waker) = self.wanted.take() {
                waker.wake();
            }
        }
        // There may be more; others are let run before.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn failure(error: yamux::ConnectionError) -> io::Error {
    match error {
        yamux::ConnectionError::Io(error) => error,
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests;
