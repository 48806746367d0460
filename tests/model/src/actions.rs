//! The steps a world may take.

use std::fmt;

use cambista_protocol::swap::{Htlc, Leg, Payment, SpendHow, Wish};

use crate::engine::LEGS;
use crate::machines::{Ev, outpoint};
use crate::setup::{H0, Honest};
use crate::world::{Ln, Model, OUTS, Out, Who, World, out};

/// When a crash happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// The event is stored, none of its effects has run; or between two events.
    Before,
    /// The first effect has run and is not marked as done.
    Amid,
    /// All effects have run and none is marked as done.
    After,
}

/// A crash of one side within a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crash {
    pub(crate) who: Who,
    pub(crate) when: When,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// A block: what it holds, of all that it may hold.
    Mine(World),
    /// The blocks above this height are taken off.
    Reorg(u32),
    /// A crashed side comes back.
    Recover(Who),
    /// A side learns or decides something.
    Learn(Who, Ev),
    /// Fees go above everybody's caps, or back.
    Fees,
    /// A second set of parts arrives on the hash of a held payment.
    Again(Leg),
    /// Lightning's state is written at the funder.
    Written,
    /// A payment arrives at the honest funder; `true` with too little time.
    Arrive(Leg, bool),
    /// A payment fails on its way, or any funder lets it go.
    FailOnTheWay(Leg),
    /// A funder with the preimage takes a payment.
    Settle(Leg),
}

/// An action and the crash in it, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) action: Action,
    pub(crate) crash: Option<Crash>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            Action::Mine(world) => {
                write!(f, "block {}", world.tip)?;
                if let Some((tx, at)) = world.input
                    && at == world.tip
                {
                    write!(f, ", first input spent by {tx}")?;
                }
                for at in OUTS {
                    let place = world.place(at);
                    if place.confirmed == Some(world.tip) {
                        write!(f, ", output {at:?}")?;
                    }
                    if let Some((who, how, spent)) = place.spent
                        && spent == world.tip
                    {
                        write!(f, ", {at:?} spent by {who:?} ({how:?})")?;
                    }
                }
            }
            other => write!(f, "{other:?}")?,
        }
        if let Some(crash) = self.crash {
            write!(f, ", crash of {:?} {:?}", crash.who, crash.when)?;
        }
        Ok(())
    }
}

impl Model {
    /// Every step from here, and whether this is the end of time: messages may still come, and are not waited for.
    pub(crate) fn steps(&mut self, world: &World) -> (Vec<Step>, bool) {
        let mut actions = Vec::new();
        let mut wait = false;
        if self.setup.payer_honest() {
            self.payer_actions(world, &mut actions, &mut wait);
        }
        if self.setup.funder_honest() {
            self.funder_actions(world, &mut actions, &mut wait);
        }
        self.lightning_actions(world, &mut actions, &mut wait);
        let end = !wait && world.tip >= self.setup.end();
        if !wait && !end {
            actions.extend(self.blocks(world).into_iter().map(Action::Mine));
        }
        let (deepest, _) = self.setup.reorg;
        if world.reorgs > 0 && world.highest >= self.setup.reorg_from {
            let lowest = (world.highest - deepest.min(world.highest)).max(H0);
            actions.extend((lowest..world.tip).map(Action::Reorg));
        }
        if world.moves > 0 {
            actions.push(Action::Fees);
        }
        let mut steps = Vec::new();
        for action in actions {
            steps.push(Step {
                action,
                crash: None,
            });
            if world.crashes > 0 && world.tip >= self.setup.crash_from {
                steps.extend(self.crashes(action));
            }
        }
        (steps, end)
    }

