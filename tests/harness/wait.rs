//! Waiting for something that other processes do, with a deadline.

use std::thread::sleep;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(30);

/// Long enough for two nodes to find each other again when one was away, and to settle what they have to settle: whoever knows
/// the other's address tries ever more rarely, at least once a minute. A machine that runs other tests needs times as long.
pub const FOUND_AGAIN: Duration = secs(300);

/// Asks `probe` again and again until it answers `Ok`.
///
/// # Panics
/// When that takes longer than `timeout`: says what was waited for and what `probe` said last.
#[track_caller]
pub fn wait_for<T>(
    what: &str,
    timeout: Duration,
    mut probe: impl FnMut() -> Result<T, String>,
) -> T {
    let started = Instant::now();
    loop {
        match probe() {
            Ok(value) => return value,
            Err(seen) if started.elapsed() > timeout => {
                panic!("waited {timeout:?} for {what}; last seen: {seen}")
            }
            Err(_) => sleep(POLL),
        }
    }
}

/// `seconds` as a [`Duration`].
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
