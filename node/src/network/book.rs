//! `/cambista/book/1`: pages of known offers for a node that has just joined.

use std::time::Duration;

use super::exchange::Rules;

pub(super) const RULES: Rules = Rules {
    name: "/cambista/book/1",
    max_bytes: 64 * 1024,
    timeout: Duration::from_secs(15),
    running: 4,
    waiting: 64,
    waiting_per_peer: 2,
};
