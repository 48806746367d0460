//! How much may come over one connection. What a peer says and this node counts (offers, requests) is bounded in
//! [`super::flood`]; here everything else is: what the libraries answer, forget or throw away by themselves.

use std::{
    io,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::config::Limits;

/// So much at once, and so much more with time.
struct Bucket {
    left: u64,
    most: u64,
    per_second: u64,
    at: Instant,
}

impl Bucket {
    fn full(most: u64, per_second: u64) -> Self {
        Self {
            left: most,
            most,
            per_second,
            at: Instant::now(),
        }
    }

    fn take(&mut self, amount: u64, now: Instant) -> bool {
        const SECOND: u128 = 1_000_000;
        let passed = now.duration_since(self.at).as_micros();
        let filled = passed.saturating_mul(self.per_second.into()) / SECOND;
        let filled = u64::try_from(filled).unwrap_or(u64::MAX);
        if filled >= self.most {
            (self.left, self.at) = (self.most, now);
        } else if filled > 0 {
            self.left = self.left.saturating_add(filled).min(self.most);
            let took = u128::from(filled) * SECOND / u128::from(self.per_second);
            self.at += Duration::from_micros(u64::try_from(took).unwrap_or(u64::MAX));
        }
        match self.left.checked_sub(amount) {
            Some(left) => {
                self.left = left;
                true
            }
            None => {
                self.left = 0;
                false
            }
        }
    }
}

/// The bounds of one connection.
pub(super) struct Pace(Mutex<Inner>);

struct Inner {
    bytes: Bucket,
    streams: Bucket,
    over: bool,
}

/// Why a connection was closed.
#[derive(Debug, thiserror::Error)]
#[error("more came over this connection than any honest peer sends")]
struct TooMuch;

impl Pace {
    pub(super) fn new(limits: &Limits) -> Self {
        Self(Mutex::new(Inner {
            bytes: Bucket::full(limits.bytes_at_once, limits.bytes_per_second),
            streams: Bucket::full(limits.streams_at_once, limits.streams_per_second),
            over: false,
        }))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// So many bytes came.
    pub(super) fn received(&self, bytes: u64) {
        self.with(|inner| inner.over |= !inner.bytes.take(bytes, Instant::now()));
    }

    /// The peer opened a stream.
    pub(super) fn opened(&self) {
        self.with(|inner| inner.over |= !inner.streams.take(1, Instant::now()));
    }

    /// # Errors
    /// When more has come than may.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.with(|inner| inner.over) {
            return Err(io::Error::other(TooMuch));
        }
        Ok(())
    }
}

/// Whether a connection was closed because too much came over it. The libraries put one error into another.
pub(super) fn is_too_much(mut error: &io::Error) -> bool {
    while let Some(inner) = error.get_ref() {
        if inner.is::<TooMuch>() {
            return true;
        }
        let Some(inner) = inner.downcast_ref::<io::Error>() else {
            break;
        };
        error = inner;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_much_comes_at_once_and_then_at_the_pace() {
        let mut bucket = Bucket::full(100, 10);
        let now = bucket.at;
        assert!(bucket.take(100, now) && !bucket.take(1, now));
        let later = now + Duration::from_millis(1_050);
        let taken = (0..100).filter(|_| bucket.take(1, later)).count();
        assert_eq!(taken, 10);
        assert!(
            bucket.take(1, now + Duration::from_millis(1_100)),
            "the rest counts"
        );
        assert!(bucket.take(100, now + Duration::from_secs(1_000)));
        assert!(!bucket.take(1, now + Duration::from_secs(1_000)));
    }

    #[test]
    fn it_is_told_from_other_errors_however_deep() {
        let deep = io::Error::other(io::Error::other(io::Error::other(TooMuch)));
        assert!(is_too_much(&deep));
        assert!(!is_too_much(&io::Error::other("something else")));
        assert!(!is_too_much(&io::ErrorKind::BrokenPipe.into()));
    }
}
