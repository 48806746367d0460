//! The payer: pays over Lightning, claims on the chain.

use bitcoin::OutPoint;
use bitcoin::secp256k1::PublicKey;
use serde::{Deserialize, Serialize};

use super::effect::{Effect, Leg, Say, SpendHow, SpendWish, Wish};
use super::outputs::{Output, Outputs, Spend, SpendKind};
use super::{Event, Outcome, Transition};
use crate::contract::Secret;
use crate::money::Msat;
use crate::terms::Deal;
use crate::words::Secret32;

/// Where one Lightning payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Payment {
    /// There is none in this swap, or it failed for good.
    None,
    /// Under way or held; cannot be called back.
    InFlight,
    /// Paid, with this routing fee.
    Settled(Msat),
    /// Failed; nothing of it is in flight.
    Failed,
}

impl Payment {
    const fn is_final(self) -> bool {
        !matches!(self, Self::InFlight)
    }
}

/// Why the payer decided never to reveal R.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Abort {
    /// A Lightning payment failed.
    PaymentFailed,
    /// T is too near to reveal.
    TooLate,
    /// The funder withdrew.
    Withdrawn,
    /// The funding's first input went elsewhere, finally.
    Conflict,
    /// The user wanted it.
    Cancelled,
}

/// The one decision of a payer. It is made once and never unmade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Decision {
    /// Neither revealed nor given up.
    Open,
    /// R is out, or on its way out, since this height.
    Revealed(u32),
    /// R will never leave this node.
    Aborted(Abort),
}

/// One swap on the payer's side.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PayerSwap {
    deal: Deal,
    decision: Decision,
    swap: Payment,
    prepay: Payment,
    stopped: bool,
    outputs: Outputs,
    conflict: Option<u32>,
    peer_key: Option<Secret32>,
    handed_over: bool,
    outcome: Option<Outcome>,
}

impl PayerSwap {
    pub(super) const fn new(deal: Deal) -> Self {
        Self {
            deal,
            decision: Decision::Open,
            swap: Payment::None,
            prepay: Payment::None,
            stopped: false,
            outputs: Outputs::new(),
            conflict: None,
            peer_key: None,
            handed_over: false,
            outcome: None,
        }
    }

    /// What was agreed.
    #[must_use]
    pub const fn deal(&self) -> &Deal {
        &self.deal
    }

    /// The decision.
    #[must_use]
    pub const fn decision(&self) -> Decision {
        self.decision
    }

    /// Where a payment stands.
    #[must_use]
    pub const fn payment(&self, leg: Leg) -> Payment {
        match leg {
            Leg::Swap => self.swap,
            Leg::Prepay => self.prepay,
        }
    }

    /// The funder's internal secret key, once it was handed over.
    #[must_use]
    pub const fn peer_key(&self) -> Option<Secret32> {
        self.peer_key
    }

    /// What stands at the script.
    #[must_use]
    pub const fn outputs(&self) -> &Outputs {
        &self.outputs
    }

    /// Whether the decision to hand this side's internal key over is made, and so may be acted on.
    #[must_use]
    pub const fn handed_over(&self) -> bool {
        self.handed_over
    }

    /// How it ended.
    #[must_use]
    pub const fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// The output this swap is about: of exactly the agreed value.
    #[must_use]
    pub fn funding(&self) -> Option<&Output> {
        self.outputs.exact(self.deal.amount)
    }

    /// One step.
    pub fn step(&self, event: Event, height: u32) -> Transition<Self> {
        let mut next = self.clone();
        let mut effects = Vec::new();
        next.apply(&event, height, &mut effects);
        next.settle(height, &mut effects);
        let changed = next != *self;
        Transition::new(event, height, next, effects, changed)
    }

