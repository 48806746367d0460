//! Where others reach this node: directly, over relays, or not at all; and what follows from it.

use libp2p::{
    Multiaddr, PeerId, autonat::v2::client, core::transport::ListenerId, identify, kad::Mode, mdns,
    relay as circuit, swarm::dial_opts::DialOpts, upnp,
};
use tokio::time::Instant;

use super::{
    address,
    driver::Driver,
    kad,
    relay::{self, Relay},
};

/// Addresses of this node that are told.
const MOST: usize = 8;

/// What to tell others: where this node was found to be reached, directly before over relays; without
/// that, where it listens. Addresses of the owner's own network are told only when nothing better is
/// known, those of this machine only when nothing else is; neither ever when `public_only`, as nobody calls them then.
pub(super) fn contact(
    confirmed: &[Multiaddr],
    listen: &[Multiaddr],
    public_only: bool,
) -> Vec<Multiaddr> {
    let (relayed, direct): (Vec<_>, Vec<_>) =
        confirmed.iter().partition(|at| address::is_relayed(at));
    let listen = listen.iter().filter(|at| !address::is_relayed(at));
    let usable = |at: &&Multiaddr| {
        if confirmed.is_empty() && !public_only {
            !address::is_loopback(at)
        } else {
            address::is_public(at)
        }
    };
    let found = direct.into_iter().chain(relayed);
    let found = found.filter(|at| !public_only || address::is_public(at));
    let mut told: Vec<Multiaddr> = Vec::new();
    let listened = listen.clone().filter(usable);
    for at in found.chain(listened) {
        let at = address::without_peer(at);
        if told.len() < MOST && address::is_short(&at) && !told.contains(&at) {
            told.push(at);
        }
    }
    if told.is_empty() && !public_only {
        told.extend(listen.take(MOST).map(address::without_peer));
    }
    told
}

impl Driver {
    /// Others reach this node at `address`.
    pub(super) fn on_confirmed(&mut self, at: Multiaddr) {
        tracing::info!(address = %at, "others reach this node here");
        self.view.confirm(at);
        self.reachability_again();
    }

    pub(super) fn on_expired(&mut self, at: &Multiaddr) {
        tracing::info!(address = %at, "others no longer reach this node here");
        self.view.expire(at);
        self.reachability_again();
    }

    /// This node listens at an address. With `relay = "on"` its owner says that others can call there.
    pub(super) fn on_listening(&mut self, at: Multiaddr) {
        let named = |listen: &Multiaddr| address::ip(listen) == address::ip(&at);
        let usable = !address::is_loopback(&at) || self.listen.iter().any(named);
        if self.lends == Relay::On && usable && !address::is_relayed(&at) && !self.view.is_hidden()
        {
            self.swarm.add_external_address(at.clone());
            self.on_confirmed(at);
        }
    }

    /// A node that can be called answers searches and lends a hand; another asks for one.
    pub(super) fn reachability_again(&mut self) {
        let reachable = self.view.is_reachable();
        let mode = if reachable {
            Mode::Server
        } else {
            Mode::Client
        };
        let behaviour = self.swarm.behaviour_mut();
        behaviour.table.get().set_mode(Some(mode));
        if let Some(relay) = behaviour.relay.as_mut() {
            relay::lend(relay, reachable);
        }
        if reachable {
            for listener in self.reservations.reachable() {
                self.swarm.remove_listener(listener);
            }
        } else {
            self.reservations.lost(Instant::now());
        }
    }

    /// Somebody tried to call this node at its wish.
    pub(super) fn on_tried(&mut self, event: &client::Event) {
        tracing::debug!(address = %event.tested_addr, server = %event.server, result = ?event.result.is_ok(), "tried out");
        if event.result.is_err() && !self.view.is_reachable() {
            self.reservations.not_reachable(Instant::now());
        }
    }

    /// A peer said who it is: what it can do for finding and reaching others.
    pub(super) fn on_abilities(&mut self, peer: PeerId, info: &identify::Info) {
        let has = |name: &str| info.protocols.iter().any(|p| p.as_ref() == name);
        let now = Instant::now();
        let known = self.view.peer(&peer);
        let called = known.filter(|known| known.outbound && !address::is_relayed(&known.address));
        let mut told = info.listen_addrs.iter();
        let public_only = self.network != bitcoin::Network::Regtest;
        if has(&kad::name(self.network)) {
            let table = &mut self.swarm.behaviour_mut().table;
            kad::learn(table, peer, &info.listen_addrs, public_only);
        }
        {
            let (mut cache, seen) = (self.view.cache(), unix_time());
            match &called {
                Some(known) => {
                    cache.reached(peer, &known.address, seen);
                    self.swarm.behaviour_mut().limits.know(peer);
                }
                // It called us. It may answer where it says it listens.
                None => {
                    let public = |at: &&Multiaddr| {
                        !address::is_relayed(at) && (!public_only || address::is_public(at))
                    };
                    if let Some(at) = told.clone().find(public) {
                        cache.told(peer, at, seen);
                    }
                }
            }
        }
        if has(circuit::HOP_PROTOCOL_NAME.as_ref()) {
            let public = told.find(|at| address::is_public(at) && !address::is_relayed(at));
            let dialled = called.map(|known| known.address);
            let usable =
                |at: &Multiaddr| address::is_public(at) || (public.is_none() && !public_only);
            let dialled = dialled.filter(usable);
            if let Some(at) = dialled.or_else(|| public.cloned()) {
                self.reservations.lender(peer, at, now);
            }
        }
    }

