//! A search that must find nothing, under a name.

use std::collections::BTreeSet;
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
    /// lost (with the way there), or when it shows less than it should: it does not end in every way such a swap can end, or
    /// in another one.
    pub fn run(&self, most: usize) -> Result<Found, String> {
        let setup = &self.setup;
        let unsound = |e| format!("unsound timelocks: {e}");
        setup.locks.check(setup.confirmations).map_err(unsound)?;
        let found = search(setup, most)?;
        if found.violation.is_some() {
            return Err(found.to_string());
        }
        let ways = self.ways();
        if found.outcomes != ways || (found.swapped > 0) != self.may_swap() {
            return Err(format!("it should end as {ways:?}: {found}"));
        }
        Ok(found)
    }

    /// A deposit of another value alone never becomes a swap.
    const fn may_swap(&self) -> bool {
        !self.setup.external || self.setup.others[0]
    }

    /// Every way it ends: the payer's side, then the funder's.
    fn ways(&self) -> BTreeSet<String> {
        let setup = &self.setup;
        let gift = setup.others[0] && !setup.external;
        let swap = self.may_swap();
        let ways = [
            // A payer of its own kind may also tell R for what is not the agreed value.
            ("Done", "Done", swap || setup.honest == Honest::Funder),
            ("TakenBack", "TakenBack", swap),
            ("PrepayKept", "PrepayKept", setup.prepay),
            ("NothingHappened", "NothingHappened", true),
            // The payer gave up before it saw what was funded: never where it sees that a single deposit is right.
            (
                "NothingHappened",
                "TakenBack",
                !setup.external || setup.others[1],
            ),
            // A stranger pays what was agreed, for nothing; or a reorganisation takes what the payer saw for good.
            ("Done", "NothingHappened", gift),
            ("Done", "TakenBack", gift),
            (
                "TakenBack",
                "NothingHappened",
                gift || (setup.external && setup.reorg.1 > 0),
            ),
        ];
        let ways = ways.into_iter().filter(|(.., possible)| *possible);
        ways.map(|(payer, funder, _)| match setup.honest {
            Honest::Both => format!("{payer}/{funder}"),
            Honest::Payer => format!("{payer}/-"),
            Honest::Funder => format!("-/{funder}"),
        })
        .collect()
    }
}

impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, honest {:?}", self.name, self.setup.honest)
    }
}
