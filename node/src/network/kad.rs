//! `/cambista/kad/1/<network>`: finding peers one was never told of. A Kademlia of this market's own:
//! it carries peers and their addresses, no records.

use std::{collections::HashSet, num::NonZeroUsize, time::Duration};

use libp2p::{
    Multiaddr, PeerId, StreamProtocol,
    kad::{
        self, Mode, StoreInserts,
        store::{MemoryStore, MemoryStoreConfig},
    },
    swarm::{ConnectionId, FromSwarm, dial_opts::DialOpts},
};

use super::{
    address,
    bounded::{Bounded, Rule},
    error::NetworkError,
};

/// Peers in one bucket, and peers a search ends with: this market's network is small.
const BUCKET: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);
/// How often the table is refreshed by searches.
const REFRESH: Duration = Duration::from_secs(10 * 60);
const SEARCH_TIMEOUT: Duration = Duration::from_secs(30);
/// Calls of a search that are under way at one time.
const CALLING: usize = 8;
/// Addresses of one peer that are taken over.
const MAX_ADDRESSES: usize = 4;

/// The table of peers. Its searches call strangers, so they are held to a share of the connections.
pub(super) type Table = Bounded<kad::Behaviour<MemoryStore>, Share>;

/// The protocol's name on a network.
pub(super) fn name(network: bitcoin::Network) -> String {
    format!("/cambista/kad/1/{network}")
}

/// `share` outbound connections may be open before searches make no more.
///
/// # Errors
/// When the library refuses the name.
pub(super) fn new(
    network: bitcoin::Network,
    local: PeerId,
    share: usize,
) -> Result<Table, NetworkError> {
    let name = StreamProtocol::try_from_owned(name(network))
        .map_err(|e| NetworkError::Setup(e.to_string()))?;
    let mut config = kad::Config::new(name);
    config
        .set_replication_factor(BUCKET)
        .set_kbucket_size(BUCKET)
        .set_query_timeout(SEARCH_TIMEOUT)
        .set_periodic_bootstrap_interval(Some(REFRESH))
        .set_caching(kad::Caching::Disabled)
        // Records come as events that nobody takes up: none is ever stored.
        .set_record_filtering(StoreInserts::FilterBoth)
        .set_record_ttl(None)
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_provider_publication_interval(None);
    let nothing = MemoryStoreConfig {
        max_records: 0,
        max_value_bytes: 0,
        max_providers_per_key: 0,
        max_provided_keys: 0,
    };
    let mut table =
        kad::Behaviour::with_config(local, MemoryStore::with_config(local, nothing), config);
    // Until it is known that others can call: asking, not answering.
    table.set_mode(Some(Mode::Client));
    Ok(Bounded::new(
        table,
        Share {
            max: share,
            strangers_public: network != bitcoin::Network::Regtest,
            open: HashSet::new(),
            calling: HashSet::new(),
        },
    ))
}

/// Puts a peer that speaks the protocol into the table, under the addresses it told.
pub(super) fn learn(table: &mut Table, peer: PeerId, told: &[Multiaddr], public_only: bool) {
    let useful = told
        .iter()
        .filter(|told| !address::is_relayed(told) && (!public_only || address::is_public(told)));
    for told in useful.take(MAX_ADDRESSES) {
        table.get().add_address(&peer, address::without_peer(told));
    }
}

/// A search makes no call while this many outbound connections are open.
pub(super) struct Share {
    max: usize,
    /// Whether only public addresses are taken from strangers.
    strangers_public: bool,
    open: HashSet<ConnectionId>,
    calling: HashSet<ConnectionId>,
}

impl Rule for Share {
    fn hears(&mut self, event: &FromSwarm<'_>) -> bool {
        match event {
            FromSwarm::ConnectionEstablished(made) if made.endpoint.is_dialer() => {
                self.calling.remove(&made.connection_id);
                self.open.insert(made.connection_id);
            }
            FromSwarm::ConnectionClosed(closed) => {
                self.open.remove(&closed.connection_id);
            }
            FromSwarm::DialFailure(failed) => {
                self.calling.remove(&failed.connection_id);
            }
            _ => {}
        }
        true
    }

    fn may_call(&mut self, call: &DialOpts) -> bool {
        let room = self.calling.len() < CALLING
            && self.open.len().saturating_add(self.calling.len()) < self.max;
        if room {
            self.calling.insert(call.connection_id());
        }
        room
    }

    fn may_add(&self, address: &Multiaddr) -> bool {
        !self.strangers_public || address::is_public(address)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use libp2p::swarm::{DialError, behaviour::DialFailure};

    use super::*;

    #[test]
    fn networks_have_tables_of_their_own() {
        assert_eq!(name(bitcoin::Network::Signet), "/cambista/kad/1/signet");
        new(bitcoin::Network::Bitcoin, PeerId::random(), 8).unwrap();
    }

    #[test]
    fn a_search_makes_no_more_calls_than_its_share() {
        let mut share = Share {
            max: 2,
            strangers_public: true,
            open: HashSet::new(),
            calling: HashSet::new(),
        };
        let call = || DialOpts::peer_id(PeerId::random()).build();
        let first = call();
        assert!(share.may_call(&first) && share.may_call(&call()));
        assert!(!share.may_call(&call()));
        assert!(share.hears(&FromSwarm::DialFailure(DialFailure {
            peer_id: first.get_peer_id(),
            error: &DialError::Aborted,
            connection_id: first.connection_id(),
        })));
        assert!(
            share.may_call(&call()),
            "a failed call gives its place back"
        );
        assert!(!share.may_add(&"/ip4/192.168.1.1/tcp/80".parse().unwrap()));
    }
}
