//! The funder: funds the chain, claims over Lightning.

use bitcoin::hashes::{Hash, sha256};
use bitcoin::{OutPoint, Txid};
use serde::{Deserialize, Serialize};

use super::effect::{Effect, Leg, Say, SpendHow, SpendWish, Wish};
use super::event::HeldHtlc;
use super::outputs::{Output, Outputs, Spend, SpendKind};
use super::payer::is_key_of;
use super::{Event, Outcome, Transition};
use crate::money::Msat;
use crate::terms::Deal;
use crate::words::Secret32;

/// Where one payment to us stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Htlc {
    /// Not part of this swap.
    None,
    /// Not here yet.
    Awaited,
    /// Held for us.
    Held(HeldHtlc),
    /// Being claimed: the preimage is stored and Lightning was told.
    Claiming(HeldHtlc),
    /// Ours, durably.
    Claimed,
    /// Failed back, by us or by Lightning.
    Gone,
}

impl Htlc {
    const fn is_open(self) -> bool {
        matches!(self, Self::Held(_) | Self::Claiming(_))
    }
}

/// Where the funding stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Funding {
    /// None was built.
    None,
    /// Built and stored, not published: no byte of it has left this node.
    Built(OutPoint),
    /// The intent to publish is stored: it counts as published. All versions spend this first input.
    Published(OutPoint),
    /// The user pays from outside this node: the address was shown, so anything may arrive at any time.
    External,
    /// Given up before it was published.
    Abandoned,
}

/// One swap on the funder's side.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FunderSwap {
    deal: Deal,
    swap: Htlc,
    prepay: Htlc,
    funding: Funding,
    versions: Vec<Txid>,
    outputs: Outputs,
    conflict: Option<u32>,
    withdrawn: bool,
    chance: bool,
    preimage: Option<Secret32>,
    peer_key: Option<Secret32>,
    handed_over: bool,
    outcome: Option<Outcome>,
}

