//! What follows from a funder's state and the height alone: when payments may be let go, and how it ended.

use super::{FunderSwap, Funding, Htlc};
use crate::swap::Outcome;
use crate::swap::effect::{Effect, Leg};
use crate::swap::outputs::{Output, SpendKind};

impl FunderSwap {
    /// Whether the payer had its chance: an output of the agreed value had its confirmations in time to reveal for, and
    /// this side did not ask to give up.
    const fn payer_had_its_chance(&self) -> bool {
        self.chance && !self.withdrawn
    }

    /// Whether this is an output of a funding this side published.
    pub(super) fn is_own(&self, output: &Output) -> bool {
        self.versions.contains(&output.outpoint.txid)
    }

    /// Whether everything that was ever paid to the script is back with us for good, or can never be paid.
    fn chain_is_ours(&self, height: u32) -> bool {
        let locks = self.deal.locks;
        if self.conflict.is_some_and(|at| locks.buried(at, height)) {
            return true;
        }
        let back = |output: &Output| {
            output
                .buried_spend(&locks, height)
                .is_some_and(|s| self.is_ours(s.kind))
        };
        // Of the versions of our own funding one at most can confirm: all spend the same first input.
        let resolved = match self.funding {
            Funding::Published(_) => self.outputs.iter().any(|o| self.is_own(o) && back(o)),
            _ => self.outputs.iter().any(back),
        };
        // So one that was confirmed before a reorganisation and is not any more is dead, once another is resolved.
        let dead = |o: &Output| {
            (o.confirmed.is_none() && self.is_own(o))
                || self.is_given_up(o, height)
                || self.is_nobodys(o, height)
        };
        let mut others = self
            .outputs
            .iter()
            .filter(|o| o.first_confirmed.is_some() && !dead(o));
        resolved && others.all(back)
    }

    /// Whether this is a deposit from outside that a reorganisation took and no block took up again. Nobody here can bring it
    /// back, so the swap does not wait for it; if it ever comes it still goes home.
    fn is_given_up(&self, output: &Output, height: u32) -> bool {
        self.funding == Funding::External
            && output.confirmed.is_none()
            && self.is_past_refund(height)
    }

    /// Whether this is what a stranger paid to the script of a swap this side funded itself, and its time to go home is over.
    /// It never was this side's coin: whoever takes it, nothing is lost, so nothing waits for it.
    fn is_nobodys(&self, output: &Output, height: u32) -> bool {
        matches!(self.funding, Funding::Published(_))
            && !self.is_own(output)
            && self.is_past_refund(height)
    }

    /// Whether a refund that began at T has had its time.
    const fn is_past_refund(&self, height: u32) -> bool {
        let locks = &self.deal.locks;
        height > self.deal.refund_height + locks.refund_confirm + locks.reorg_depth
    }

    /// Only this side can use the refund leaf; the key path is this side's until it hands its own key over.
    const fn is_ours(&self, kind: SpendKind) -> bool {
        match kind {
            SpendKind::Refund => true,
            SpendKind::KeyPath => !self.handed_over,
            SpendKind::Claim => false,
        }
    }

    /// What follows from the state and the height alone.
    pub(super) fn settle(&mut self, height: u32, effects: &mut Vec<Effect>) {
        let deal_locks = self.deal.locks;
        if self.swap == Htlc::None || self.outcome.is_some() {
            return;
        }
        if self.is_out() {
            self.lapse(Leg::Swap, height);
            self.lapse(Leg::Prepay, height);
        }
        let in_time = height <= deal_locks.last_reveal(self.deal.refund_height);
        let deep = |o: &Output| self.deal.is_confirmed(o, height);
        if in_time && self.is_out() && self.outputs.exact(self.deal.amount).is_some_and(deep) {
            self.chance = true;
        }
        if matches!(self.funding, Funding::None | Funding::Built(_))
            && (height > deal_locks.fund_until(self.deal.agreed_height)
                || self.swap == Htlc::Gone
                || self.prepay == Htlc::Gone)
        {
            self.give_up(effects);
        }
        match self.funding {
            Funding::Published(_) => self.settle_published(height, effects),
            Funding::External => self.settle_external(effects),
            _ => {}
        }
        self.outcome = match self.funding {
            Funding::Abandoned => Some(Outcome::NothingHappened),
            Funding::Published(_) | Funding::External => self.published_outcome(height),
            Funding::None | Funding::Built(_) => None,
        };
    }

    /// Forgets a held payment whose deadline is buried, should a reorganisation have come between the deadline and
    /// Lightning's word that it let the payment go.
    fn lapse(&mut self, leg: Leg, height: u32) {
        if let Htlc::Held(htlc) = self.htlc(leg) {
            let over = htlc
                .claim_deadline
                .saturating_add(self.deal.locks.reorg_depth);
            if height >= over {
                *self.leg(leg) = Htlc::Gone;
            }
        }
    }

    fn settle_published(&mut self, height: u32, effects: &mut Vec<Effect>) {
        if self.preimage.is_none() && self.chain_is_ours(height) {
            self.fail_back(Leg::Swap, effects);
            if self.payer_had_its_chance() {
                self.claim(Leg::Prepay, effects);
            } else {
                self.fail_back(Leg::Prepay, effects);
            }
        }
        // The prepay's own deadline does not wait for the chain.
        if let Htlc::Held(htlc) = self.prepay {
            let near = height + self.deal.locks.claim_margin.min(12) >= htlc.claim_deadline;
            if near && self.payer_had_its_chance() {
                self.claim(Leg::Prepay, effects);
            }
        }
    }

    /// A deposit of another value is of no use to this swap: it goes home as soon as the payer lets it. The payment is
    /// never failed early: the right value may still arrive, and with R known to the payer it would be taken.
    fn settle_external(&mut self, effects: &mut Vec<Effect>) {
        let amount = self.deal.amount;
        let wrong = self.outputs.iter().next().is_some() && self.outputs.exact(amount).is_none();
        if wrong {
            self.withdraw(effects);
        }
    }

    fn published_outcome(&self, height: u32) -> Option<Outcome> {
        let locks = self.deal.locks;
        if self.prepay.is_open() || matches!(self.swap, Htlc::Held(_) | Htlc::Claiming(_)) {
            return None;
        }
        let chain_is_ours = self.chain_is_ours(height);
        if self.swap == Htlc::Claimed {
            let claimed = self.outputs.iter().any(|o| {
                o.buried_spend(&locks, height)
                    .is_some_and(|s| !self.is_ours(s.kind))
            });
            // Paid, this side has nothing at stake: it does not wait for ever for a payer that never claims.
            let late = self.is_past_refund(height);
            return (claimed || chain_is_ours || late).then_some(Outcome::Done);
        }
        if chain_is_ours {
            return Some(if self.prepay == Htlc::Claimed {
                Outcome::PrepayKept
            } else {
                Outcome::TakenBack
            });
        }
        let mut outputs = self.outputs.iter();
        if self.funding == Funding::External && outputs.all(|o| self.is_given_up(o, height)) {
            return Some(Outcome::NothingHappened);
        }
        let gone = self.outputs.iter().any(|o| {
            o.buried_spend(&locks, height)
                .is_some_and(|s| s.kind == SpendKind::Claim)
        });
        gone.then_some(Outcome::Lost)
    }
}
