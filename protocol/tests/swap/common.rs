//! A deal with known secrets, and a swap that is driven by hand.

use std::convert::Infallible;

use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey};
use bitcoin::{Amount, Network, OutPoint, Txid};
use cambista_protocol::contract::{Contract, Keys};
use cambista_protocol::money::Msat;
use cambista_protocol::swap::{
    Effect, Event, HeldHtlc, Leg, SpendHow, SpendKind, SpendWish, Swap, Wish,
};
use cambista_protocol::terms::Deal;
use cambista_protocol::timelock::Timelocks;
use cambista_protocol::words::{Direction, Role, Secret32};

pub const H0: u32 = 1000;
pub const T: u32 = H0 + 144;
pub const AMOUNT: Amount = Amount::from_sat(500_000);
pub const PREPAY: Amount = Amount::from_sat(900);
pub const R: [u8; 32] = [7; 32];

pub fn key(n: u8) -> SecretKey {
    SecretKey::from_slice(&[n; 32]).unwrap()
}

fn public(n: u8) -> PublicKey {
    key(n).public_key(&Secp256k1::new())
}

pub fn deal(prepay: bool) -> Deal {
    let keys = Keys {
        payer_claim: public(1),
        payer_internal: public(2),
        funder_refund: public(3),
        funder_internal: public(4),
    };
    let payment_hash = sha256::Hash::hash(&R).to_byte_array();
    Deal {
        network: Network::Regtest,
        direction: Direction::Out,
        amount: AMOUNT,
        swap_amount: Amount::from_sat(500_500),
        prepay_amount: if prepay { PREPAY } else { Amount::ZERO },
        payment_hash,
        prepay_hash: prepay.then(|| sha256::Hash::hash(&[8; 32]).to_byte_array()),
        keys,
        refund_height: T,
        agreed_height: H0,
        confirmations: 2,
        external: false,
        locks: Timelocks::new(Direction::Out, 144),
        payee: public(5),
        script_pubkey: Contract::new(keys, payment_hash, T)
            .unwrap()
            .script_pubkey(),
    }
}

/// A swap under test: its state, its height and the effects of the last step.
pub struct Driven {
    pub swap: Swap,
    pub height: u32,
    pub effects: Vec<Effect>,
    pub log: Vec<(Event, u32)>,
}

impl Driven {
    pub fn new(role: Role, prepay: bool) -> Self {
        let swap = Swap::new(role, deal(prepay));
        let mut driven = Self {
            swap,
            height: H0,
            effects: Vec::new(),
            log: Vec::new(),
        };
        driven.event(Event::Opened);
        driven
    }

    /// Takes an event and gives its effects.
    pub fn event(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        let transition = self.swap.step(event, self.height);
        let saved: Result<Swap, Infallible> = transition.save(|event, height, made| {
            effects = made.to_vec();
            self.log.push((event.clone(), height));
            Ok(())
        });
        self.swap = saved.unwrap();
        self.effects.clone_from(&effects);
        effects
    }

    /// Moves to a height, block by block; gives every effect on the way.
    pub fn to(&mut self, height: u32) -> Vec<Effect> {
        let mut effects = Vec::new();
        while self.height < height {
            self.height += 1;
            effects.extend(self.event(Event::Block));
        }
        effects
    }

    /// Where Lightning lets a held payment go.
    pub fn claim_deadline(&self) -> u32 {
        self.swap.deal().locks.needed_claim_deadline(T)
    }

    /// Lightning lets a payment go at its deadline.
    pub fn let_go(&mut self, leg: Leg) -> Vec<Effect> {
        let mut effects = self.to(self.claim_deadline());
        effects.extend(self.event(Event::Dropped { leg }));
        effects
    }

    pub fn wishes(&self) -> Vec<Wish> {
        self.swap.wishes(self.height)
    }

    pub fn spend_wish(&self) -> Option<SpendWish> {
        self.wishes().into_iter().find_map(|wish| match wish {
            Wish::Spend(spend) => Some(spend),
            _ => None,
        })
    }

    pub fn spend_how(&self) -> Option<SpendHow> {
        self.spend_wish().map(|w| w.how)
    }

    pub fn seen(&mut self, n: u8, value: Amount, confirmed: Option<u32>) -> Vec<Effect> {
        self.event(Event::OutputSeen {
            outpoint: outpoint(n),
            value,
            confirmed,
        })
    }

    /// The funding of the right value, confirmed at the present height.
    pub fn funded(&mut self) -> Vec<Effect> {
        let height = self.height;
        self.seen(1, AMOUNT, Some(height))
    }

    pub fn spent(&mut self, kind: SpendKind, confirmed: Option<u32>) -> Vec<Effect> {
        let preimage = (kind == SpendKind::Claim).then_some(Secret32(R));
        self.event(Event::OutputSpent {
            outpoint: outpoint(1),
            txid: txid(9),
            kind,
            preimage,
            confirmed,
        })
    }

    pub fn held(&mut self, leg: Leg) -> Vec<Effect> {
        self.held_with(leg, |_| {})
    }

    pub fn held_with(&mut self, leg: Leg, change: impl FnOnce(&mut HeldHtlc)) -> Vec<Effect> {
        let deal = self.swap.deal();
        let amount = match leg {
            Leg::Swap => deal.swap_amount,
            Leg::Prepay => deal.prepay_amount,
        };
        let mut htlc = HeldHtlc {
            payment_id: Secret32([3; 32]),
            amount: Msat(amount.to_sat() * 1000),
            claim_deadline: self.claim_deadline(),
            sound: true,
        };
        change(&mut htlc);
        self.event(Event::Held { leg, htlc })
    }

    /// A funder whose funding is published and confirmed at H0 + 1.
    pub fn published(prepay: bool) -> Self {
        let mut driven = Self::new(Role::Funder, prepay);
        driven.held(Leg::Swap);
        if prepay {
            driven.held(Leg::Prepay);
        }
        driven.event(Event::FundingBuilt {
            txid: txid(1),
            first_input: outpoint(77),
        });
        driven.event(Event::HoldDurable);
        driven
    }

    pub fn confirmed_funder(prepay: bool) -> Self {
        let mut driven = Self::published(prepay);
        driven.to(H0 + 1);
        driven.funded();
        driven
    }

    /// A funder of an `in` that pays from outside.
    pub fn external() -> Self {
        let mut deal = deal(false);
        deal.direction = Direction::In;
        deal.external = true;
        deal.locks = Timelocks::new(Direction::In, 144).funded_from_outside();
        let swap = Swap::new(Role::Funder, deal);
        let mut driven = Self {
            swap,
            height: H0,
            effects: Vec::new(),
            log: Vec::new(),
        };
        driven.event(Event::Opened);
        driven
    }

    /// A payer that has revealed R for a funding with enough confirmations.
    pub fn revealed() -> Self {
        let mut driven = Self::new(Role::Payer, true);
        driven.to(H0 + 1);
        driven.funded();
        driven.to(H0 + 2);
        driven.event(Event::ClaimReady {
            outpoint: outpoint(1),
        });
        driven
    }
}

pub fn outpoint(n: u8) -> OutPoint {
    OutPoint {
        txid: txid(n),
        vout: 0,
    }
}

pub fn txid(n: u8) -> Txid {
    Txid::from_byte_array([n; 32])
}
