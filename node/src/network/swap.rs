//! `/cambista/swap/1`: the messages of a running swap. One of them carries a raw funding
//! transaction, hence the size; answering may mean signing and writing to disk, hence the wait.

use std::time::Duration;

use super::exchange::Rules;

pub(super) const RULES: Rules = Rules {
    name: "/cambista/swap/1",
    max_bytes: 64 * 1024,
    timeout: Duration::from_secs(30),
    running: 32,
    waiting: 256,
    waiting_per_peer: 16,
};
