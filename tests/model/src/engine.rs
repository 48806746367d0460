//! An honest side around its machine: stores an event, runs its effects, grants its wishes, crashes and comes back.

use std::sync::Arc;

use cambista_protocol::swap::{
    Decision, Effect, FunderSwap, Funding, Htlc, Leg, PayerSwap, Payment, Say, SpendHow, SpendKind,
    SpendWish, Swap, Wish,
};

use crate::actions::{Crash, When};
use crate::machines::{Ev, bit, effects, outpoint};
use crate::setup::Wrong;
use crate::world::{Ln, Model, OUTS, Offer, Out, Place, TAKE_BACK, Who, World, out};

pub(crate) const LEGS: [Leg; 2] = [Leg::Swap, Leg::Prepay];

impl Model {
    pub(crate) fn payer(&self, world: &World) -> Option<&PayerSwap> {
        match self.machines.get(world.payer.machine) {
            Swap::Payer(payer) if self.setup.payer_honest() => Some(payer),
            _ => None,
        }
    }

    pub(crate) fn funder(&self, world: &World) -> Option<&FunderSwap> {
        match self.machines.get(world.funder.machine) {
            Swap::Funder(funder) if self.setup.funder_honest() => Some(funder),
            _ => None,
        }
    }

    pub(crate) fn wishes(&mut self, world: &World, who: Who) -> Arc<[Wish]> {
        let side = world.side(who);
        self.machines.wishes(side.machine, side.view)
    }

    /// Commits an event with its effects, then runs them; or crashes in between.
    pub(crate) fn event(&mut self, world: &mut World, who: Who, ev: Ev) {
        let before = *world.side(who);
        if before.down {
            return;
        }
        let (machine, bits) = self.machines.step(before.machine, ev, before.view);
        let crash = self.armed.filter(|c| bits != 0 && c.who == who);
        if let Some(crash) = crash {
            self.armed = None;
            let unstored = self.setup.is(Wrong::EffectsFirst) && crash.when == When::Before;
            world.side_mut(who).machine = machine;
            world.side_mut(who).outbox |= bits;
            let ran = match crash.when {
                When::Before if !unstored => 0,
                When::Amid => bits & bits.wrapping_neg(),
                When::Before | When::After => bits,
            };
            self.run(world, who, ran);
            world.side_mut(who).outbox |= bits;
            if unstored {
                *world.side_mut(who) = before;
            }
            self.go_down(world, who);
            return;
        }
        world.side_mut(who).machine = machine;
        world.side_mut(who).outbox |= bits;
        self.run(world, who, bits);
        self.grant(world, who, false);
    }

    pub(crate) fn go_down(&self, world: &mut World, who: Who) {
        world.crashes = world.crashes.saturating_sub(1);
        let side = world.side_mut(who);
        side.down = true;
        if self.setup.is(Wrong::OutboxSkipped) {
            side.outbox = 0;
        }
        if who == Who::Funder && !world.durable {
            for leg in LEGS {
                if world.ln(leg) == Ln::Held {
                    *world.ln_mut(leg) = Ln::Forgotten;
                }
            }
        }
    }

    fn run(&mut self, world: &mut World, who: Who, bits: u16) {
        for effect in effects(bits) {
            if world.side(who).down {
                return;
            }
            if !matches!(effect, Effect::Claim(_)) {
                world.side_mut(who).outbox &= !bit(effect);
            }
            match effect {
                Effect::Pay(leg) => self.pay(world, leg),
                Effect::Claim(leg) => self.claim(world, leg),
                Effect::FailBack(leg) => {
                    if world.ln(leg) == Ln::Held {
                        let kept = leg == Leg::Prepay && self.setup.is(Wrong::PrepayAlwaysKept);
                        *world.ln_mut(leg) = if kept { Ln::Claimed } else { Ln::Back };
                    }
                }
                Effect::PublishFunding => self.publish(world),
                Effect::Say(say) => self.say(world, who, say),
                Effect::StopPaying(_) | Effect::ReleaseFunding => {}
            }
        }
        self.retire_claims(world);
    }

    fn pay(&mut self, world: &mut World, leg: Leg) {
        let view = world.payer.view;
        let Some(payer) = self.payer(world) else {
            return;
        };
        if payer.payment(leg) != Payment::InFlight || world.ln(leg) != Ln::Unpaid {
            return;
        }
        let deal = payer.deal();
        let wanted =
            payer.decision() == Decision::Open && view <= deal.locks.pay_until(deal.agreed_height);
        let alone = leg == Leg::Prepay && world.swap == Ln::Unpaid;
        if wanted && !alone {
            *world.ln_mut(leg) = Ln::Flying;
        } else {
            self.event(world, Who::Payer, Ev::Failed(leg));
        }
    }

    fn claim(&self, world: &mut World, leg: Leg) {
        let view = world.funder.view;
        if leg == Leg::Prepay && self.setup.is(Wrong::PrepayForgotten) {
            return;
        }
        let Some(funder) = self.funder(world) else {
            return;
        };
        if let Htlc::Claiming(htlc) = funder.htlc(leg)
            && view < htlc.claim_deadline
            && world.ln(leg) == Ln::Held
        {
            *world.ln_mut(leg) = Ln::Claimed;
        }
    }

