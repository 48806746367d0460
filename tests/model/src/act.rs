//! Taking a step.

use cambista_protocol::swap::{Funding, Htlc, Leg};

use crate::actions::{Action, Step, When};
use crate::claims::exact;
use crate::engine::LEGS;
use crate::machines::Ev;
use crate::setup::Wrong;
use crate::world::{Ln, Model, Out, Who, World, out};

impl Model {
    /// The world after a step.
    pub(crate) fn take(&mut self, world: &World, step: &Step) -> World {
        let mut next = *world;
        self.arm(step.crash);
        self.act(&mut next, step.action);
        match self.armed.take() {
            // Nothing was under way: the side just stops.
            Some(crash) if crash.when == When::Before && !next.side(crash.who).down => {
                self.go_down(&mut next, crash.who);
            }
            Some(_) => return *world,
            None => {}
        }
        next
    }

    fn act(&mut self, world: &mut World, action: Action) {
        match action {
            Action::Mine(block) => {
                *world = block;
                for who in self.honest() {
                    let from = match self.setup.wrong {
                        Some(Wrong::StaleTip) => world.side(who).view + 1,
                        _ => block.tip,
                    };
                    if self.sleeps(world, who) {
                        continue;
                    }
                    for height in from..=block.tip {
                        self.block(world, who, height);
                    }
                }
                self.chance(world);
                self.expire(world);
            }
            Action::Reorg(fork) => {
                self.disconnect(world, fork);
                for who in self.honest() {
                    if world.side(who).view > fork {
                        world.side_mut(who).view = fork;
                        self.event(world, who, Ev::Reorg(fork));
                    }
                }
            }
            Action::Recover(who) => self.recover(world, who),
            Action::Learn(who, ev) => {
                if ev == Ev::Seen(Out::First, None) {
                    world.left |= out::FUNDED_SEEN;
                }
                self.event(world, who, ev);
                if let Ev::Bumped(_) = ev {
                    self.grant(world, who, true);
                }
            }
            Action::Fees => {
                world.market = !world.market;
                world.moves -= 1;
            }
            Action::Again(leg) => {
                if self.setup.is(Wrong::SecondSetFailed) {
                    *world.ln_mut(leg) = Ln::Back;
                }
                self.event(world, Who::Funder, Ev::HeldAgain(leg));
            }
            Action::Written => self.written(world),
            Action::Arrive(leg, short) => {
                world.short |= short;
                *world.ln_mut(leg) = Ln::Held;
                self.event(world, Who::Funder, Ev::Held(leg, self.told(short)));
            }
            Action::FailOnTheWay(leg) => *world.ln_mut(leg) = Ln::Back,
            Action::Settle(leg) => *world.ln_mut(leg) = Ln::Claimed,
        }
    }

    /// The claim deadline the funder's machine is told.
    const fn told(&self, short: bool) -> u32 {
        let needed = self
            .setup
            .locks
            .needed_claim_deadline(self.setup.refund_height());
        if short { needed - 1 } else { needed }
    }

    /// Spec 02: an output of the value had its confirmations at a height at which R could be revealed.
    fn chance(&self, world: &mut World) {
        let (locks, t, tip) = (self.setup.locks, self.setup.refund_height(), world.tip);
        let deep = |at: &Out| {
            let late = |at: u32| at >= locks.replace_funding_from(t, self.setup.confirmations);
            let depth = |at: u32| {
                if late(at) {
                    self.setup.confirmations.max(locks.reorg_depth)
                } else {
                    self.setup.confirmations
                }
            };
            let confirmed = world.place(*at).confirmed;
            confirmed.is_some_and(|at| tip + 1 >= at + depth(at))
        };
        if self.setup.prepay && tip <= locks.last_reveal(t) && exact().iter().any(deep) {
            world.left |= out::CHANCE;
        }
    }

    /// What nobody's node gave up in time the channel's other side takes back on the chain.
    fn expire(&self, world: &mut World) {
        for leg in LEGS {
            let held = world.ln(leg) == Ln::Held && world.funder.down;
            if held && world.tip >= self.setup.expiry() {
                *world.ln_mut(leg) = Ln::Back;
            }
        }
    }

    fn written(&mut self, world: &mut World) {
        if !self.setup.is(Wrong::HoldNotDurable) {
            let held = |m: &Self, w: &World, leg: Leg| {
                m.funder(w)
                    .is_some_and(|f| matches!(f.htlc(leg), Htlc::Held(_)))
            };
            world.durable = true;
            for leg in LEGS {
                if world.ln(leg) != Ln::Held && held(self, world, leg) {
                    self.event(world, Who::Funder, Ev::Dropped(leg));
                }
            }
        }
        self.event(world, Who::Funder, Ev::Durable);
        // The address is shown: the user may pay at any time, once, twice, or another value.
        if self
            .funder(world)
            .is_some_and(|f| f.funding() == Funding::External)
        {
            world.known |= self.setup.others();
        }
    }
}
