//! `[p2p]`: how this node finds others and is found.

use bitcoin::Network;
use libp2p::{Multiaddr, multiaddr::Protocol};
use serde::{Deserialize, Serialize};

use crate::network::{NetworkConfig, Proxy, Relay};

/// Where a maker listens unless it is told otherwise: every way there is, so that takers behind any router get through.
const USUAL: [&str; 4] = [
    "/ip4/0.0.0.0/tcp/9740",
    "/ip4/0.0.0.0/udp/9740/quic-v1",
    "/ip6/::/tcp/9740",
    "/ip6/::/udp/9740/quic-v1",
];

/// `[p2p]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct P2p {
    /// Where other Cambista nodes may connect, e.g. `/ip4/0.0.0.0/tcp/9740`. Empty: a maker listens on port 9740 by TCP
    /// and QUIC (not on regtest, not behind a proxy); who only takes swaps listens nowhere.
    pub listen: Vec<Multiaddr>,
    /// Addresses under which others reach this node, when they differ from `listen`.
    pub external: Vec<Multiaddr>,
    /// Nodes to stay connected to; each ends in `/p2p/<peer id>`.
    pub bootstrap: Vec<Multiaddr>,
    /// A SOCKS5 proxy, e.g. Tor's `socks5://127.0.0.1:9050`, through which all market peers are called. Lightning peers
    /// and bitcoind are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Proxy>,
    /// Whether to find out if others can call this node, and to be reached over relays if they cannot. Not set: yes,
    /// but on regtest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nat: Option<bool>,
    /// Whether to ask the router to open the ports listened on. Not set: yes, but on regtest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upnp: Option<bool>,
    /// Whether to look for nodes in the same home. Not set: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mdns: Option<bool>,
    /// `auto`: while others can call this node it carries connections of nodes that cannot be called, within narrow
    /// limits. `on`: the same, for a node whose owner knows that others can call it where it listens. `off`: never. Not
    /// set: `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay: Option<Relay>,
}

impl P2p {
    /// With a proxy, the first address listened on that others than this machine could call.
    pub(super) fn listens_in_the_open(&self) -> Option<&Multiaddr> {
        let own = |at: &Multiaddr| match at.iter().next() {
            Some(Protocol::Ip4(ip)) => ip.is_loopback(),
            Some(Protocol::Ip6(ip)) => ip.is_loopback(),
            _ => false,
        };
        self.proxy.as_ref()?;
        self.listen.iter().find(|at| !own(at))
    }

    /// The swarm's settings but for its identity and the peers met before.
    #[must_use]
    pub fn swarm(&self, network: Network, makes: bool) -> NetworkConfig {
        let outside = network != Network::Regtest;
        let mut swarm = NetworkConfig::new(network);
        swarm.listen.clone_from(&self.listen);
        if makes && self.listen.is_empty() && self.proxy.is_none() && outside {
            swarm.listen = USUAL.iter().filter_map(|at| at.parse().ok()).collect();
        }
        swarm.external.clone_from(&self.external);
        swarm.bootstrap.clone_from(&self.bootstrap);
        swarm.proxy.clone_from(&self.proxy);
        swarm.nat = self.nat.unwrap_or(outside);
        swarm.upnp = self.upnp.unwrap_or(outside);
        swarm.mdns = self.mdns.unwrap_or(false);
        swarm.relay = self.relay.unwrap_or_default();
        swarm
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn p2p(text: &str) -> P2p {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_maker_at_home_has_nothing_to_set() {
        let maker = p2p("").swarm(Network::Bitcoin, true);
        assert_eq!(maker.listen.len(), USUAL.len());
        assert!(maker.nat && maker.upnp && !maker.mdns);
        assert_eq!(maker.relay, Relay::Auto);
        let taker = p2p("").swarm(Network::Bitcoin, false);
        assert!(taker.listen.is_empty());
    }

    #[test]
    fn a_test_network_stays_quiet() {
        let maker = p2p("").swarm(Network::Regtest, true);
        assert!(maker.listen.is_empty() && !maker.nat && !maker.upnp && !maker.mdns);
    }

    #[test]
    fn behind_a_proxy_only_this_machine_may_call() {
        let hidden = p2p("proxy = 'socks5://127.0.0.1:9050'\nlisten = ['/ip4/127.0.0.1/tcp/1']");
        assert_eq!(hidden.listens_in_the_open(), None);
        assert!(
            p2p("proxy = 'socks5://127.0.0.1:9050'")
                .swarm(Network::Bitcoin, true)
                .listen
                .is_empty()
        );
        let open = p2p("proxy = 'socks5://127.0.0.1:9050'\nlisten = ['/ip4/0.0.0.0/tcp/1']");
        assert_eq!(open.listens_in_the_open(), open.listen.first());
        assert_eq!(
            p2p("listen = ['/ip4/0.0.0.0/tcp/1']").listens_in_the_open(),
            None
        );
    }

    #[test]
    fn what_is_no_proxy_is_refused_with_the_way_to_write_one() {
        let error = toml::from_str::<P2p>("proxy = 'tor'")
            .unwrap_err()
            .to_string();
        assert!(error.contains("socks5://127.0.0.1:9050"), "{error}");
    }
}
