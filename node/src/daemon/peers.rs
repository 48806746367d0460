//! Peers and channels behind the API.

use cambista_ldk::{ChannelError, OpenChannel as Opening, PeerError};

use super::backend::{NodeBackend, stored};
use super::convert;
use crate::api::types::{ConnectPeer, OpenChannel, Problem};
use crate::network::Multiaddr;
use crate::offers::peers;

impl NodeBackend {
    pub(super) async fn open(&self, open: OpenChannel) -> Result<String, Problem> {
        let (peer, address) = convert::lightning_address(&open.node)?;
        let push_msat = open.push_sat.checked_mul(1_000).ok_or_else(|| {
            Problem::invalid("this is more money than there is; nothing was spent")
        })?;
        let opening = Opening {
            peer,
            address,
            amount_sat: open.amount_sat,
            push_msat,
            announced: open.announced,
        };
        let id = self
            .node
            .open_channel(opening)
            .await
            .map_err(|error| channel(&error))?;
        Ok(bitcoin::hex::DisplayHex::to_lower_hex_string(&id))
    }

    pub(super) async fn dial(&self, to: ConnectPeer) -> Result<(), Problem> {
        if to.address.starts_with('/') {
            let address: Multiaddr = to.address.parse().map_err(|_| {
                Problem::invalid("this is not a market address")
                    .next("cambista peer connect ADDRESS")
            })?;
            let dialled = self.swarm.dial(address.clone()).await;
            let peer = dialled.map_err(|error| {
                Problem::unavailable(error.to_string()).next("cambista peer list")
            })?;
            return peers::remember(&self.store, &address, peer).map_err(|error| stored(&error));
        }
        let (key, address) = convert::lightning_address(&to.address)?;
        let address = address.ok_or_else(|| {
            Problem::invalid("say where the node is: its key, then @host:port")
                .next("cambista peer connect PUBKEY@HOST:PORT")
        })?;
        self.node
            .connect(key, &address)
            .await
            .map_err(|error| peer(&error))
    }
}

fn peer(error: &PeerError) -> Problem {
    let text = error.to_string();
    match error {
        PeerError::Address(_) => {
            Problem::invalid(text).next("cambista peer connect PUBKEY@HOST:PORT")
        }
        _ => Problem::unavailable(text).next("cambista peer list"),
    }
}

pub(super) fn channel(error: &ChannelError) -> Problem {
    match error {
        ChannelError::Peer(error) => peer(error),
        ChannelError::NotConnected => {
            Problem::unavailable(error.to_string()).next("cambista peer list")
        }
        ChannelError::Unknown => {
            Problem::not_found(error.to_string()).next("cambista channel list")
        }
        _ => Problem::refused(error.to_string()).next("cambista wallet balance"),
    }
}