    fn apply(&mut self, event: &Event, height: u32, effects: &mut Vec<Effect>) {
        match *event {
            Event::Opened => self.open(effects),
            Event::Reorg { fork } => {
                self.outputs.disconnect_above(fork);
                self.conflict = self.conflict.filter(|at| *at <= fork);
            }
            Event::OutputSeen {
                outpoint,
                value,
                confirmed,
            } => {
                self.outputs
                    .seen(outpoint, value, confirmed, self.deal.amount);
            }
            Event::OutputSpent {
                outpoint,
                txid,
                kind,
                confirmed,
                ..
            } => {
                self.outputs.spent(
                    outpoint,
                    Spend {
                        txid,
                        kind,
                        confirmed,
                    },
                );
            }
            Event::FundingConflict { confirmed, .. } => self.conflict = Some(confirmed),
            Event::PaymentSettled { leg, fee } => self.settled(leg, fee, height),
            Event::PaymentFailed { leg } => self.failed(leg, effects),
            Event::ClaimReady { outpoint } => self.reveal(outpoint, height, effects),
            Event::PeerKey { secret } if is_key_of(secret, &self.deal.keys.funder_internal) => {
                self.peer_key = Some(secret);
            }
            Event::PeerWithdrew => self.abort(Abort::Withdrawn, effects),
            Event::Cancelled => self.abort(Abort::Cancelled, effects),
            _ => {}
        }
    }

    fn open(&mut self, effects: &mut Vec<Effect>) {
        if self.swap != Payment::None {
            return;
        }
        self.swap = Payment::InFlight;
        effects.push(Effect::Pay(Leg::Swap));
        if self.deal.prepay_hash.is_some() {
            self.prepay = Payment::InFlight;
            effects.push(Effect::Pay(Leg::Prepay));
        }
    }

    fn settled(&mut self, leg: Leg, fee: Msat, height: u32) {
        match leg {
            Leg::Swap => {
                self.swap = Payment::Settled(fee);
                // Whoever settled knows R: it is out, whatever was decided, and only the claim is left to us.
                if !matches!(self.decision, Decision::Revealed(_)) {
                    self.decision = Decision::Revealed(height);
                }
            }
            Leg::Prepay => self.prepay = Payment::Settled(fee),
        }
    }

    fn failed(&mut self, leg: Leg, effects: &mut Vec<Effect>) {
        let payment = match leg {
            Leg::Swap => &mut self.swap,
            Leg::Prepay => &mut self.prepay,
        };
        // A late failure after the settlement of the same payment means nothing.
        if *payment != Payment::InFlight {
            return;
        }
        *payment = Payment::Failed;
        self.abort(Abort::PaymentFailed, effects);
    }

    /// The decision not to reveal is stored with the event that caused it; the key leaves only afterwards.
    fn abort(&mut self, why: Abort, effects: &mut Vec<Effect>) {
        if self.decision != Decision::Open {
            return;
        }
        self.decision = Decision::Aborted(why);
        self.handed_over = true;
        self.stop_paying(effects);
        effects.push(Effect::Say(Say::Key));
    }

    fn stop_paying(&mut self, effects: &mut Vec<Effect>) {
        if self.stopped {
            return;
        }
        self.stopped = true;
        for (leg, payment) in [(Leg::Swap, self.swap), (Leg::Prepay, self.prepay)] {
            if payment == Payment::InFlight {
                effects.push(Effect::StopPaying(leg));
            }
        }
    }

    fn reveal(&mut self, outpoint: OutPoint, height: u32, effects: &mut Vec<Effect>) {
        // The world has been asked meanwhile; what held when it was asked must still hold.
        if self
            .may_reveal(height)
            .is_some_and(|output| output.outpoint == outpoint)
        {
            self.decision = Decision::Revealed(height);
            effects.push(Effect::Say(Say::Preimage));
        }
    }

    /// The output R may be revealed for at this height, if any.
    fn may_reveal(&self, height: u32) -> Option<&Output> {
        let deal = &self.deal;
        let in_time = height <= deal.locks.last_reveal(deal.refund_height);
        let paid = self.swap == Payment::InFlight;
        self.funding().filter(|output| {
            self.decision == Decision::Open
                // Given away for a claim of an earlier life: with both keys the funder takes whatever is claimed anew.
                && !self.handed_over
                && in_time
                && paid
                && output.spent.is_none()
                && deal.is_confirmed(output, height)
        })
    }