    fn retire_claims(&self, world: &mut World) {
        let Some(funder) = self.funder(world) else {
            return;
        };
        let open = LEGS.map(|leg| matches!(funder.htlc(leg), Htlc::Claiming(_)));
        for (leg, open) in LEGS.into_iter().zip(open) {
            if !open {
                world.funder.outbox &= !bit(Effect::Claim(leg));
            }
        }
    }

    /// The output of the funding version that is current.
    pub(crate) fn current(&self, world: &World) -> Option<Out> {
        let txid = self.funder(world)?.funding_txid()?;
        OUTS.into_iter().find(|out| outpoint(*out).txid == txid)
    }

    fn publish(&mut self, world: &mut World) {
        let wanted = self.wishes(world, Who::Funder).contains(&Wish::KeepFunding);
        if let Some(version) = self.current(world).filter(|_| wanted) {
            world.known |= 1 << version as u8;
            self.event(world, Who::Funder, Ev::Seen(version, None));
        }
    }

    fn say(&self, world: &mut World, who: Who, say: Say) {
        let handed = self.machines.get(world.side(who).machine).handed_over();
        let revealed = self
            .payer(world)
            .is_some_and(|p| matches!(p.decision(), Decision::Revealed(_)));
        world.left |= match (say, who) {
            (Say::Funded, _) => out::FUNDED,
            (Say::Preimage, _) if revealed => out::PREIMAGE,
            (Say::Key, Who::Payer) if handed => out::PAYER_KEY,
            (Say::Key, Who::Funder) if handed => out::FUNDER_KEY,
            (Say::Withdraw, _) => out::WITHDRAW,
            _ => 0,
        };
    }

    /// What a state wants, done as far as it is done at once.
    pub(crate) fn grant(&mut self, world: &mut World, who: Who, new_block: bool) {
        if world.side(who).down {
            return;
        }
        let due = world.tip + self.setup.confirm_bound;
        let left_alone = who == Who::Funder && self.setup.is(Wrong::StuckFundingLeft);
        for wish in self.wishes(world, who).iter() {
            match wish {
                Wish::Spend(spend) => self.offer(world, who, spend),
                Wish::KeepFunding if new_block => {
                    if let Some(version) = self.current(world) {
                        world.known |= 1 << version as u8;
                    }
                }
                Wish::ReplaceFunding if new_block && !left_alone => {
                    world.known |= TAKE_BACK;
                    self.ask_for_input(world, due);
                }
                _ => {}
            }
        }
        self.misbehave(world, who);
    }

    /// Somebody honest wants the funding's first input spent, and pays what that takes now.
    fn ask_for_input(&self, world: &mut World, due: u32) {
        let bumped = world.market && !world.input_high && !self.setup.is(Wrong::NeverBumped);
        if bumped {
            world.input_high = true;
            world.input_due = Some(due);
        }
        world.input_due.get_or_insert(due);
    }

    fn offer(&mut self, world: &mut World, who: Who, spend: &SpendWish) {
        let due = world.tip + self.setup.confirm_bound;
        let Some(at) = OUTS
            .into_iter()
            .find(|out| outpoint(*out) == spend.outpoint)
        else {
            return;
        };
        let market = world.market;
        let place = world.place_mut(at);
        if place.spent.is_some() {
            return;
        }
        let unconfirmed = place.confirmed.is_none();
        let left_alone = self.setup.is(Wrong::StuckFundingLeft);
        if who == Who::Funder && unconfirmed && left_alone {
            return;
        }
        let old = place.offers[who as usize];
        let known = old.is_some_and(|old| old.how == spend.how);
        // The fee never falls; above the cap it goes only once that is lifted.
        let lifted = spend.cap_lifted && !self.setup.is(Wrong::CapNeverLifted);
        let was_high = old.is_some_and(|old| old.high);
        let stays = old.is_some() && self.setup.is(Wrong::NeverBumped);
        let high = was_high || (market && lifted && !stays);
        let new_time = high && !was_high;
        place.offers[who as usize] = Some(Offer {
            how: spend.how,
            due: old.map_or(due, |old| if new_time { due } else { old.due }),
            high,
        });
        if known && !new_time {
            return;
        }
        if who == Who::Funder && unconfirmed && matches!(at, Out::First | Out::Second) {
            // The spend goes out with its parent.
            world.known |= 1 << at as u8;
            self.ask_for_input(world, due);
        }
        if who == Who::Payer && spend.how == SpendHow::Claim {
            world.left |= out::PREIMAGE;
        }
        let handed = world.has_left(out::FUNDER_KEY);
        if who == Who::Funder && spend.how == SpendHow::Refund && handed {
            world.left |= out::LATE_REFUND;
        }
    }

