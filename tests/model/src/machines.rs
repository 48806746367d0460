//! The production machines, interned: a world names their states by number, and a step is computed once.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey};
use bitcoin::{Amount, Network, OutPoint, ScriptBuf, Txid};
use cambista_protocol::contract::Keys;
use cambista_protocol::money::Msat;
use cambista_protocol::swap::{Effect, Event, HeldHtlc, Leg, Say, SpendKind, Swap, Wish};
use cambista_protocol::terms::Deal;
use cambista_protocol::words::{Direction, Role, Secret32};

use crate::search::Mix;
use crate::setup::{H0, Setup, Wrong};
use crate::world::{Out, Who};

const AMOUNT: u64 = 500_000;
const R: [u8; 32] = [7; 32];

/// An event, small enough to be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ev {
    Opened,
    Block,
    Reorg(u32),
    Seen(Out, Option<u32>),
    Spent(Out, SpendKind, Option<u32>),
    Conflict(u32),
    Settled(Leg),
    Failed(Leg),
    ClaimReady(Out),
    Held(Leg, u32),
    Claimed(Leg),
    Dropped(Leg),
    Built,
    Impossible,
    Durable,
    Bumped(Out),
    PeerKey,
    WrongKey,
    PeerPreimage,
    WrongPreimage,
    HeldAgain(Leg),
    Withdrew,
    Cancelled,
}

/// Every effect, by the number of its bit in an outbox, in the order a machine gives them.
const EFFECTS: [Effect; 14] = [
    Effect::Pay(Leg::Swap),
    Effect::Pay(Leg::Prepay),
    Effect::StopPaying(Leg::Swap),
    Effect::StopPaying(Leg::Prepay),
    Effect::Claim(Leg::Swap),
    Effect::Claim(Leg::Prepay),
    Effect::ReleaseFunding,
    Effect::FailBack(Leg::Swap),
    Effect::FailBack(Leg::Prepay),
    Effect::PublishFunding,
    Effect::Say(Say::Funded),
    Effect::Say(Say::Preimage),
    Effect::Say(Say::Key),
    Effect::Say(Say::Withdraw),
];

/// The bit of an effect.
pub(crate) fn bit(effect: Effect) -> u16 {
    EFFECTS
        .iter()
        .position(|e| *e == effect)
        .map_or(0, |at| 1 << at)
}

/// The effects in an outbox.
pub(crate) fn effects(bits: u16) -> impl Iterator<Item = Effect> {
    EFFECTS.into_iter().filter(move |e| bits & bit(*e) != 0)
}

/// The outpoint of an output.
pub(crate) fn outpoint(out: Out) -> OutPoint {
    OutPoint {
        txid: txid(out),
        vout: 0,
    }
}

fn txid(out: Out) -> Txid {
    Txid::from_byte_array([out as u8 + 1; 32])
}

type Table<K, V> = HashMap<K, V, BuildHasherDefault<Mix>>;

/// Every machine state seen so far and every step taken.
pub(crate) struct Machines {
    swaps: Vec<Swap>,
    ids: HashMap<Swap, u32>,
    steps: Table<(u32, Ev, u32), (u32, u16)>,
    wishes: Table<(u32, u32), Arc<[Wish]>>,
    keys: [SecretKey; 2],
    blind: bool,
}

impl Machines {
    pub(crate) fn new(setup: &Setup) -> Self {
        let key = |n: u8| SecretKey::from_slice(&[n; 32]).unwrap_or_else(|_| unreachable!());
        let mut machines = Self {
            swaps: Vec::new(),
            ids: HashMap::new(),
            steps: Table::default(),
            wishes: Table::default(),
            keys: [key(2), key(4)],
            blind: setup.is(Wrong::ValueNotCompared),
        };
        for role in [Role::Payer, Role::Funder] {
            machines.intern(Swap::new(role, deal(setup)));
        }
        machines
    }

    /// The state at the beginning.
    pub(crate) const fn beginning(who: Who) -> u32 {
        match who {
            Who::Payer => 0,
            Who::Funder => 1,
        }
    }

    fn intern(&mut self, swap: Swap) -> u32 {
        if let Some(id) = self.ids.get(&swap) {
            return *id;
        }
        let id = u32::try_from(self.swaps.len()).unwrap_or(u32::MAX);
        self.swaps.push(swap.clone());
        self.ids.insert(swap, id);
        id
    }

    /// A state.
    pub(crate) fn get(&self, id: u32) -> &Swap {
        self.swaps
            .get(id as usize)
            .unwrap_or_else(|| unreachable!())
    }

    /// What a state wishes at a height.
    pub(crate) fn wishes(&mut self, id: u32, height: u32) -> Arc<[Wish]> {
        if let Some(known) = self.wishes.get(&(id, height)) {
            return known.clone();
        }
        let wishes: Arc<[Wish]> = self.get(id).wishes(height).into();
        self.wishes.insert((id, height), wishes.clone());
        wishes
    }

