//! What must hold in every world, and what must hold at the end.

use cambista_protocol::swap::{Decision, FunderSwap, Funding, Outcome, PayerSwap, SpendHow};

use crate::setup::Honest;
use crate::world::{Ln, Model, Out, Who, World, out};

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Nobody honest loses.
    Loss,
    /// No key, no R and no funding leaves before its decision is stored.
    Decision,
    /// R never leaves after an abort.
    Abort,
    /// Every honest swap ends; nothing is left at the script.
    Ends,
}

type Broken = (Rule, String);

/// How a swap ended for the payer and for the funder.
pub(crate) type Outcomes = [Option<Outcome>; 2];

impl Model {
    /// How it ended for the payer and for the funder, where these are honest.
    pub(crate) fn outcomes(&self, world: &World) -> Outcomes {
        [
            self.payer(world).and_then(PayerSwap::outcome),
            self.funder(world).and_then(FunderSwap::outcome),
        ]
    }

    /// Says what is broken, unless the setup looks at losses only.
    fn broken(&self, rule: Rule, text: &str) -> Result<(), Broken> {
        if self.setup.losses_only && matches!(rule, Rule::Decision | Rule::Abort) {
            return Ok(());
        }
        Err((rule, text.to_owned()))
    }

    /// Whether both halves changed hands.
    pub(crate) fn swapped(&self, world: &World) -> bool {
        world.swap == Ln::Claimed && self.taken_by_payer(world, &exact()) > 0
    }

    /// # Errors
    /// What is wrong with this world.
    pub(crate) fn judge(&self, world: &World, end: bool) -> Result<(), Broken> {
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
                self.broken(
                    Rule::Loss,
                    "one half of the swap happened, the other did not",
                )?;
            }
        }
        Ok(())
    }

    fn judge_payer(&self, world: &World, end: bool) -> Result<(), Broken> {
        let Some(payer) = self.payer(world) else {
            return Ok(());
        };
        let taken = self.taken_by_payer(world, &exact()) > 0;
        let revealed = matches!(payer.decision(), Decision::Revealed(_));
        if world.has_left(out::PREIMAGE) && !revealed {
            let aborted = matches!(payer.decision(), Decision::Aborted(_));
            let rule = if aborted { Rule::Abort } else { Rule::Decision };
            self.broken(
                rule,
                "R left the payer without a stored decision to reveal it",
            )?;
        }
        if world.has_left(out::PAYER_KEY) && !payer.handed_over() {
            self.broken(
                Rule::Decision,
                "the payer's key left without a stored decision",
            )?;
        }
        if world.has_left(out::PAYER_KEY) && world.has_left(out::PREIMAGE) && !taken {
            self.broken(
                Rule::Abort,
                "the payer gave R and its key away and has no output",
            )?;
        }
        let lost = world.swap == Ln::Claimed && !taken;
        if lost && (end || self.taken_by_funder(world)) {
            self.broken(
                Rule::Loss,
                "the payer paid over Lightning and the chain went to the funder",
            )?;
        }
        if !end {
            return Ok(());
        }
        match payer.outcome() {
            None => self.broken(Rule::Ends, "the payer's swap never ends"),
            Some(Outcome::Lost) => self.broken(Rule::Loss, "the payer's swap ended lost"),
            Some(Outcome::Done) if !taken => {
                self.broken(Rule::Loss, "the payer believes it has an output")
            }
            Some(_) => Ok(()),
        }
    }

    fn judge_funder(&self, world: &World, end: bool) -> Result<(), Broken> {
        let Some(funder) = self.funder(world) else {
            return Ok(());
        };
        let own = self.own();
        let taken = self.taken_by_payer(world, &own);
        let published = !self.setup.external && world.known & 3 != 0;
        if published && !matches!(funder.funding(), Funding::Published(_)) {
            self.broken(Rule::Decision, "the funding left without a stored intent")?;
        }
        if world.has_left(out::FUNDER_KEY) && !funder.handed_over() {
            self.broken(
                Rule::Decision,
                "the funder's key left without a stored decision",
            )?;
        }
        if world.has_left(out::FUNDER_KEY) && world.swap != Ln::Claimed {
            self.broken(Rule::Loss, "the funder handed its key over unpaid")?;
        }
        if world.has_left(out::LATE_REFUND) {
            self.broken(
                Rule::Decision,
                "the funder used the refund leaf after it handed its key over",
            )?;
        }
        self.judge_prepay(world, end)?;
        let unpaid = matches!(world.swap, Ln::Back | Ln::Forgotten);
        if unpaid && self.buried_by_payer(world, &own) {
            self.broken(
                Rule::Loss,
                "the chain went to the payer and so did the Lightning payment",
            )?;
        }
        if taken > 1 && !self.setup.external {
            self.broken(Rule::Loss, "the payer took two outputs of one funder")?;
        }
        if !end {
            return Ok(());
        }
        if taken > 0 && world.swap != Ln::Claimed {
            self.broken(
                Rule::Loss,
                "the chain went to the payer, and Lightning paid nothing",
            )?;
        }
        if [world.swap, world.prepay].contains(&Ln::Held) {
            self.broken(Rule::Ends, "a payment is held for ever")?;
        }
        let waiting = |at: &Out| {
            let place = world.place(*at);
            place.confirmed.is_some() && place.spent.is_none()
        };
        if world.swap != Ln::Claimed && own.iter().any(waiting) {
            self.broken(Rule::Ends, "an output of the funder is left at the script")?;
        }
        match funder.outcome() {
            // Paid, and the payer leaves its own output where it is: nothing is at stake for the funder.
            None if world.swap == Ln::Claimed && self.setup.honest != Honest::Both => Ok(()),
            None => self.broken(Rule::Ends, "the funder's swap never ends"),
            Some(Outcome::Lost) => self.broken(Rule::Loss, "the funder's swap ended lost"),
            Some(Outcome::Done) if world.swap != Ln::Claimed => {
                self.broken(Rule::Loss, "the funder believes it was paid")
            }
            Some(_) => Ok(()),
        }
    }

    /// The prepay is the funder's with the swap, or when the payer had its chance; else it goes back.
    fn judge_prepay(&self, world: &World, end: bool) -> Result<(), Broken> {
        if !end || !self.setup.prepay {
            return Ok(());
        }
        let swapped = world.swap == Ln::Claimed;
        let chance = world.has_left(out::CHANCE) && !world.has_left(out::WITHDRAW);
        if world.prepay == Ln::Claimed && !swapped && !chance {
            let text = "the funder kept the prepay of a payer that had no chance";
            self.broken(Rule::Loss, text)?;
        }
        if world.prepay != Ln::Claimed && swapped {
            self.broken(Rule::Loss, "the funder was paid without the prepay")?;
        }
        Ok(())
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

pub(crate) const fn exact() -> [Out; 3] {
    [Out::First, Out::Second, Out::OtherInputs]
}