    /// What the one thing done wrong adds.
    fn misbehave(&mut self, world: &mut World, who: Who) {
        let (t, view) = (self.setup.refund_height(), world.side(who).view);
        let confirmed = |world: &World| world.places.iter().any(|p| p.confirmed.is_some());
        match (self.setup.wrong, who) {
            (Some(Wrong::RefundAfterHandover), Who::Funder)
                if world.has_left(out::FUNDER_KEY) && view >= t =>
            {
                for at in OUTS {
                    if world.place(at).confirmed.is_some() {
                        let spend = SpendWish {
                            outpoint: outpoint(at),
                            how: SpendHow::Refund,
                            deadline: None,
                            cap_lifted: true,
                        };
                        self.offer(world, who, &spend);
                    }
                }
            }
            (Some(Wrong::PreimageAfterAbort), Who::Payer)
                if world.has_left(out::PAYER_KEY) && confirmed(world) =>
            {
                world.left |= out::PREIMAGE;
            }
            (Some(Wrong::KeyBeforeBurial), Who::Payer) => {
                let ours = |p: &Place| matches!(p.spent, Some((Who::Payer, _, _)));
                if world.places.iter().any(ours) {
                    world.left |= out::PAYER_KEY;
                }
            }
            (Some(Wrong::FailedBackAtHandover), Who::Funder) => {
                let early = self
                    .funder(world)
                    .is_some_and(|f| f.peer_key().is_some() && f.preimage().is_none());
                if early && world.swap == Ln::Held {
                    world.swap = Ln::Back;
                }
            }
            (Some(Wrong::ExternalFailedEarly), Who::Funder) => {
                let late = self.funder(world).is_some_and(|f| {
                    f.funding() == Funding::External && f.outputs().iter().next().is_none()
                }) && view > self.setup.locks.last_reveal(t);
                if late && world.swap == Ln::Held {
                    world.swap = Ln::Back;
                }
            }
            _ => {}
        }
    }

    /// Whether a payer that never looks how old its tip is still stands at one it could reveal at.
    pub(crate) fn sleeps(&mut self, world: &World, who: Who) -> bool {
        who == Who::Payer
            && self.setup.is(Wrong::StaleTip)
            && self
                .wishes(world, who)
                .iter()
                .any(|wish| matches!(wish, Wish::PrepareClaim(_)))
    }

    /// A side takes in a block that is on the chain: first the swap, then Lightning.
    pub(crate) fn block(&mut self, world: &mut World, who: Who, height: u32) {
        if world.side(who).down {
            return;
        }
        let before = world.side(who).view;
        world.side_mut(who).view = height;
        for at in OUTS {
            let place = *world.place(at);
            if place.confirmed == Some(height) {
                self.event(world, who, Ev::Seen(at, Some(height)));
            }
            if let Some((_, how, spent)) = place.spent
                && spent == height
            {
                self.event(world, who, Ev::Spent(at, self.kind(how), Some(height)));
            }
        }
        let watches = match who {
            Who::Payer => world.has_left(out::FUNDED_SEEN),
            Who::Funder => self
                .funder(world)
                .is_some_and(|f| f.funding_txid().is_some()),
        };
        if world.input == Some((TAKE_BACK, height)) && watches {
            self.event(world, who, Ev::Conflict(height));
        }
        self.event(world, who, Ev::Block);
        self.grant(world, who, true);
        if world.side(who).down {
            world.side_mut(who).view = before;
        } else if who == Who::Funder {
            self.lightning_block(world, height);
        }
    }

    /// Lightning gives up what it still holds at the deadline.
    fn lightning_block(&self, world: &mut World, height: u32) {
        for leg in LEGS {
            if world.ln(leg) == Ln::Held && height >= self.setup.claim_deadline() {
                *world.ln_mut(leg) = Ln::Back;
            }
        }
    }

    pub(crate) fn kind(&self, how: SpendHow) -> SpendKind {
        match how {
            SpendHow::KeyPath => SpendKind::KeyPath,
            SpendHow::Claim if self.setup.is(Wrong::WitnessIgnored) => SpendKind::KeyPath,
            SpendHow::Claim => SpendKind::Claim,
            SpendHow::Refund => SpendKind::Refund,
        }
    }

    /// A crashed side comes back: claims first, then the blocks it missed, then everything else.
    pub(crate) fn recover(&mut self, world: &mut World, who: Who) {
        world.side_mut(who).down = false;
        if who == Who::Funder && self.setup.is(Wrong::LightningFirst) {
            self.lightning_block(world, world.tip);
        }
        let view = world.side(who).view;
        if who == Who::Funder && self.setup.is(Wrong::IntentForgotten) {
            let intended = world.side(who).outbox & bit(Effect::PublishFunding) != 0;
            if intended && world.swap == Ln::Held {
                world.swap = Ln::Back;
            }
        }
        self.event(world, who, Ev::Reorg(view));
        let claims = bit(Effect::Claim(Leg::Swap)) | bit(Effect::Claim(Leg::Prepay));
        self.run(world, who, world.side(who).outbox & claims);
        for height in view + 1..=world.tip {
            self.block(world, who, height);
        }
        self.grant(world, who, true);
        self.run(world, who, world.side(who).outbox);
        self.grant(world, who, false);
    }

    pub(crate) const fn arm(&mut self, crash: Option<Crash>) {
        self.armed = crash;
    }
}