    /// The next state and the effects of an event.
    pub(crate) fn step(&mut self, id: u32, ev: Ev, height: u32) -> (u32, u16) {
        if let Some(known) = self.steps.get(&(id, ev, height)) {
            return *known;
        }
        let event = self.event(id, ev);
        let mut bits = 0;
        let saved: Result<Swap, Infallible> =
            self.get(id).step(event, height).save(|_, _, effects| {
                bits = effects.iter().fold(0, |bits, e| bits | bit(*e));
                Ok(())
            });
        let next = match saved {
            Ok(next) => self.intern(next),
            Err(never) => match never {},
        };
        self.steps.insert((id, ev, height), (next, bits));
        (next, bits)
    }

    fn event(&self, id: u32, ev: Ev) -> Event {
        let deal = self.get(id).deal();
        match ev {
            Ev::Opened => Event::Opened,
            Ev::Block => Event::Block,
            Ev::Reorg(fork) => Event::Reorg { fork },
            Ev::Seen(out, confirmed) => Event::OutputSeen {
                outpoint: outpoint(out),
                value: match out {
                    Out::OtherValue if !self.blind => deal.amount - Amount::from_sat(100_000),
                    _ => deal.amount,
                },
                confirmed,
            },
            Ev::Spent(out, kind, confirmed) => Event::OutputSpent {
                outpoint: outpoint(out),
                txid: Txid::from_byte_array([100 + out as u8; 32]),
                kind,
                preimage: (kind == SpendKind::Claim).then_some(Secret32(R)),
                confirmed,
            },
            Ev::Conflict(confirmed) => Event::FundingConflict {
                txid: Txid::from_byte_array([99; 32]),
                confirmed,
            },
            Ev::Settled(leg) => Event::PaymentSettled { leg, fee: Msat(0) },
            Ev::Failed(leg) => Event::PaymentFailed { leg },
            Ev::ClaimReady(out) => Event::ClaimReady {
                outpoint: outpoint(out),
            },
            Ev::Held(leg, claim_deadline) => held(deal, leg, leg as u8, claim_deadline),
            Ev::HeldAgain(leg) => held(deal, leg, 2, deal.refund_height),
            Ev::Claimed(leg) => Event::Claimed { leg },
            Ev::Dropped(leg) => Event::Dropped { leg },
            Ev::Built => Event::FundingBuilt {
                txid: txid(Out::First),
                first_input: OutPoint {
                    txid: Txid::from_byte_array([77; 32]),
                    vout: 0,
                },
            },
            Ev::Impossible => Event::FundingImpossible,
            Ev::Durable => Event::HoldDurable,
            Ev::Bumped(out) => Event::FundingBumped { txid: txid(out) },
            Ev::PeerKey => {
                let peer = match self.get(id).role() {
                    Role::Payer => 1,
                    Role::Funder => 0,
                };
                Event::PeerKey {
                    secret: Secret32(self.keys[peer].secret_bytes()),
                }
            }
            Ev::WrongKey => Event::PeerKey {
                secret: Secret32([66; 32]),
            },
            Ev::WrongPreimage => Event::PeerPreimage {
                preimage: Secret32([66; 32]),
            },
            Ev::PeerPreimage => Event::PeerPreimage {
                preimage: Secret32(R),
            },
            Ev::Withdrew => Event::PeerWithdrew,
            Ev::Cancelled => Event::Cancelled,
        }
    }
}

fn held(deal: &Deal, leg: Leg, set: u8, claim_deadline: u32) -> Event {
    let amount = match leg {
        Leg::Swap => deal.swap_amount,
        Leg::Prepay => deal.prepay_amount,
    };
    let htlc = HeldHtlc {
        payment_id: Secret32([set; 32]),
        amount: Msat(amount.to_sat() * 1000),
        claim_deadline,
        sound: true,
    };
    Event::Held { leg, htlc }
}

fn public(n: u8) -> PublicKey {
    SecretKey::from_slice(&[n; 32])
        .unwrap_or_else(|_| unreachable!())
        .public_key(&Secp256k1::new())
}

fn deal(setup: &Setup) -> Deal {
    Deal {
        network: Network::Regtest,
        direction: if setup.external {
            Direction::In
        } else {
            Direction::Out
        },
        amount: Amount::from_sat(AMOUNT),
        swap_amount: Amount::from_sat(AMOUNT + 500),
        prepay_amount: Amount::from_sat(if setup.prepay { 900 } else { 0 }),
        payment_hash: sha256::Hash::hash(&R).to_byte_array(),
        prepay_hash: setup
            .prepay
            .then(|| sha256::Hash::hash(&[8; 32]).to_byte_array()),
        keys: Keys {
            payer_claim: public(1),
            payer_internal: public(2),
            funder_refund: public(3),
            funder_internal: public(4),
        },
        refund_height: setup.refund_height(),
        agreed_height: H0,
        confirmations: setup.confirmations,
        external: setup.external,
        locks: setup.locks,
        payee: public(5),
        script_pubkey: ScriptBuf::new(),
    }
}
