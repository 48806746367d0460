//! Being reached over relays by a node that cannot be called: which of the peers that lend a hand it
//! asks, and when.

use std::{collections::HashMap, time::Duration};

use libp2p::{Multiaddr, PeerId, core::transport::ListenerId, multiaddr::Protocol};
use tokio::time::Instant;

/// Relays held at one time: one may go.
const HOLD: usize = 2;
/// Lenders remembered.
const MOST: usize = 32;
/// Pause after a lender refused or was lost, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// The relays asked and to ask.
pub(super) struct Reservations {
    /// From when relays are asked; not now, while others can call.
    from: Option<Instant>,
    /// Whether anybody has to reach this node.
    wanted: bool,
    lenders: HashMap<PeerId, Lender>,
    held: HashMap<ListenerId, PeerId>,
}

struct Lender {
    address: Multiaddr,
    pause: Duration,
    not_before: Instant,
}

impl Reservations {
    /// `from`: when relays are asked unless it turns out before that others can call; none for a node
    /// that nobody has to reach.
    pub(super) fn new(from: Option<Instant>) -> Self {
        Self {
            from,
            wanted: from.is_some(),
            lenders: HashMap::new(),
            held: HashMap::new(),
        }
    }

    /// Others have tried in vain to call: no use in waiting longer.
    pub(super) fn not_reachable(&mut self, now: Instant) {
        if let Some(from) = &mut self.from {
            *from = now.min(*from);
        }
    }

    /// Others can call: no relay is needed any more. The listeners to close.
    pub(super) fn reachable(&mut self) -> Vec<ListenerId> {
        self.from = None;
        self.held.drain().map(|(listener, _)| listener).collect()
    }

    /// Others can call no more, if they ever could: relays are asked again.
    pub(super) fn lost(&mut self, now: Instant) {
        if self.wanted && self.from.is_none() {
            self.from = Some(now);
        }
    }

    /// A connected peer at `address` lends a hand.
    pub(super) fn lender(&mut self, peer: PeerId, address: Multiaddr, now: Instant) {
        if self.lenders.len() < MOST {
            self.lenders.entry(peer).or_insert(Lender {
                address,
                pause: FIRST_PAUSE,
                not_before: now,
            });
        }
    }

    pub(super) fn gone(&mut self, peer: &PeerId) {
        self.lenders.remove(peer);
    }

    /// When a relay should be asked next.
    pub(super) fn due(&self) -> Option<Instant> {
        let from = self.from.filter(|_| self.held.len() < HOLD)?;
        let free = self.free().map(|(_, lender)| lender.not_before).min()?;
        Some(from.max(free))
    }

    fn free(&self) -> impl Iterator<Item = (&PeerId, &Lender)> {
        let held = |peer| self.held.values().any(|held| held == peer);
        self.lenders.iter().filter(move |(peer, _)| !held(*peer))
    }

    /// The relay to ask now, as the address to listen on.
    pub(super) fn next(&mut self, now: Instant) -> Option<(PeerId, Multiaddr)> {
        self.due().filter(|due| *due <= now)?;
        let ready = self.free().filter(|(_, lender)| lender.not_before <= now);
        let (peer, lender) = ready.min_by_key(|(_, lender)| (lender.pause, lender.not_before))?;
        let address = super::address::with_peer(&lender.address, *peer).with(Protocol::P2pCircuit);
        let peer = *peer;
        if let Some(lender) = self.lenders.get_mut(&peer) {
            // Should it not even be asked, it is not tried again at once.
            lender.not_before = now + lender.pause;
        }
        Some((peer, address))
    }

    pub(super) fn asked(&mut self, listener: ListenerId, peer: PeerId) {
        self.held.insert(listener, peer);
    }

    /// The listener is closed: refused, or lost. False when it was none over a relay.
    pub(super) fn closed(&mut self, listener: &ListenerId, now: Instant) -> bool {
        let Some(peer) = self.held.remove(listener) else {
            return false;
        };
        if let Some(lender) = self.lenders.get_mut(&peer) {
            lender.not_before = now + lender.pause;
            lender.pause = LONGEST_PAUSE.min(lender.pause * 2);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn lenders(reservations: &mut Reservations, n: usize, now: Instant) {
        for _ in 0..n {
            let address = "/ip4/192.0.2.1/tcp/1".parse().unwrap();
            reservations.lender(PeerId::random(), address, now);
        }
    }

    #[test]
    fn two_relays_are_asked_once_it_is_known_that_nobody_can_call() {
        let now = Instant::now();
        let mut all = Reservations::new(Some(now + Duration::from_secs(20)));
        lenders(&mut all, 3, now);
        all.lost(now);
        assert!(all.next(now).is_none(), "it may yet turn out otherwise");
        all.not_reachable(now);
        let (first, address) = all.next(now).unwrap();
        assert!(address.to_string().ends_with("/p2p-circuit"));
        let listener = ListenerId::next();
        all.asked(listener, first);
        let (second, _) = all.next(now).unwrap();
        assert_ne!(first, second);
        all.asked(ListenerId::next(), second);
        assert!(all.next(now).is_none() && all.due().is_none());

        // One is lost: the third is next, the lost one has to wait.
        assert!(all.closed(&listener, now));
        assert!(!all.closed(&listener, now));
        let (third, _) = all.next(now).unwrap();
        assert_ne!(third, first);
        assert_eq!(all.reachable().len(), 1);
        assert!(all.due().is_none());

        // The way others called is gone: relays are asked anew.
        all.lost(now);
        assert!(all.due().is_some());
    }

    #[test]
    fn a_relay_that_refuses_is_asked_less_and_less() {
        let mut now = Instant::now();
        let mut all = Reservations::new(Some(now));
        lenders(&mut all, 1, now);
        all.not_reachable(now);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let (peer, _) = all.next(now).unwrap();
            let listener = ListenerId::next();
            all.asked(listener, peer);
            assert!(all.closed(&listener, now));
            let due = all.due().unwrap();
            pauses.push((due - now).as_secs());
            now = due;
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 600, 600]);
    }

    #[test]
    fn a_node_that_can_be_called_asks_nobody() {
        let now = Instant::now();
        let mut all = Reservations::new(None);
        lenders(&mut all, 2, now);
        all.not_reachable(now);
        assert!(all.due().is_none());
        all.reachable();
        all.lost(now);
        assert!(all.due().is_none());
        lenders(&mut all, 100, now);
        assert_eq!(all.lenders.len(), MOST);
    }
}