impl FunderSwap {
    pub(super) const fn new(deal: Deal) -> Self {
        Self {
            deal,
            swap: Htlc::None,
            prepay: Htlc::None,
            funding: Funding::None,
            versions: Vec::new(),
            outputs: Outputs::new(),
            conflict: None,
            withdrawn: false,
            chance: false,
            preimage: None,
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

    /// Where a payment stands.
    #[must_use]
    pub const fn htlc(&self, leg: Leg) -> Htlc {
        match leg {
            Leg::Swap => self.swap,
            Leg::Prepay => self.prepay,
        }
    }

    /// Where the funding stands.
    #[must_use]
    pub const fn funding(&self) -> Funding {
        self.funding
    }

    /// Whether this side has asked the payer to give up.
    #[must_use]
    pub const fn withdrawn(&self) -> bool {
        self.withdrawn
    }

    /// The latest version of the funding.
    #[must_use]
    pub fn funding_txid(&self) -> Option<Txid> {
        self.versions.last().copied()
    }

    /// R, once it is known.
    #[must_use]
    pub const fn preimage(&self) -> Option<Secret32> {
        self.preimage
    }

    /// The payer's internal secret key, once it was handed over.
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
            Event::Opened if self.swap == Htlc::None => {
                self.swap = Htlc::Awaited;
                if self.deal.prepay_hash.is_some() {
                    self.prepay = Htlc::Awaited;
                }
            }
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
                preimage,
                confirmed,
            } => {
                self.outputs.spent(
                    outpoint,
                    Spend {
                        txid,
                        kind,
                        confirmed,
                    },
                );
                if let Some(preimage) = preimage {
                    self.learn(preimage, effects);
                }
            }
            Event::FundingConflict { confirmed, .. } => self.conflict = Some(confirmed),
            Event::Held { leg, htlc } => self.held(leg, htlc, height, effects),
            Event::Claimed { leg } => self.claimed(leg, effects),
            Event::Dropped { leg } if self.htlc(leg).is_open() => *self.leg(leg) = Htlc::Gone,
            Event::FundingBuilt { txid, first_input }
                if self.wants_funding(height) && !self.deal.external =>
            {
                self.funding = Funding::Built(first_input);
                self.versions.push(txid);
            }
            Event::FundingImpossible if self.funding == Funding::None => self.give_up(effects),
            Event::HoldDurable => self.publish(height, effects),
            Event::Cancelled if self.preimage.is_none() => {
                self.give_up(effects);
                self.withdraw(effects);
            }
            Event::FundingBumped { txid } if matches!(self.funding, Funding::Published(_)) => {
                self.versions.push(txid);
                effects.push(Effect::PublishFunding);
                effects.push(Effect::Say(Say::Funded));
            }
            Event::PeerKey { secret } if is_key_of(secret, &self.deal.keys.payer_internal) => {
                self.peer_key = Some(secret);
                // Before anything was published the payer's word that it gives up ends the swap.
                if matches!(self.funding, Funding::None | Funding::Built(_)) {
                    self.give_up(effects);
                }
            }
            // R before the funding is the payer's mistake; an honest funder does not profit from it.
            Event::PeerPreimage { preimage } if self.is_out() => {
                self.learn(preimage, effects);
            }
            _ => {}
        }
    }

    const fn leg(&mut self, leg: Leg) -> &mut Htlc {
        match leg {
            Leg::Swap => &mut self.swap,
            Leg::Prepay => &mut self.prepay,
        }
    }

    fn held(&mut self, leg: Leg, htlc: HeldHtlc, height: u32, effects: &mut Vec<Effect>) {
        let expected = match leg {
            Leg::Swap => self.deal.swap_amount,
            Leg::Prepay => self.deal.prepay_amount,
        };
        match self.htlc(leg) {
            Htlc::Awaited => {
                let needed = self
                    .deal
                    .locks
                    .needed_claim_deadline(self.deal.refund_height);
                let good = htlc.sound
                    && Msat::from_sat(expected.to_sat()).is_some_and(|e| htlc.amount >= e)
                    && htlc.claim_deadline >= needed
                    && matches!(self.funding, Funding::None)
                    && height <= self.deal.locks.fund_until(self.deal.agreed_height);
                *self.leg(leg) = Htlc::Held(htlc);
                if !good {
                    self.give_up(effects);
                }
            }
            // Nothing of this swap is held any more: whatever comes now goes back.
            Htlc::Gone | Htlc::None => effects.push(Effect::FailBack(leg)),
            // A second set on a hash that is held, or a replay: failing it would fail the first as well.
            Htlc::Held(_) | Htlc::Claiming(_) | Htlc::Claimed => {}
        }
    }

    fn claimed(&mut self, leg: Leg, effects: &mut Vec<Effect>) {
        *self.leg(leg) = Htlc::Claimed;
        if leg == Leg::Swap && !self.handed_over {
            // Paid for good: no claim on the output is left, the refund leaf is dead from here on.
            self.handed_over = true;
            effects.push(Effect::Say(Say::Key));
        }
    }

    fn learn(&mut self, preimage: Secret32, effects: &mut Vec<Effect>) {
        let hash = sha256::Hash::hash(&preimage.0).to_byte_array();
        if self.preimage.is_some() || hash != self.deal.payment_hash {
            return;
        }
        self.preimage = Some(preimage);
        self.claim(Leg::Swap, effects);
        self.claim(Leg::Prepay, effects);
    }

    fn claim(&mut self, leg: Leg, effects: &mut Vec<Effect>) {
        if let Htlc::Held(htlc) = self.htlc(leg) {
            *self.leg(leg) = Htlc::Claiming(htlc);
            effects.push(Effect::Claim(leg));
        }
    }

    fn fail_back(&mut self, leg: Leg, effects: &mut Vec<Effect>) {
        match self.htlc(leg) {
            Htlc::Held(_) => {
                *self.leg(leg) = Htlc::Gone;
                effects.push(Effect::FailBack(leg));
            }
            Htlc::Awaited => *self.leg(leg) = Htlc::Gone,
            _ => {}
        }
    }

    /// Whether something may be, or come to be, at the script.
    const fn is_out(&self) -> bool {
        matches!(self.funding, Funding::Published(_) | Funding::External)
    }

    /// Asks the payer to give up, so that the coins can go home at once.
    fn withdraw(&mut self, effects: &mut Vec<Effect>) {
        if self.is_out() && !self.withdrawn && self.preimage.is_none() {
            self.withdrawn = true;
            effects.push(Effect::Say(Say::Withdraw));
        }
    }

    fn publish(&mut self, height: u32, effects: &mut Vec<Effect>) {
        if self.deal.external && self.wants_funding(height) {
            self.funding = Funding::External;
            return;
        }
        let Funding::Built(first_input) = self.funding else {
            return;
        };
        let both = self.both_held();
        if both && height <= self.deal.locks.fund_until(self.deal.agreed_height) {
            self.funding = Funding::Published(first_input);
            effects.push(Effect::PublishFunding);
            effects.push(Effect::Say(Say::Funded));
        } else {
            self.give_up(effects);
        }
    }

    /// Ends a swap of which nothing was published.
    fn give_up(&mut self, effects: &mut Vec<Effect>) {
        if self.is_out() || self.funding == Funding::Abandoned {
            return;
        }
        if matches!(self.funding, Funding::Built(_)) {
            effects.push(Effect::ReleaseFunding);
        }
        self.funding = Funding::Abandoned;
        self.fail_back(Leg::Swap, effects);
        self.fail_back(Leg::Prepay, effects);
        effects.push(Effect::Say(Say::Withdraw));
    }

    const fn both_held(&self) -> bool {
        matches!(self.swap, Htlc::Held(_)) && matches!(self.prepay, Htlc::Held(_) | Htlc::None)
    }

    fn wants_funding(&self, height: u32) -> bool {
        self.funding == Funding::None
            && self.both_held()
            && height <= self.deal.locks.fund_until(self.deal.agreed_height)
    }

    /// Whether the payer had its chance: an output of the agreed value had its confirmations in time to reveal for, and
    /// this side did not ask to give up.
    const fn payer_had_its_chance(&self) -> bool {
        self.chance && !self.withdrawn
    }

    /// Whether this is an output of a funding this side published.
    fn is_own(&self, output: &Output) -> bool {
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
        let mut confirmed = self.outputs.iter().filter(|o| o.first_confirmed.is_some());
        resolved && confirmed.all(back)
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
    fn settle(&mut self, height: u32, effects: &mut Vec<Effect>) {
        let deal_locks = self.deal.locks;
        if self.swap == Htlc::None || self.outcome.is_some() {
            return;
        }
        let in_time = height <= deal_locks.last_reveal(self.deal.refund_height);
        let deep = |o: &Output| o.has_confirmations(self.deal.confirmations, height);
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
            return (claimed || chain_is_ours).then_some(Outcome::Done);
        }
        if chain_is_ours {
            return Some(if self.prepay == Htlc::Claimed {
                Outcome::PrepayKept
            } else {
                Outcome::TakenBack
            });
        }
        if self.funding == Funding::External && self.outputs.iter().next().is_none() {
            return Some(Outcome::NothingHappened);
        }
        let gone = self.outputs.iter().any(|o| {
            o.buried_spend(&locks, height)
                .is_some_and(|s| s.kind == SpendKind::Claim)
        });
        gone.then_some(Outcome::Lost)
    }

    /// What this state wants at this height.
    #[must_use]
    pub fn wishes(&self, height: u32) -> Vec<Wish> {
        match self.funding {
            Funding::None if self.wants_funding(height) => {
                let wish = if self.deal.external {
                    Wish::AwaitHold
                } else {
                    Wish::BuildFunding
                };
                return vec![wish];
            }
            Funding::Built(_) => return vec![Wish::AwaitHold],
            Funding::Published(_) | Funding::External => {}
            Funding::None | Funding::Abandoned => return Vec::new(),
        }
        let mut wishes = Vec::new();
        let (locks, t) = (self.deal.locks, self.deal.refund_height);
        let ours = matches!(self.funding, Funding::Published(_));
        // Only an output of our own says that our funding is confirmed: anybody can pay to the script.
        let confirmed = self
            .outputs
            .iter()
            .any(|o| self.is_own(o) && o.confirmed.is_some());
        if ours && !confirmed && self.conflict.is_none() {
            let late = height >= locks.replace_funding_from(t, self.deal.confirmations);
            // With R known the payer is owed its output: the funding goes on, however late. With the payment gone
            // there is nothing to fund for.
            wishes.push(
                if (late || self.swap == Htlc::Gone) && self.preimage.is_none() {
                    Wish::ReplaceFunding
                } else {
                    Wish::KeepFunding
                },
            );
        }
        if let Some(how) = self.take_back_by(height) {
            // After success only strays are ours to take: never what the payer has spent.
            let open = self.outputs.iter().filter(|o| {
                let replaced = o.confirmed.is_none()
                    && self.is_own(o)
                    && self.funding_txid() != Some(o.outpoint.txid);
                o.buried_spend(&locks, height).is_none()
                    && !(self.handed_over && o.spent.is_some())
                    && !replaced
            });
            wishes.extend(open.map(|output| {
                Wish::Spend(SpendWish {
                    outpoint: output.outpoint,
                    how,
                    deadline: (how == SpendHow::Refund).then_some(t + locks.refund_confirm),
                    cap_lifted: height >= t,
                })
            }));
        }
        wishes
    }

    /// The path by which this side may take outputs back now, if it may.
    fn take_back_by(&self, height: u32) -> Option<SpendHow> {
        if self.handed_over {
            // Paid. Only once the payer has nothing left to claim and handed its key over do strays go home.
            return self.peer_key.map(|_| SpendHow::KeyPath);
        }
        if matches!(self.swap, Htlc::Claiming(_) | Htlc::Claimed) {
            return None;
        }
        if self.peer_key.is_some() {
            return Some(SpendHow::KeyPath);
        }
        (height >= self.deal.refund_height).then_some(SpendHow::Refund)
    }
}
