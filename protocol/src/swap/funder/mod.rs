//! The funder: funds the chain, claims over Lightning.

mod settle;
mod wishes;

use bitcoin::hashes::{Hash, sha256};
use bitcoin::{OutPoint, Txid};
use serde::{Deserialize, Serialize};

use super::effect::{Effect, Leg, Say};
use super::event::HeldHtlc;
use super::outputs::{Outputs, Spend};
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
                self.is_there(outpoint.txid);
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
            Event::Dropped { leg } => self.dropped(leg, height, effects),
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

    /// Lightning says that it let a payment on the hash go. It says the same of any HTLC that comes too near its expiry, and
    /// whoever knows the hash can send one. So once anything may be on the chain it is believed only from the deadline on:
    /// before, Lightning lets nothing go that it holds.
    fn dropped(&mut self, leg: Leg, height: u32, effects: &mut Vec<Effect>) {
        match self.htlc(leg) {
            // Nothing is out, so nothing is lost by ending here; what is held after all goes back.
            Htlc::Held(_) if !self.is_out() => self.give_up(effects),
            Htlc::Held(htlc) | Htlc::Claiming(htlc) if height >= htlc.claim_deadline => {
                *self.leg(leg) = Htlc::Gone;
            }
            _ => {}
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

    /// A funding that was built and is seen has left this node, whatever is written here: this may be an old copy of what was
    /// written. The payer can claim it, so the payment is held on to like that of any funding that is out.
    fn is_there(&mut self, txid: Txid) {
        if let Funding::Built(first_input) = self.funding
            && self.versions.contains(&txid)
        {
            self.funding = Funding::Published(first_input);
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
}
