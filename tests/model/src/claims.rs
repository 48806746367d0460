//! What must hold in every world, and what must hold at the end.

use cambista_protocol::swap::{Decision, Funding, Outcome, SpendHow};

use crate::setup::Honest;
use crate::world::{Ln, Model, Out, Who, World, out};

impl Model {
    /// Whether both halves changed hands.
    pub(crate) fn swapped(&self, world: &World) -> bool {
        world.swap == Ln::Claimed && self.taken_by_payer(world, &exact()) > 0
    }

    /// # Errors
    /// What is wrong with this world.
    pub(crate) fn judge(&self, world: &World, end: bool) -> Result<(), String> {
        self.judge_payer(world, end)?;
        self.judge_funder(world, end)?;
        if !end {
            return Ok(());
        }
        // A stranger's gift of the agreed value lets the payer take something without paying; nobody loses by it.
        let gifts = self.setup.others[0] && !self.setup.external;
        if self.setup.honest == Honest::Both && !gifts {
            let taken = self.taken_by_payer(world, &exact()) > 0;
            if taken != (world.swap == Ln::Claimed) {
                return Err("one half of the swap happened, the other did not".into());
            }
        }
        Ok(())
    }

    fn judge_payer(&self, world: &World, end: bool) -> Result<(), String> {
        let Some(payer) = self.payer(world) else {
            return Ok(());
        };
        let taken = self.taken_by_payer(world, &exact()) > 0;
        let revealed = matches!(payer.decision(), Decision::Revealed(_));
        if world.has_left(out::PREIMAGE) && !revealed {
            return Err("R left the payer without a stored decision to reveal it".into());
        }
        if world.has_left(out::PAYER_KEY) && !payer.handed_over() {
            return Err("the payer's key left without a stored decision".into());
        }
        if world.has_left(out::PAYER_KEY) && world.has_left(out::PREIMAGE) && !taken {
            return Err("the payer gave R and its key away and has no output".into());
        }
        let lost = world.swap == Ln::Claimed && !taken;
        if lost && (end || self.taken_by_funder(world)) {
            return Err("the payer paid over Lightning and the chain went to the funder".into());
        }
        if !end {
            return Ok(());
        }
        match payer.outcome() {
            None => Err("the payer's swap never ends".into()),
            Some(Outcome::Lost) => Err("the payer's swap ended lost".into()),
            Some(Outcome::Done) if !taken => Err("the payer believes it has an output".into()),
            Some(_) => Ok(()),
        }
    }

    fn judge_funder(&self, world: &World, end: bool) -> Result<(), String> {
        let Some(funder) = self.funder(world) else {
            return Ok(());
        };
        let own = self.own();
        let taken = self.taken_by_payer(world, &own);
        let published = !self.setup.external && world.known & 3 != 0;
        if published && !matches!(funder.funding(), Funding::Published(_)) {
            return Err("the funding left without a stored intent".into());
        }
        if world.has_left(out::FUNDER_KEY) && !funder.handed_over() {
            return Err("the funder's key left without a stored decision".into());
        }
        if world.has_left(out::FUNDER_KEY) && world.swap != Ln::Claimed {
            return Err("the funder handed its key over unpaid".into());
        }
        if world.has_left(out::LATE_REFUND) {
            return Err("the funder used the refund leaf after it handed its key over".into());
        }
        let unpaid = matches!(world.swap, Ln::Back | Ln::Forgotten);
        if unpaid && self.buried_by_payer(world, &own) {
            return Err("the chain went to the payer and so did the Lightning payment".into());
        }
        if taken > 1 && !self.setup.external {
            return Err("the payer took two outputs of one funder".into());
        }
        if !end {
            return Ok(());
        }
        if taken > 0 && world.swap != Ln::Claimed {
            return Err("the chain went to the payer, and Lightning paid nothing".into());
        }
        let waiting = |at: &Out| {
            let place = world.place(*at);
            place.confirmed.is_some() && place.spent.is_none()
        };
        if world.swap != Ln::Claimed && own.iter().any(waiting) {
            return Err("an output of the funder is left at the script".into());
        }
        match funder.outcome() {
            // Paid, and the payer leaves its own output where it is: nothing is at stake for the funder.
            None if world.swap == Ln::Claimed && self.setup.honest != Honest::Both => Ok(()),
            None => Err("the funder's swap never ends".into()),
            Some(Outcome::Lost) => Err("the funder's swap ended lost".into()),
            Some(Outcome::Done) if world.swap != Ln::Claimed => {
                Err("the funder believes it was paid".into())
            }
            Some(_) => Ok(()),
        }
    }

    /// The outputs that are the honest funder's money.
    fn own(&self) -> Vec<Out> {
        let mut own = vec![Out::First, Out::Second];
        let bumped = self.setup.is(crate::setup::Wrong::BumpFromOtherInputs);
        if bumped || self.setup.external {
            own.push(Out::OtherInputs);
        }
        own
    }

    fn taken_by_payer(&self, world: &World, outs: &[Out]) -> usize {
        let taken = |at: &&Out| matches!(world.place(**at).spent, Some((Who::Payer, _, _)));
        outs.iter().filter(taken).count()
    }

    fn buried_by_payer(&self, world: &World, outs: &[Out]) -> bool {
        outs.iter().any(|at| {
            matches!(world.place(*at).spent, Some((Who::Payer, _, spent)) if self.is_final(world, spent))
        })
    }

    /// Whether every output of the agreed value that ever stood is finally the funder's.
    fn taken_by_funder(&self, world: &World) -> bool {
        let mut confirmed = exact()
            .into_iter()
            .map(|at| *world.place(at))
            .filter(|place| place.confirmed.is_some())
            .peekable();
        confirmed.peek().is_some()
            && confirmed.all(|place| {
                matches!(
                    place.spent,
                    Some((Who::Funder, SpendHow::Refund | SpendHow::KeyPath, spent))
                        if self.is_final(world, spent)
                )
            })
    }

    const fn is_final(&self, world: &World, at: u32) -> bool {
        world.highest + 1 >= at + self.setup.final_depth && world.tip >= at
    }
}

const fn exact() -> [Out; 3] {
    [Out::First, Out::Second, Out::OtherInputs]
}
