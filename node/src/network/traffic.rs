//! How many bytes went over all connections: what protocols said, without encryption and framing.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::{StreamMuxer, StreamMuxerBox, StreamMuxerEvent, SubstreamBox};

use super::{config::Limits, pace::Pace};

/// Bytes sent and received since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes received.
    pub received: u64,
    /// Bytes sent.
    pub sent: u64,
}

/// Counts for everyone who holds a clone, and holds each connection to its bounds.
#[derive(Clone, Default)]
pub(super) struct Meter(Arc<(AtomicU64, AtomicU64)>, Arc<Limits>);

impl Meter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self(Arc::default(), Arc::new(limits.clone()))
    }

    pub(super) fn read(&self) -> Traffic {
        Traffic {
            received: self.0.0.load(Ordering::Relaxed),
            sent: self.0.1.load(Ordering::Relaxed),
        }
    }

    /// The connection, counted.
    pub(super) fn on(&self, connection: StreamMuxerBox) -> StreamMuxerBox {
        StreamMuxerBox::new(Counted {
            inner: connection,
            meter: self.clone(),
            pace: Arc::new(Pace::new(&self.1)),
        })
    }

    fn received(&self, bytes: u64) {
        self.0.0.fetch_add(bytes, Ordering::Relaxed);
    }

    fn sent(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.0.1.fetch_add(bytes, Ordering::Relaxed);
    }
}

struct Counted<T> {
    inner: T,
    meter: Meter,
    /// Of the connection with all its streams.
    pace: Arc<Pace>,
}

impl<T> Counted<T> {
    fn of(&self, inner: SubstreamBox) -> Counted<SubstreamBox> {
        Counted {
            inner,
            meter: self.meter.clone(),
            pace: Arc::clone(&self.pace),
        }
    }
}

impl StreamMuxer for Counted<StreamMuxerBox> {
    type Substream = Counted<SubstreamBox>;
    type Error = io::Error;

    fn poll_inbound(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Self::Substream>> {
        let stream = Pin::new(&mut self.inner).poll_inbound(context);
        stream.map_ok(|stream| {
            self.pace.opened();
            self.of(stream)
        })
    }

    fn poll_outbound(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Self::Substream>> {
        let stream = Pin::new(&mut self.inner).poll_outbound(context);
        stream.map_ok(|stream| self.of(stream))
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(context)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<StreamMuxerEvent>> {
        // The swarm asks here after everything it has done with the streams.
        self.pace.check()?;
        Pin::new(&mut self.inner).poll(context)
    }
}

impl AsyncRead for Counted<SubstreamBox> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        read.map_ok(|bytes| {
            let read = u64::try_from(bytes).unwrap_or(u64::MAX);
            self.meter.received(read);
            self.pace.received(read);
            bytes
        })
    }
}

impl AsyncWrite for Counted<SubstreamBox> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, buffer);
        written.map_ok(|bytes| {
            self.meter.sent(bytes);
            bytes
        })
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(context)
    }
}