    /// What follows from the state and the height alone.
    fn settle(&mut self, height: u32, effects: &mut Vec<Effect>) {
        let (locks, t) = (self.deal.locks, self.deal.refund_height);
        if self.swap != Payment::None && height > locks.last_reveal(t) {
            self.abort(Abort::TooLate, effects);
        }
        // The funding can no longer confirm: its first input went elsewhere for good.
        let gone = self.conflict.is_some_and(|at| locks.buried(at, height))
            && self.funding().is_none_or(|o| o.confirmed.is_none());
        if gone {
            self.abort(Abort::Conflict, effects);
        }
        if height > locks.pay_until(self.deal.agreed_height) {
            self.stop_paying(effects);
        }
        if self.outcome.is_some() {
            return;
        }
        let final_spend = self.funding().and_then(|o| o.buried_spend(&locks, height));
        let swept = final_spend.is_some_and(|s| self.is_ours(s.kind));
        if swept && !self.handed_over {
            // Nothing left to claim: what else stands at the script may go home.
            self.handed_over = true;
            effects.push(Effect::Say(Say::Key));
        }
        if !self.swap.is_final() || !self.prepay.is_final() {
            return;
        }
        self.outcome = match (self.decision, self.swap) {
            (Decision::Revealed(_), Payment::Settled(_)) if gone => Some(Outcome::Lost),
            (Decision::Revealed(_), Payment::Failed) if gone => Some(Outcome::TakenBack),
            (Decision::Revealed(_), Payment::Settled(_)) if swept => Some(Outcome::Done),
            (Decision::Revealed(_), Payment::Settled(_)) if final_spend.is_some() => {
                Some(Outcome::Lost)
            }
            // Claimed on the chain and never charged for it: the funder let the payment go.
            (Decision::Revealed(_), Payment::Failed) if swept => Some(Outcome::Done),
            (Decision::Revealed(_), Payment::Failed) if final_spend.is_some() => {
                Some(Outcome::TakenBack)
            }
            (Decision::Aborted(_), _) => Some(match self.prepay {
                Payment::Settled(_) => Outcome::PrepayKept,
                _ if self.funding().is_some() => Outcome::TakenBack,
                _ => Outcome::NothingHappened,
            }),
            _ => None,
        };
    }

    /// Only this side can use the claim leaf; the key path is this side's until it hands its own key over.
    const fn is_ours(&self, kind: SpendKind) -> bool {
        match kind {
            SpendKind::Claim => true,
            SpendKind::KeyPath => matches!(self.decision, Decision::Revealed(_)),
            SpendKind::Refund => false,
        }
    }

    /// What this state wants at this height.
    #[must_use]
    pub fn wishes(&self, height: u32) -> Vec<Wish> {
        if let Some(output) = self.may_reveal(height) {
            return vec![Wish::PrepareClaim(output.outpoint)];
        }
        let Decision::Revealed(since) = self.decision else {
            return Vec::new();
        };
        let Some(output) = self.funding() else {
            return vec![Wish::RebroadcastFunding];
        };
        let (locks, t) = (self.deal.locks, self.deal.refund_height);
        if output.buried_spend(&locks, height).is_some() {
            return Vec::new();
        }
        let mut wishes = Vec::new();
        if output.confirmed.is_none() {
            wishes.push(Wish::RebroadcastFunding);
        }
        // The key comes within seconds from a funder that is there; a block without it is long enough.
        let alone = locks.must_travel_alone(height, t);
        let how = match self.peer_key {
            Some(_) => Some(SpendHow::KeyPath),
            // The claim leaf spends what is in a block only: after a reorganisation no fee would bring it into a mempool.
            None if output.confirmed.is_some() && (height > since || alone) => {
                Some(SpendHow::Claim)
            }
            None => None,
        };
        if let Some(how) = how {
            wishes.push(Wish::Spend(SpendWish {
                outpoint: output.outpoint,
                how,
                deadline: Some(if height < locks.last_reveal(t) {
                    locks.last_reveal(t)
                } else {
                    t
                }),
                cap_lifted: height > locks.last_reveal(t),
            }));
        }
        wishes
    }
}

/// Whether a secret is the secret of an agreed key.
pub(super) fn is_key_of(secret: Secret32, public: &PublicKey) -> bool {
    Secret::from_bytes(&secret.0).is_ok_and(|key| key.public_key() == *public)
}
