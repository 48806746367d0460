//! One node: its neighbours, its limits, its line.

use cambista_market::Gate;

use crate::params::{FORGIVEN, UPLINK};

/// A node of the market.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) online: bool,
    /// Since when, or when it comes back (microseconds).
    pub(crate) since: u64,
    pub(crate) peers: Vec<u32>,
    pub(crate) mesh: Vec<u32>,
    pub(crate) gate: Gate<u32>,
    /// Offers taken since the last heartbeat.
    pub(crate) fresh: Vec<u32>,
    /// Invalid offers each peer brought.
    blamed: Vec<(u32, u8)>,
    line_free: u64,
    /// How long it took after each coming back until it had the book (microseconds).
    pub(crate) caught_up: Vec<u64>,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) judged: u64,
    pub(crate) spam_taken: u64,
}

impl Node {
    pub(crate) fn new() -> Self {
        Self {
            online: true,
            since: 0,
            peers: Vec::new(),
            mesh: Vec::new(),
            gate: Gate::default(),
            fresh: Vec::new(),
            blamed: Vec::new(),
            line_free: 0,
            caught_up: Vec::new(),
            sent: 0,
            received: 0,
            judged: 0,
            spam_taken: 0,
        }
    }

    /// When bytes handed to the line at `now` have left it (microseconds).
    pub(crate) fn send(&mut self, now: u64, bytes: u64) -> u64 {
        self.sent += bytes;
        self.line_free = self.line_free.max(now) + bytes * 1_000_000 / UPLINK;
        self.line_free
    }

    /// Notes an invalid offer; whether its bringer is no longer heard from now on.
    pub(crate) fn blame(&mut self, peer: u32) -> bool {
        match self.blamed.iter_mut().find(|(other, _)| *other == peer) {
            Some((_, times)) => {
                *times = times.saturating_add(1);
                *times > FORGIVEN
            }
            None => {
                self.blamed.push((peer, 1));
                false
            }
        }
    }

    pub(crate) fn silenced(&self, peer: u32) -> bool {
        self.blamed
            .iter()
            .any(|(other, times)| *other == peer && *times > FORGIVEN)
    }
}
