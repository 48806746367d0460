//! A search that must find nothing, under a name.

use std::fmt;

use crate::search::{Found, search};
use crate::setup::{Honest, Setup};

/// One search in which nobody honest may lose.
#[derive(Clone, Debug)]
pub struct Search {
    /// What is special about it.
    pub name: &'static str,
    /// What it explores.
    pub setup: Setup,
}

impl Search {
    /// The smallest timelocks with a change, for each of these who are honest.
    pub fn each(name: &'static str, honest: &[Honest], change: impl Fn(&mut Setup)) -> Vec<Self> {
        Self::of(name, honest, Setup::tiny, change)
    }

    /// Some timelocks with a change, for each of these who are honest.
    pub fn of(
        name: &'static str,
        honest: &[Honest],
        base: impl Fn(Honest) -> Setup,
        change: impl Fn(&mut Setup),
    ) -> Vec<Self> {
        let search = |honest: &Honest| {
            let mut setup = base(*honest);
            change(&mut setup);
            Self { name, setup }
        };
        honest.iter().map(search).collect()
    }

    /// Searches to the end, up to `most` states.
    ///
    /// # Errors
    /// When the timelocks break an inequality of spec 03, when there are more states than `most`, when somebody honest
    /// lost (with the way there), or when it shows nothing: no end in which the swap happened, although one must exist,
    /// or one where none can.
    pub fn run(&self, most: usize) -> Result<Found, String> {
        let setup = &self.setup;
        let unsound = |e| format!("unsound timelocks: {e}");
        setup.locks.check(setup.confirmations).map_err(unsound)?;
        let found = search(setup, most)?;
        if found.violation.is_some() {
            return Err(found.to_string());
        }
        // A deposit of another value alone never becomes a swap.
        let hopeless = setup.external && !setup.others[0];
        if (found.swapped == 0) != hopeless {
            return Err(format!("shows nothing: {found}"));
        }
        Ok(found)
    }
}

impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, honest {:?}", self.name, self.setup.honest)
    }
}