    /// Asks the relays that are due.
    pub(super) fn ask_relays(&mut self) {
        while let Some((peer, at)) = self.reservations.next(Instant::now()) {
            match self.swarm.listen_on(at) {
                Ok(listener) => {
                    tracing::info!(relay = %peer, "nobody can call this node: asking a relay");
                    self.reservations.asked(listener, peer);
                }
                Err(error) => tracing::debug!(relay = %peer, %error, "relay not asked"),
            }
        }
    }

    /// A listener is closed: whether it was one over a relay.
    pub(super) fn on_relay_closed(&mut self, listener: &ListenerId, why: &str) -> bool {
        let was_one = self.reservations.closed(listener, Instant::now());
        if was_one {
            tracing::info!(why, "no longer reached over a relay, asking on");
        }
        was_one
    }

    pub(super) fn on_router(&mut self, event: &upnp::Event) {
        match event {
            upnp::Event::NewExternalAddr { external_addr, .. } => {
                tracing::info!(address = %external_addr, "the router has opened a port");
            }
            upnp::Event::ExpiredExternalAddr { external_addr, .. } => {
                tracing::info!(address = %external_addr, "the router has closed a port");
            }
            upnp::Event::GatewayNotFound | upnp::Event::NonRoutableGateway => {
                tracing::debug!("no router that opens ports");
            }
        }
    }

    /// Nodes in the same home are called.
    pub(super) fn on_neighbours(&mut self, event: mdns::Event) {
        let mdns::Event::Discovered(found) = event else {
            return;
        };
        for (peer, at) in found.into_iter().take(MOST) {
            self.leads.allow(&at);
            let call = DialOpts::peer_id(peer).addresses(vec![at]).build();
            if let Err(error) = self.swarm.dial(call) {
                tracing::debug!(%peer, %error, "neighbour not called");
            }
        }
    }
}

pub(super) fn unix_time() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn told(confirmed: &[&str], listen: &[&str]) -> Vec<String> {
        told_by(confirmed, listen, false)
    }

    fn told_by(confirmed: &[&str], listen: &[&str], public_only: bool) -> Vec<String> {
        let parse = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<_>>();
        let told = contact(&parse(confirmed), &parse(listen), public_only);
        told.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn where_private_addresses_are_not_called_none_are_told() {
        let told = |confirmed: &[&str], listen: &[&str]| told_by(confirmed, listen, true);
        assert!(told(&[], &[LOOP, HOME]).is_empty());
        assert!(told(&[HOME], &[LOOP, HOME]).is_empty());
        assert_eq!(told(&[HOME], &[LOOP, OPEN]), [OPEN]);
        let inside = format!("{HOME}/p2p/{}/p2p-circuit", PeerId::random());
        assert!(told(&[&inside], &[]).is_empty(), "nobody reaches the relay");
    }

    const LOOP: &str = "/ip4/127.0.0.1/tcp/1";
    const HOME: &str = "/ip4/192.168.1.7/tcp/1";
    const OPEN: &str = "/ip4/8.8.8.8/tcp/1";

    #[test]
    fn this_machine_and_the_home_are_told_only_for_want_of_better() {
        assert_eq!(told(&[], &[LOOP]), [LOOP]);
        assert_eq!(told(&[], &[LOOP, HOME]), [HOME]);
        assert_eq!(told(&[OPEN], &[LOOP, HOME]), [OPEN]);
        assert!(told(&[], &[]).is_empty());
    }

    #[test]
    fn direct_ways_come_before_relays_and_the_own_name_is_left_out() {
        let relay = PeerId::random();
        let own = PeerId::random();
        let circuit = format!("/ip4/8.8.4.4/tcp/1/p2p/{relay}/p2p-circuit");
        let full = format!("{circuit}/p2p/{own}");
        assert_eq!(told(&[&full, OPEN], &[HOME]), [OPEN, &circuit]);
        assert_eq!(told(&[&full], &[HOME, &full]), [circuit]);
    }

    #[test]
    fn no_more_is_told_than_an_offer_carries() {
        let many: Vec<String> = (1..20).map(|n| format!("/ip4/8.8.8.8/tcp/{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(told(&[], &many).len(), MOST);
    }
}