    fn crashes(&self, action: Action) -> Vec<Step> {
        let touched = |who| match action {
            Action::Mine(_) | Action::Reorg(_) => true,
            Action::Recover(comes) => comes == who,
            Action::Learn(_, Ev::WrongKey | Ev::WrongPreimage) => false,
            Action::Learn(learns, _) => learns == who,
            Action::Written | Action::Arrive(..) => who == Who::Funder,
            _ => false,
        };
        let mut steps = Vec::new();
        for who in self.honest().filter(|who| touched(*who)) {
            for when in [When::Before, When::Amid, When::After] {
                steps.push(Step {
                    action,
                    crash: Some(Crash { who, when }),
                });
            }
        }
        steps
    }

    /// A side that is away too long comes back; one that is down does nothing else.
    fn recovers(
        &self,
        world: &World,
        who: Who,
        actions: &mut Vec<Action>,
        wait: &mut bool,
    ) -> bool {
        let side = world.side(who);
        if side.down {
            actions.push(Action::Recover(who));
            *wait |= world.tip >= side.view + self.setup.crashes.1 || world.tip >= self.setup.end();
        }
        side.down
    }

    fn payer_actions(&mut self, world: &World, actions: &mut Vec<Action>, wait: &mut bool) {
        let who = Who::Payer;
        if self.recovers(world, who, actions, wait) {
            return;
        }
        let mut learn = |ev| actions.push(Action::Learn(who, ev));
        for wish in self.wishes(world, who).iter() {
            // The fee of a claim is held against the user's limit before R leaves.
            if let Wish::PrepareClaim(claim) = wish
                && !world.market
            {
                for at in OUTS {
                    if outpoint(at) == *claim && world.place(at).spent.is_none() {
                        learn(Ev::ClaimReady(at));
                    }
                }
            }
        }
        let Some(payer) = self.payer(world) else {
            return;
        };
        for leg in LEGS {
            if payer.payment(leg) != Payment::InFlight {
                continue;
            }
            let news = match world.ln(leg) {
                Ln::Claimed => Some(Ev::Settled(leg)),
                Ln::Back | Ln::Forgotten => Some(Ev::Failed(leg)),
                _ => None,
            };
            if let Some(news) = news {
                learn(news);
                // Told at once, except around the expiry: between a settlement and the news of it the payer sees no
                // difference to a later settlement.
                let expiry = self.setup.expiry();
                *wait |= world.tip + 2 < expiry || world.tip >= expiry;
            }
        }
        let any = self.setup.honest == Honest::Payer;
        if (any || world.has_left(out::FUNDER_KEY)) && payer.peer_key().is_none() {
            learn(Ev::PeerKey);
        }
        if any && self.setup.lies {
            learn(Ev::WrongKey);
        }
        if any || world.has_left(out::WITHDRAW) {
            learn(Ev::Withdrew);
        }
        // A payer that was told of the funding watches its first input: not beside strays, for the size of it.
        let funded = (any && self.setup.others() == 0) || world.has_left(out::FUNDED);
        if funded && !world.has_left(out::FUNDED_SEEN) {
            learn(Ev::Seen(Out::First, None));
        }
        if self.setup.cancel {
            learn(Ev::Cancelled);
        }
        self.glimpses(world, who, actions);
    }

    /// Spends by the other side that wait in the mempool: seen, and maybe never confirmed.
    fn glimpses(&self, world: &World, who: Who, actions: &mut Vec<Action>) {
        if !self.setup.mempool {
            return;
        }
        let other = match who {
            Who::Payer => Who::Funder,
            Who::Funder => Who::Payer,
        };
        for at in OUTS {
            let place = world.place(at);
            if place.confirmed.is_none() || place.spent.is_some() {
                continue;
            }
            for how in self.ways(world, place, other) {
                if how != SpendHow::Refund || world.tip >= self.setup.refund_height() {
                    let kind = self.kind(how);
                    actions.push(Action::Learn(who, Ev::Spent(at, kind, None)));
                }
            }
        }
    }

