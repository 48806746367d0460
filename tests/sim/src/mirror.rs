//! What a node has stored, kept beside its database: the guards look here at every step. Whenever the database is read,
//! it must say the same.

use std::convert::Infallible;

use bitcoin::Transaction;
use cambista_engine::ports::{Commit, StoredSwap};
use cambista_engine::record::SwapRecord;
use cambista_protocol::contract::Contract;
use cambista_protocol::swap::{Event, Swap};
use cambista_protocol::words::SwapId;

/// One swap as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Mirrored {
    pub(crate) record: SwapRecord,
    pub(crate) contract: Contract,
    pub(crate) swap: Swap,
    pub(crate) fundings: Vec<Transaction>,
}

/// All of a node's swaps, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mirror(Vec<Mirrored>);

fn step(swap: &mut Swap, event: Event, height: u32) {
    let next: Result<Swap, Infallible> = swap.step(event, height).save(|_, _, _| Ok(()));
    match next {
        Ok(next) => *swap = next,
        Err(impossible) => match impossible {},
    }
}

/// The state the stored events make.
pub(crate) fn fold(stored: &StoredSwap) -> Swap {
    let mut swap = Swap::new(stored.record.role, stored.record.deal.clone());
    for event in &stored.events {
        step(&mut swap, event.event.clone(), event.height);
    }
    swap
}

impl Mirror {
    /// What a database holds.
    pub(crate) fn of(stored: &[StoredSwap]) -> Self {
        let swaps = stored.iter().filter_map(|stored| {
            Some(Mirrored {
                record: stored.record.clone(),
                contract: stored.record.deal.contract().ok()?,
                swap: fold(stored),
                fundings: stored.fundings.iter().map(|(tx, _)| tx.clone()).collect(),
            })
        });
        Self(swaps.collect())
    }

    /// Takes in what was committed.
    pub(crate) fn commit(&mut self, commit: &Commit) {
        self.0
            .retain(|kept| !commit.forget.contains(&kept.record.id));
        if let Some(new) = &commit.new
            && let Ok(contract) = new.record.deal.contract()
        {
            self.0.push(Mirrored {
                record: new.record.clone(),
                contract,
                swap: Swap::new(new.record.role, new.record.deal.clone()),
                fundings: Vec::new(),
            });
        }
        if let Some((id, event, height, _)) = &commit.event
            && let Some(kept) = self.get_mut(*id)
        {
            step(&mut kept.swap, event.clone(), *height);
        }
        if let Some((id, tx, _)) = &commit.funding
            && let Some(kept) = self.get_mut(*id)
        {
            kept.fundings.push(tx.clone());
        }
    }

    fn get_mut(&mut self, id: SwapId) -> Option<&mut Mirrored> {
        self.0.iter_mut().find(|kept| kept.record.id == id)
    }

    /// The swaps, oldest first.
    pub(crate) fn swaps(&self) -> &[Mirrored] {
        &self.0
    }

    /// One of them.
    pub(crate) fn swap(&self, id: SwapId) -> Option<&Mirrored> {
        self.0.iter().find(|kept| kept.record.id == id)
    }

    /// Whether this and what a database holds are the same.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let same = |(one, two): (&Mirrored, &Mirrored)| {
            one.record.id == two.record.id && one.swap == two.swap && one.fundings == two.fundings
        };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(same)
    }
}
