//! The quotes this node was given and may still open: so many at most, the newest.

use std::collections::HashMap;

use crate::internal::HeldQuote;

/// Quotes kept to be opened at most.
const MOST_QUOTES: usize = 256;

/// Quotes by their ids.
#[derive(Debug, Default)]
pub(crate) struct HeldQuotes {
    /// With the turn in which each came.
    held: HashMap<String, (u64, HeldQuote)>,
    turn: u64,
}

impl HeldQuotes {
    /// Keeps one more. When there are too many the oldest goes: whoever asked for it has had the longest time to open it, and
    /// no maker can fill the room for good.
    pub(crate) fn keep(&mut self, id: String, quote: HeldQuote) {
        if self.held.len() >= MOST_QUOTES && !self.held.contains_key(&id) {
            let oldest = self.held.iter().min_by_key(|(_, (turn, _))| *turn);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                self.held.remove(&oldest);
            }
        }
        self.turn = self.turn.saturating_add(1);
        self.held.insert(id, (self.turn, quote));
    }

    /// The quote of this id.
    pub(crate) fn get(&self, id: &str) -> Option<&HeldQuote> {
        self.held.get(id).map(|(_, quote)| quote)
    }

    /// Each is opened once.
    pub(crate) fn remove(&mut self, id: &str) {
        self.held.remove(id);
    }

    /// Forgets those that are over at `now` (Unix seconds).
    pub(crate) fn expire(&mut self, now: u64) {
        self.held
            .retain(|_, (_, held)| held.quote.valid_until >= now);
    }
}