    fn funder_actions(&mut self, world: &World, actions: &mut Vec<Action>, wait: &mut bool) {
        let who = Who::Funder;
        if self.recovers(world, who, actions, wait) {
            return;
        }
        let wishes = self.wishes(world, who);
        let current = self.current(world);
        let Some(funder) = self.funder(world) else {
            return;
        };
        let mut learn = |ev| actions.push(Action::Learn(who, ev));
        let any = self.setup.honest == Honest::Funder;
        for leg in LEGS {
            let htlc = funder.htlc(leg);
            // Lightning says these until they are heard.
            let news = match (htlc, world.ln(leg)) {
                (Htlc::Claiming(_), Ln::Claimed) => Some(Ev::Claimed(leg)),
                (Htlc::Held(_) | Htlc::Claiming(_), Ln::Back) => Some(Ev::Dropped(leg)),
                // Of another HTLC on the hash, due too soon to be held, it says the same.
                (Htlc::Held(_) | Htlc::Claiming(_), Ln::Held) if any => Some(Ev::Dropped(leg)),
                _ => None,
            };
            if let Some(news) = news {
                learn(news);
                // What it does not believe below its deadline nobody waits for it to hear.
                *wait |= match (news, htlc) {
                    (Ev::Dropped(_), Htlc::Held(held) | Htlc::Claiming(held)) => {
                        world.tip >= held.claim_deadline
                    }
                    _ => true,
                };
            }
        }
        for wish in wishes.iter() {
            match wish {
                Wish::BuildFunding => {
                    learn(Ev::Built);
                    learn(Ev::Impossible);
                }
                Wish::KeepFunding if self.setup.bump && current == Some(Out::First) => {
                    learn(Ev::Bumped(self.bumped()));
                }
                _ => {}
            }
        }
        if (any || world.has_left(out::PREIMAGE)) && funder.preimage().is_none() {
            learn(Ev::PeerPreimage);
        }
        if (any || world.has_left(out::PAYER_KEY)) && funder.peer_key().is_none() {
            learn(Ev::PeerKey);
        }
        if any && self.setup.lies {
            learn(Ev::WrongKey);
            learn(Ev::WrongPreimage);
        }
        if self.setup.cancel {
            learn(Ev::Cancelled);
        }
        if any && world.swap == Ln::Held {
            actions.push(Action::Again(Leg::Swap));
        }
        self.glimpses(world, who, actions);
        if self
            .machines
            .wishes(world.funder.machine, world.funder.view)
            .contains(&Wish::AwaitHold)
        {
            actions.push(Action::Written);
        }
    }

    fn bumped(&self) -> Out {
        if self.setup.is(crate::setup::Wrong::BumpFromOtherInputs) {
            Out::OtherInputs
        } else {
            Out::Second
        }
    }

    fn lightning_actions(&self, world: &World, actions: &mut Vec<Action>, wait: &mut bool) {
        let expired = world.tip >= self.setup.expiry();
        for leg in LEGS {
            if leg == Leg::Prepay && !self.setup.prepay {
                continue;
            }
            let flying = world.ln(leg) == Ln::Flying;
            *wait |= flying && expired;
            match self.setup.honest {
                Honest::Both if flying => {
                    actions.push(Action::FailOnTheWay(leg));
                    if world.tip <= H0 + 2 && !world.funder.down {
                        actions.push(Action::Arrive(leg, false));
                    }
                }
                Honest::Payer if flying => {
                    actions.push(Action::FailOnTheWay(leg));
                    let knows = leg == Leg::Prepay || world.has_left(out::PREIMAGE);
                    if knows && !expired {
                        actions.push(Action::Settle(leg));
                    }
                }
                Honest::Funder
                    if world.ln(leg) == Ln::Unpaid && !world.funder.down && world.tip <= H0 + 2 =>
                {
                    actions.push(Action::Arrive(leg, false));
                    actions.push(Action::Arrive(leg, true));
                }
                _ => {}
            }
        }
    }
}
