//! `/cambista/quote/1`: firm quotes. Small messages and a short wait, so that asking several makers
//! at once costs little.

use std::time::Duration;

use super::exchange::Rules;

pub(super) const RULES: Rules = Rules {
    name: "/cambista/quote/1",
    max_bytes: 4 * 1024,
    timeout: Duration::from_secs(10),
    running: 16,
    waiting: 256,
    waiting_per_peer: 8,
};
