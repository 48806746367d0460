//! One step of a machine, not yet taken.

use super::{Effect, Event};

/// What an event would do. The next state comes out only by [`Transition::save`]: advancing without storing does not
/// compile.
#[must_use = "a step that is not saved did not happen"]
#[derive(Debug)]
pub struct Transition<S> {
    event: Event,
    height: u32,
    next: S,
    effects: Vec<Effect>,
    changed: bool,
}

impl<S> Transition<S> {
    pub(super) const fn new(
        event: Event,
        height: u32,
        next: S,
        effects: Vec<Effect>,
        changed: bool,
    ) -> Self {
        Self {
            event,
            height,
            next,
            effects,
            changed,
        }
    }

    pub(super) fn map<T>(self, f: impl FnOnce(S) -> T) -> Transition<T> {
        Transition {
            event: self.event,
            height: self.height,
            next: f(self.next),
            effects: self.effects,
            changed: self.changed,
        }
    }

    /// Whether the event means nothing to this state: it is then not stored.
    #[must_use]
    pub const fn is_noop(&self) -> bool {
        !self.changed && self.effects.is_empty()
    }

    /// Stores event and effects with `commit`, in one transaction, and gives out the next state. An event that means
    /// nothing is not stored.
    ///
    /// # Errors
    /// Those of `commit`; the old state then still holds and no effect may run.
    pub fn save<E>(
        self,
        commit: impl FnOnce(&Event, u32, &[Effect]) -> Result<(), E>,
    ) -> Result<S, E> {
        if !self.is_noop() {
            commit(&self.event, self.height, &self.effects)?;
        }
        Ok(self.next)
    }
}
