//! How much one peer may say. What exceeds that is no market any more: the peer is shown out and
//! not let in again for a while.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant as Clock},
};

use cambista_market::SenderLimits;
use libp2p::{Multiaddr, PeerId};
use tokio::time::Instant;

use super::{address, config::Limits};

/// Peers whose pace is remembered.
const SENDERS: usize = 1_024;
/// How long a flooder stays outside, and how long its address does: others may share that.
const OUT: Duration = Duration::from_secs(10 * 60);
const ADDRESS_OUT: Duration = Duration::from_secs(60);
/// Those outside that are remembered, of each kind.
const MOST: usize = 1_024;

/// Peers that may say as much as they like from one address; and the part of what one may say that everybody there can count
/// on, whatever the others at the address do.
const AT_ONE_ADDRESS: u32 = 2;
const QUIET: u32 = 16;

/// Counts what each peer says, and all that call from one address: offers and requests alike, the good and the bad.
///
/// A name costs nothing, so a flood comes under ever new ones; the library remembers every message for two minutes.
pub(super) struct Floods {
    since: Clock,
    quiet: u32,
    peers: SenderLimits<PeerId>,
    addresses: SenderLimits<IpAddr>,
    /// Where those who called us are.
    homes: HashMap<PeerId, IpAddr>,
}

impl Floods {
    pub(super) fn new(limits: &Limits) -> Self {
        let (once, minute) = (limits.messages_at_once, limits.messages_per_minute);
        let of_address = |of_one: u32| of_one.saturating_mul(AT_ONE_ADDRESS);
        Self {
            since: Clock::now(),
            quiet: once / QUIET,
            peers: SenderLimits::new(once, minute, SENDERS),
            addresses: SenderLimits::new(of_address(once), of_address(minute), SENDERS),
            homes: HashMap::new(),
        }
    }

    /// A peer called from this address.
    pub(super) fn called(&mut self, peer: PeerId, from: &Multiaddr) {
        if let Some(home) = home(from) {
            self.homes.insert(peer, home);
        }
    }

    /// Where it called from, if it did.
    pub(super) fn home(&self, peer: &PeerId) -> Option<IpAddr> {
        self.homes.get(peer).copied()
    }

    /// No connection with it is left.
    pub(super) fn gone(&mut self, peer: &PeerId) {
        self.homes.remove(peer);
    }

    /// One more message of `peer`: whether that is one too many.
    #[must_use]
    pub(super) fn is_too_much(&mut self, peer: &PeerId) -> bool {
        let now = self.since.elapsed().as_secs();
        let of_peer = self.peers.take(peer, now);
        let home = self.homes.get(peer);
        let of_home = home.is_none_or(|home| self.addresses.take(home, now));
        !of_peer || (!of_home && self.peers.spent(peer) > self.quiet)
    }
}

/// Whom to count an address for: one home or server. Loopback is for tests and local proxies.
pub(super) fn home(address: &Multiaddr) -> Option<IpAddr> {
    let ip = address::ip(address).filter(|ip| !ip.is_loopback())?;
    Some(match ip {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
    })
}

/// Who is not let in.
#[derive(Default)]
pub(super) struct Outside {
    peers: HashMap<PeerId, Instant>,
    addresses: HashMap<IpAddr, Instant>,
}

impl Outside {
    /// Shows a peer out, and its address if that says who somebody is.
    pub(super) fn put(&mut self, peer: PeerId, address: Option<IpAddr>, now: Instant) {
        insert(&mut self.peers, peer, now, OUT);
        if let Some(address) = address {
            insert(&mut self.addresses, address, now, ADDRESS_OUT);
        }
    }

    pub(super) fn has_peer(&self, peer: &PeerId, now: Instant) -> bool {
        self.peers.get(peer).is_some_and(|until| *until > now)
    }

    pub(super) fn has_address(&self, address: &IpAddr, now: Instant) -> bool {
        self.addresses
            .get(address)
            .is_some_and(|until| *until > now)
    }
}

fn insert<K: Copy + Eq + Hash>(
    map: &mut HashMap<K, Instant>,
    key: K,
    now: Instant,
    long: Duration,
) {
    map.retain(|_, until| *until > now);
    if map.len() >= MOST {
        let first = map.iter().min_by_key(|(_, until)| **until).map(|(k, _)| *k);
        first.map(|key| map.remove(&key));
    }
    map.insert(key, now + long);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flooder_stays_outside_for_a_while_and_the_list_is_bounded() {
        let mut outside = Outside::default();
        let (peer, now) = (PeerId::random(), Instant::now());
        let home = IpAddr::from([192, 0, 2, 1]);
        outside.put(peer, Some(home), now);
        assert!(outside.has_peer(&peer, now) && outside.has_address(&home, now));
        assert!(!outside.has_address(&home, now + ADDRESS_OUT));
        assert!(outside.has_peer(&peer, now + ADDRESS_OUT));
        assert!(!outside.has_peer(&peer, now + OUT));
        for n in 1..2000 {
            outside.put(PeerId::random(), None, now + Duration::from_millis(n));
        }
        assert_eq!(outside.peers.len(), MOST);
        assert!(!outside.has_peer(&peer, now), "the oldest goes first");
    }

    #[test]
    fn many_names_at_one_address_do_not_get_around_the_limit_and_a_quiet_peer_there_is_left_alone()
    {
        let limits = Limits {
            messages_at_once: 160,
            messages_per_minute: 0,
            ..Limits::default()
        };
        let at = |peer, address: IpAddr, floods: &mut Floods| {
            floods.called(peer, &Multiaddr::from(address));
            (0..160).take_while(|_| !floods.is_too_much(&peer)).count()
        };
        let mut floods = Floods::new(&limits);
        let heard = [1, 2, 3, 4].map(|n| {
            let address = [0x2001, 0xdb8, 0, 0, 0, 0, 0, n].into();
            at(PeerId::random(), address, &mut floods)
        });
        assert_eq!(heard, [160, 160, 10, 10]);
        let elsewhere = IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, 1]);
        assert_eq!(at(PeerId::random(), elsewhere, &mut floods), 160);
        for _ in 0..10 {
            let local = IpAddr::from([127, 0, 0, 1]);
            assert_eq!(at(PeerId::random(), local, &mut floods), 160);
        }
    }

    #[test]
    fn one_peers_flood_is_not_anothers() {
        let limits = Limits {
            messages_at_once: 3,
            ..Limits::default()
        };
        let mut floods = Floods::new(&limits);
        let (loud, calm) = (PeerId::random(), PeerId::random());
        let heard = (0..10).filter(|_| !floods.is_too_much(&loud)).count();
        assert_eq!(heard, 3);
        assert!(!floods.is_too_much(&calm));
    }
}
