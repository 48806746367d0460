//! What happens, and when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Something that happens to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// An offer arrives from a neighbour.
    Arrives { to: u32, from: u32, message: u32 },
    /// A maker announces.
    Announce { maker: u32 },
    /// A new maker looks whether others of its kind are heard, so many times more.
    Look { maker: u32, times: u8 },
    /// A new maker has found the work with which it is heard.
    Strong { maker: u32, grade: u8 },
    /// A spammer sends its next offer.
    Spam { node: u32 },
    /// A second of a node has passed.
    Heartbeat { node: u32 },
    /// A node goes.
    Leave { node: u32 },
    /// A node comes back.
    Join { node: u32 },
    /// A page of the book is asked of a peer.
    Asked { peer: u32, by: u32, page: u64 },
    /// It has come and was judged, or nothing has come for too long.
    Page { to: u32, next: u64 },
}

/// Events in the order of their time (microseconds).
#[derive(Debug, Default)]
pub(crate) struct Queue(BinaryHeap<Reverse<(u64, Event)>>);

impl Queue {
    pub(crate) fn push(&mut self, at: u64, event: Event) {
        self.0.push(Reverse((at, event)));
    }

    pub(crate) fn pop(&mut self) -> Option<(u64, Event)> {
        self.0.pop().map(|Reverse(next)| next)
    }
}
