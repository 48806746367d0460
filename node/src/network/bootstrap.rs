//! Staying connected to the configured peers.

use std::time::Duration;

use libp2p::{
    Multiaddr, PeerId,
    swarm::dial_opts::{DialOpts, PeerCondition},
};
use tokio::time::Instant;

use super::{address::peer_of, error::NetworkError};

/// Pause after the first failure, doubled after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A connection that held this long was a good one: the next pause is a short one again.
const GOOD_CONNECTION: Duration = Duration::from_secs(60);

/// The configured peers and when to call each of them again.
pub(super) struct Bootstrap {
    peers: Vec<Entry>,
}

struct Entry {
    peer: PeerId,
    addresses: Vec<Multiaddr>,
    pause: Duration,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Connected { since: Instant },
    DialAt(Instant),
}

impl Bootstrap {
    /// Those at `addresses`, to be called at `from`.
    ///
    /// # Errors
    /// When an address does not end in `/p2p/<peer id>`.
    pub(super) fn new(
        addresses: &[Multiaddr],
        local: PeerId,
        from: Instant,
    ) -> Result<Self, NetworkError> {
        let mut peers: Vec<Entry> = Vec::new();
        for address in addresses {
            let peer = peer_of(address)
                .ok_or_else(|| NetworkError::BootstrapWithoutPeer(address.clone()))?;
            if peer == local {
                continue; // one list for all nodes of an operator is fine
            }
            match peers.iter_mut().find(|entry| entry.peer == peer) {
                Some(entry) => entry.addresses.push(address.clone()),
                None => peers.push(Entry {
                    peer,
                    addresses: vec![address.clone()],
                    pause: FIRST_PAUSE,
                    state: State::DialAt(from),
                }),
            }
        }
        Ok(Self { peers })
    }

    pub(super) fn contains(&self, peer: &PeerId) -> bool {
        self.peers.iter().any(|entry| entry.peer == *peer)
    }

    /// Calls those not called yet at `now`, not when it was planned.
    pub(super) fn hurry(&mut self, now: Instant) {
        for entry in &mut self.peers {
            if let State::DialAt(at) = &mut entry.state {
                *at = now.min(*at);
            }
        }
    }

    /// When the next call is due; `None` while all are connected.
    pub(super) fn next_call(&self) -> Option<Instant> {
        self.peers
            .iter()
            .filter_map(|entry| match entry.state {
                State::DialAt(at) => Some(at),
                State::Connected { .. } => None,
            })
            .min()
    }

    /// The calls due by `now`, once `allow` has seen their addresses. Each is due again after its pause unless it succeeds
    /// meanwhile.
    pub(super) fn due(&mut self, now: Instant, allow: impl Fn(&Multiaddr)) -> Vec<DialOpts> {
        let mut calls = Vec::new();
        for entry in &mut self.peers {
            if matches!(entry.state, State::DialAt(at) if at <= now) {
                entry.state = State::DialAt(now + entry.pause);
                entry.pause = LONGEST_PAUSE.min(entry.pause * 2);
                entry.addresses.iter().for_each(&allow);
                calls.push(
                    DialOpts::peer_id(entry.peer)
                        .addresses(entry.addresses.clone())
                        .condition(PeerCondition::DisconnectedAndNotDialing)
                        .build(),
                );
            }
        }
        calls
    }

    pub(super) fn connected(&mut self, peer: &PeerId, now: Instant) {
        if let Some(entry) = self.peers.iter_mut().find(|entry| entry.peer == *peer)
            && matches!(entry.state, State::DialAt(_))
        {
            entry.state = State::Connected { since: now };
        }
    }

    /// The last connection with `peer` is gone.
    pub(super) fn lost(&mut self, peer: &PeerId, now: Instant) {
        if let Some(entry) = self.peers.iter_mut().find(|entry| entry.peer == *peer) {
            if let State::Connected { since } = entry.state
                && now.duration_since(since) >= GOOD_CONNECTION
            {
                entry.pause = FIRST_PAUSE;
            }
            entry.state = State::DialAt(now + entry.pause);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn entry(peer: PeerId) -> Multiaddr {
        format!("/ip4/127.0.0.1/tcp/1/p2p/{peer}").parse().unwrap()
    }

    #[test]
    fn an_address_without_a_peer_is_refused() {
        let address: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        let result = Bootstrap::new(&[address], PeerId::random(), Instant::now());
        assert!(matches!(result, Err(NetworkError::BootstrapWithoutPeer(_))));
    }

    #[test]
    fn a_node_never_calls_itself() {
        let local = PeerId::random();
        let bootstrap = Bootstrap::new(&[entry(local)], local, Instant::now()).unwrap();
        assert!(bootstrap.next_call().is_none());
    }

    #[test]
    fn pauses_grow_to_a_minute_and_shrink_after_a_good_connection() {
        let (peer, start) = (PeerId::random(), Instant::now());
        let mut bootstrap = Bootstrap::new(&[entry(peer)], PeerId::random(), start).unwrap();
        let mut now = start;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            assert_eq!(bootstrap.due(now, |_| {}).len(), 1);
            assert!(bootstrap.due(now, |_| {}).is_empty(), "called once only");
            let next = bootstrap.next_call().unwrap();
            pauses.push((next - now).as_secs());
            now = next;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);

        bootstrap.connected(&peer, now);
        assert!(bootstrap.next_call().is_none());
        bootstrap.lost(&peer, now + Duration::from_secs(2));
        let wait = bootstrap.next_call().unwrap() - now;
        assert_eq!(
            wait.as_secs(),
            62,
            "a peer that hangs up at once is not called at once"
        );

        bootstrap.connected(&peer, now);
        now += GOOD_CONNECTION;
        bootstrap.lost(&peer, now);
        assert_eq!(bootstrap.next_call().unwrap() - now, FIRST_PAUSE);
    }
}
