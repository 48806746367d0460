//! `/libp2p/autonat/2/...`: asking others whether they can call this node, and answering when they
//! ask. Both are held to rules: the library's own parts remember every address they ever heard of,
//! and would call whatever they are told to.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use libp2p::{
    Multiaddr,
    autonat::v2,
    swarm::{ConnectionId, FromSwarm, dial_opts::DialOpts},
};
use tokio::time::Instant;

use super::{
    address,
    bounded::{Bounded, Rule},
};

/// Addresses of this node that are tried out within an hour, and over its whole run.
const TRIED_PER_HOUR: usize = 16;
const TRIED_EVER: usize = 512;
const HOUR: Duration = Duration::from_secs(3600);
/// Calls made for others within a minute.
const CALLS_PER_MINUTE: usize = 30;
const MINUTE: Duration = Duration::from_secs(60);

/// The asking part.
pub(super) type Asker = Bounded<v2::client::Behaviour, Tried>;
/// The answering part.
pub(super) type Answerer = Bounded<v2::server::Behaviour, Calls>;

pub(super) fn asker(network: bitcoin::Network) -> Asker {
    let rule = Tried {
        public_only: network != bitcoin::Network::Regtest,
        seen: HashSet::new(),
        lately: Pace::new(TRIED_PER_HOUR, HOUR),
    };
    Bounded::new(v2::client::Behaviour::default(), rule)
}

pub(super) fn answerer(network: bitcoin::Network) -> Answerer {
    let rule = Calls {
        public_only: network != bitcoin::Network::Regtest,
        lately: Pace::new(CALLS_PER_MINUTE, MINUTE),
        own: HashSet::new(),
    };
    Bounded::new(v2::server::Behaviour::default(), rule)
}

/// So many within a time.
struct Pace {
    max: usize,
    within: Duration,
    at: VecDeque<Instant>,
}

impl Pace {
    const fn new(max: usize, within: Duration) -> Self {
        Self {
            max,
            within,
            at: VecDeque::new(),
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        while self
            .at
            .front()
            .is_some_and(|at| now.duration_since(*at) >= self.within)
        {
            self.at.pop_front();
        }
        let room = self.at.len() < self.max;
        if room {
            self.at.push_back(now);
        }
        room
    }
}

/// Which addresses peers say they see this node at are tried out.
pub(super) struct Tried {
    public_only: bool,
    seen: HashSet<Multiaddr>,
    lately: Pace,
}

impl Tried {
    fn is_tried(&mut self, candidate: &Multiaddr, now: Instant) -> bool {
        if self.seen.contains(candidate) {
            return true;
        }
        let useful =
            !address::is_relayed(candidate) && (!self.public_only || address::is_public(candidate));
        let tried = useful && self.seen.len() < TRIED_EVER && self.lately.take(now);
        if tried {
            self.seen.insert(candidate.clone());
        }
        tried
    }
}

impl Rule for Tried {
    fn hears(&mut self, event: &FromSwarm<'_>) -> bool {
        match event {
            FromSwarm::NewExternalAddrCandidate(candidate) => {
                self.is_tried(candidate.addr, Instant::now())
            }
            _ => true,
        }
    }
}

/// Which calls are made for others.
pub(super) struct Calls {
    public_only: bool,
    lately: Pace,
    /// Calls under way.
    own: HashSet<ConnectionId>,
}

impl Rule for Calls {
    fn hears(&mut self, event: &FromSwarm<'_>) -> bool {
        match event {
            FromSwarm::ConnectionEstablished(made) => self.own.remove(&made.connection_id),
            FromSwarm::DialFailure(failed) => self.own.remove(&failed.connection_id),
            _ => false,
        };
        true
    }

    fn may_call(&mut self, call: &DialOpts) -> bool {
        let room = self.lately.take(Instant::now());
        if room {
            self.own.insert(call.connection_id());
        }
        room
    }

    fn may_reach(&mut self, id: ConnectionId, addresses: &[Multiaddr]) -> bool {
        let all_public = addresses.iter().all(address::is_public_number);
        !self.public_only || all_public || !self.own.contains(&id)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use libp2p::PeerId;

    use super::*;

    #[test]
    fn strangers_cannot_have_more_addresses_tried_than_an_hour_allows() {
        let now = Instant::now();
        let mut tried = Tried {
            public_only: true,
            seen: HashSet::new(),
            lately: Pace::new(TRIED_PER_HOUR, HOUR),
        };
        let seen = |n: usize| format!("/ip4/8.8.8.8/tcp/{n}").parse().unwrap();
        let taken = (1..1000).filter(|n| tried.is_tried(&seen(*n), now)).count();
        assert_eq!(taken, TRIED_PER_HOUR);
        assert!(tried.is_tried(&seen(1), now), "a known one costs nothing");
        assert!(tried.is_tried(&seen(2000), now + HOUR));
        assert!(!tried.is_tried(&"/ip4/10.0.0.1/tcp/1".parse().unwrap(), now + HOUR));
    }

    #[test]
    fn a_stranger_cannot_have_the_owners_own_network_called() {
        let mut calls = Calls {
            public_only: true,
            lately: Pace::new(CALLS_PER_MINUTE, MINUTE),
            own: HashSet::new(),
        };
        let inside = ["/ip4/192.168.1.1/tcp/80".parse().unwrap()];
        let call = DialOpts::peer_id(PeerId::random()).build();
        assert!(
            calls.may_reach(call.connection_id(), &inside),
            "the owner's own call"
        );
        assert!(calls.may_call(&call));
        assert!(!calls.may_reach(call.connection_id(), &inside));
        let name = ["/dns4/router.home/tcp/80".parse().unwrap()];
        assert!(!calls.may_reach(call.connection_id(), &name));
        let outside = ["/ip4/8.8.8.8/tcp/80".parse().unwrap()];
        assert!(calls.may_reach(call.connection_id(), &outside));
        let more =
            (0..100).filter(|_| calls.may_call(&DialOpts::peer_id(PeerId::random()).build()));
        assert_eq!(more.count(), CALLS_PER_MINUTE - 1);
    }
}
