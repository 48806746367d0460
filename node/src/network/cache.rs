//! Peers met before, the good ones first: whom a node calls at its start, before it asks anyone else.

use libp2p::{Multiaddr, PeerId};
use serde::{Deserialize, Serialize};

use super::address;

/// Peers remembered, and addresses of each.
const MOST: usize = 128;
const MOST_ADDRESSES: usize = 4;
/// Failures in a row after which a peer is forgotten.
const PATIENCE: u32 = 16;

/// A peer met before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPeer {
    /// Where it answered or says it does, newest first; each ends in its peer id.
    pub addresses: Vec<Multiaddr>,
    /// How many times this node reached it by calling.
    pub reached: u32,
    /// How many calls failed since it was last reached.
    pub failed: u32,
    /// When it was last heard of (Unix seconds).
    pub seen: u64,
}

impl KnownPeer {
    fn peer(&self) -> Option<PeerId> {
        self.addresses.first().and_then(address::peer_of)
    }

    /// Good ones first: lately reliable, then often reached, then lately seen.
    fn rank(&self) -> impl Ord + use<> {
        let often = self.reached.checked_ilog2().map_or(0, |log| log + 1);
        (
            self.failed,
            std::cmp::Reverse((often, self.seen, self.reached)),
        )
    }
}

/// The peers met before, the best first, never more than a bounded number.
#[derive(Debug, Default)]
pub(super) struct Cache {
    peers: Vec<KnownPeer>,
}

impl Cache {
    /// As it was remembered; what makes no sense is left out.
    pub(super) fn new(remembered: Vec<KnownPeer>) -> Self {
        let mut cache = Self::default();
        for mut known in remembered {
            let Some(peer) = known.peer() else { continue };
            known
                .addresses
                .retain(|at| address::peer_of(at) == Some(peer));
            known.addresses.truncate(MOST_ADDRESSES);
            if cache.position(&peer).is_none() {
                cache.peers.push(known);
            }
        }
        cache.arrange();
        cache
    }

    pub(super) fn peers(&self) -> &[KnownPeer] {
        &self.peers
    }

    /// The best `n`, with their addresses.
    pub(super) fn best(&self, n: usize) -> Vec<(PeerId, Vec<Multiaddr>)> {
        let named = self.peers.iter().filter_map(|known| {
            let peer = known.peer()?;
            Some((peer, known.addresses.clone()))
        });
        named.take(n).collect()
    }

    /// This node called it there, and it belongs to the market.
    pub(super) fn reached(&mut self, peer: PeerId, at: &Multiaddr, now: u64) {
        let known = self.entry(peer, at, now);
        known.reached = known.reached.saturating_add(1);
        known.failed = 0;
        self.arrange();
    }

    /// It belongs to the market and says that it can be called there. Only worth trying.
    pub(super) fn told(&mut self, peer: PeerId, at: &Multiaddr, now: u64) {
        self.entry(peer, at, now);
        self.arrange();
    }

    /// A call to it failed.
    pub(super) fn failed(&mut self, peer: &PeerId) {
        if let Some(known) = self.position(peer).and_then(|at| self.peers.get_mut(at)) {
            known.failed = known.failed.saturating_add(1);
            self.arrange();
        }
    }

    fn position(&self, peer: &PeerId) -> Option<usize> {
        self.peers
            .iter()
            .position(|known| known.peer() == Some(*peer))
    }

    fn entry(&mut self, peer: PeerId, at: &Multiaddr, now: u64) -> &mut KnownPeer {
        let at = address::with_peer(at, peer);
        let place = self.position(&peer).unwrap_or_else(|| {
            self.peers.insert(
                0,
                KnownPeer {
                    addresses: Vec::new(),
                    reached: 0,
                    failed: 0,
                    seen: now,
                },
            );
            0
        });
        let known = &mut self.peers[place];
        known.seen = now;
        known.addresses.retain(|other| *other != at);
        known.addresses.insert(0, at);
        known.addresses.truncate(MOST_ADDRESSES);
        known
    }

    /// The best first; the worst are forgotten.
    fn arrange(&mut self) {
        self.peers.retain(|known| known.failed < PATIENCE);
        self.peers.sort_by_cached_key(KnownPeer::rank);
        self.peers.truncate(MOST);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn at(port: u16) -> Multiaddr {
        format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
    }

    fn order(cache: &Cache) -> Vec<PeerId> {
        cache.best(usize::MAX).into_iter().map(|p| p.0).collect()
    }

    #[test]
    fn the_reliable_come_before_the_told_and_those_before_the_failing() {
        let [good, told, failing] = [0; 3].map(|_| PeerId::random());
        let mut cache = Cache::default();
        cache.reached(failing, &at(1), 3);
        cache.failed(&failing);
        cache.told(told, &at(2), 2);
        cache.reached(good, &at(3), 1);
        assert_eq!(order(&cache), [good, told, failing]);
        cache.reached(failing, &at(1), 4);
        assert_eq!(
            order(&cache),
            [failing, good, told],
            "failures are forgiven"
        );
    }

    #[test]
    fn a_stranger_cannot_push_out_peers_that_were_reached() {
        let mut cache = Cache::default();
        let good = PeerId::random();
        cache.reached(good, &at(1), 1);
        for n in 0..1000 {
            cache.told(PeerId::random(), &at(2), n);
        }
        assert_eq!(cache.peers().len(), MOST);
        assert_eq!(order(&cache)[0], good);
        for n in 0..100 {
            cache.told(good, &at(n), 2);
        }
        assert_eq!(cache.peers()[0].addresses.len(), MOST_ADDRESSES);
    }

    #[test]
    fn a_peer_that_never_answers_is_forgotten() {
        let mut cache = Cache::default();
        let gone = PeerId::random();
        cache.reached(gone, &at(1), 1);
        (0..PATIENCE).for_each(|_| cache.failed(&gone));
        assert!(cache.peers().is_empty());
    }

    #[test]
    fn what_was_remembered_comes_back_without_what_makes_no_sense() {
        let (good, other) = (PeerId::random(), PeerId::random());
        let mut cache = Cache::default();
        cache.reached(good, &at(1), 7);
        let mut remembered = cache.peers().to_vec();
        assert_eq!(Cache::new(remembered.clone()).peers(), remembered);
        remembered[0]
            .addresses
            .push(address::with_peer(&at(2), other));
        remembered.push(KnownPeer {
            addresses: vec![at(3)],
            reached: 9,
            failed: 0,
            seen: 9,
        });
        assert_eq!(Cache::new(remembered).peers(), cache.peers());
    }
}
