//! What an address says about where it leads.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};

/// The longest address an offer may carry (bytes of text).
const LONGEST: usize = 128;

/// The peer an address leads to, if it says so.
pub(super) fn peer_of(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    }
}

/// The address with the peer it leads to at its end.
pub(super) fn with_peer(address: &Multiaddr, peer: PeerId) -> Multiaddr {
    match peer_of(address) {
        Some(_) => address.clone(),
        None => address.clone().with(Protocol::P2p(peer)),
    }
}

/// The address without the peer at its end.
pub(super) fn without_peer(address: &Multiaddr) -> Multiaddr {
    let mut address = address.clone();
    if peer_of(&address).is_some() {
        address.pop();
    }
    address
}

/// Whether the address leads over a relay.
pub(super) fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

/// The IP address it begins with, if it does.
pub(super) fn ip(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(match ip.to_ipv4_mapped() {
            Some(ip) => IpAddr::V4(ip),
            None => IpAddr::V6(ip),
        }),
        _ => None,
    }
}

pub(super) fn is_loopback(address: &Multiaddr) -> bool {
    ip(address).is_some_and(|ip| ip.is_loopback())
}

/// Whether an offer has room for it.
pub(super) fn is_short(address: &Multiaddr) -> bool {
    address.to_string().len() <= LONGEST
}

/// Whether a stranger may make this node call there: a public address, or a name. Never this
/// machine, and nothing in the owner's own network.
pub(super) fn is_public(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => is_public_v4(ip),
        Some(Protocol::Ip6(ip)) => match ip.to_ipv4_mapped() {
            Some(ip) => is_public_v4(ip),
            None => is_public_v6(ip),
        },
        Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) | Protocol::Onion3(_)) => {
            true
        }
        _ => false,
    }
}

/// The same without names: nobody knows where one leads before it is looked up.
pub(super) fn is_public_number(address: &Multiaddr) -> bool {
    ip(address).is_some() && is_public(address)
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let benchmark = a == 198 && (b == 18 || b == 19);
    !(a == 0
        || a >= 224
        || shared
        || benchmark
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation())
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    first & 0xe000 == 0x2000 && !(first == 0x2001 && second == 0x0db8)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_what_leads_into_the_open_network_is_public() {
        for public in [
            "/ip4/8.8.8.8/tcp/1",
            "/ip4/172.32.0.1/tcp/1",
            "/ip6/2a00::1/tcp/1",
            "/dns4/some.node/tcp/1",
        ] {
            assert!(is_public(&address(public)), "{public}");
        }
        for own in [
            "/ip4/127.0.0.1/tcp/1",
            "/ip4/0.0.0.0/tcp/1",
            "/ip4/10.0.0.1/tcp/1",
            "/ip4/172.16.0.1/tcp/1",
            "/ip4/192.168.1.1/tcp/1",
            "/ip4/169.254.1.1/tcp/1",
            "/ip4/100.64.0.1/tcp/1",
            "/ip4/203.0.113.1/tcp/1",
            "/ip4/224.0.0.1/udp/1",
            "/ip6/::1/tcp/1",
            "/ip6/fe80::1/tcp/1",
            "/ip6/fd00::1/tcp/1",
            "/ip6/2001:db8::1/tcp/1",
            "/ip6/::ffff:192.168.1.1/tcp/1",
            "/memory/1",
        ] {
            assert!(!is_public(&address(own)), "{own}");
        }
    }

    #[test]
    fn a_peer_at_the_end_is_added_once_and_taken_off() {
        let peer = PeerId::random();
        let plain = address("/ip4/127.0.0.1/tcp/1");
        let full = with_peer(&plain, peer);
        assert_eq!(peer_of(&full), Some(peer));
        assert_eq!(with_peer(&full, peer), full);
        assert_eq!(without_peer(&full), plain);
        assert_eq!(without_peer(&plain), plain);
    }
}
