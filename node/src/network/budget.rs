//! Bounds work done for peers, in total and for each of them.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError},
};

use libp2p::PeerId;
use tokio::sync::Semaphore;

/// Room for a bounded number of tasks, of which a smaller number runs at one time.
#[derive(Clone)]
pub(super) struct Budget {
    held: Arc<Mutex<Held>>,
    running: Arc<Semaphore>,
    max: usize,
    max_per_peer: usize,
}

#[derive(Default)]
struct Held {
    total: usize,
    per_peer: HashMap<PeerId, usize>,
}

/// A place in a budget; dropping it gives the place back.
pub(super) struct Place {
    held: Arc<Mutex<Held>>,
    running: Arc<Semaphore>,
    peer: PeerId,
}

impl Budget {
    pub(super) fn new(running: usize, max: usize, max_per_peer: usize) -> Self {
        Self {
            held: Arc::default(),
            running: Arc::new(Semaphore::new(running)),
            max,
            max_per_peer,
        }
    }

    /// Takes a place for work on behalf of `peer`, or `None` when there is none left.
    pub(super) fn enter(&self, peer: PeerId) -> Option<Place> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer = held.per_peer.get(&peer).copied().unwrap_or(0);
        if held.total >= self.max || of_peer >= self.max_per_peer {
            return None;
        }
        held.total += 1;
        held.per_peer.insert(peer, of_peer + 1);
        Some(Place {
            held: self.held.clone(),
            running: self.running.clone(),
            peer,
        })
    }
}

impl Place {
    /// Waits for a turn, then does the work; the place is free again once the work is done.
    pub(super) async fn run<T>(self, work: impl Future<Output = T>) -> T {
        // The semaphore is never closed; were it, the work would still be bounded by the places.
        let _turn = self.running.acquire().await;
        work.await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.total = held.total.saturating_sub(1);
        if let Entry::Occupied(mut entry) = held.per_peer.entry(self.peer) {
            if *entry.get() <= 1 {
                entry.remove();
            } else {
                *entry.get_mut() -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn one_peer_cannot_take_the_room_of_all() {
        let budget = Budget::new(1, 3, 2);
        let (a, b) = (PeerId::random(), PeerId::random());
        let first = budget.enter(a).unwrap();
        let _second = budget.enter(a).unwrap();
        assert!(budget.enter(a).is_none());
        let _other = budget.enter(b).unwrap();
        assert!(budget.enter(b).is_none(), "the total is used up");
        drop(first);
        let _again = budget.enter(b).unwrap();
    }

    #[test]
    fn a_budget_remembers_nobody_who_is_done() {
        let budget = Budget::new(1, 3, 2);
        for _ in 0..10 {
            drop(budget.enter(PeerId::random()).unwrap());
        }
        assert!(budget.held.lock().unwrap().per_peer.is_empty());
    }

    #[tokio::test]
    async fn work_that_panics_gives_its_place_back() {
        let budget = Budget::new(1, 1, 1);
        let place = budget.enter(PeerId::random()).unwrap();
        let task = tokio::spawn(place.run(async { std::panic::resume_unwind(Box::new(())) }));
        let _: tokio::task::JoinError = task.await.map(|(): ()| ()).unwrap_err();
        let place = budget.enter(PeerId::random()).unwrap();
        place.run(async {}).await;
    }
}
