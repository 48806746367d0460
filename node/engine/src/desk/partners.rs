//! Whom this node has done swaps with before, over all swaps there ever were.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bitcoin::secp256k1::PublicKey;
use cambista_protocol::swap::Outcome;
use cambista_protocol::words::{Direction, Side};

use crate::engine::Core;
use crate::ports::{Archived, Partner, Ports, Store};

/// So many answers of the store are remembered.
const MOST: usize = 4_096;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    Taker(String),
    Payee(PublicKey),
    Maker(PublicKey),
}

impl From<Partner<'_>> for Name {
    fn from(partner: Partner<'_>) -> Self {
        match partner {
            Partner::Taker(peer) => Self::Taker(peer.to_owned()),
            Partner::Payee(node) => Self::Payee(node),
            Partner::Maker(node) => Self::Maker(node),
        }
    }
}

/// What the store has said of archived swaps: each quote asks for dozens of takers.
#[derive(Debug, Default)]
pub(crate) struct Partners(Mutex<HashMap<Name, bool>>);

impl Partners {
    fn all(&self) -> MutexGuard<'_, HashMap<Name, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A swap was archived: its partner is known from now on.
    pub(crate) fn note(&mut self, archived: &Archived) {
        let taker = archived.taker.clone().map(Name::Taker);
        let node = archived.node.map(|node| match archived.side {
            Side::Maker => Name::Payee(node),
            Side::Taker => Name::Maker(node),
        });
        for name in taker.into_iter().chain(node) {
            self.set(name, true);
        }
    }

    fn set(&self, name: Name, done: bool) {
        let mut all = self.all();
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(name, done);
    }

    /// Whether an archived swap was done with this partner. A store that cannot be read has seen nobody.
    fn holds(&self, partner: Partner<'_>, store: &impl Store) -> bool {
        let name = Name::from(partner);
        if let Some(done) = self.all().get(&name) {
            return *done;
        }
        let Ok(done) = store.dealt_with(partner) else {
            return false;
        };
        self.set(name, done);
        done
    }
}

/// Who has done a swap with this maker.
pub(super) struct Proven<'a, S> {
    takers: HashSet<&'a str>,
    payees: HashSet<PublicKey>,
    partners: &'a Partners,
    store: &'a S,
}

impl<S: Store> Proven<'_, S> {
    pub(super) fn holds(&self, taker: &str, payee: Option<PublicKey>) -> bool {
        let before = |partner| self.partners.holds(partner, self.store);
        self.takers.contains(taker)
            || before(Partner::Taker(taker))
            || payee.is_some_and(|p| self.payees.contains(&p) || before(Partner::Payee(p)))
    }
}

impl<P: Ports> Core<P> {
    pub(super) fn proven(&self) -> Proven<'_, P::Store> {
        let mut proven = Proven {
            takers: HashSet::new(),
            payees: HashSet::new(),
            partners: &self.partners,
            store: self.ports.store(),
        };
        for live in self.swaps.values() {
            if live.record.side == Side::Maker && live.swap.outcome() == Some(Outcome::Done) {
                proven.takers.insert(&live.peer.peer_id);
                if live.record.deal.direction == Direction::In {
                    proven.payees.insert(live.record.deal.payee);
                }
            }
        }
        proven
    }

    /// Whether an archived swap of this taker was done with this maker.
    pub(crate) fn dealt_with_maker(&self, maker: PublicKey) -> bool {
        self.partners
            .holds(Partner::Maker(maker), self.ports.store())
    }
}
