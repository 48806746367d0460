//! Opening channels.

use std::time::Duration;

use bitcoin::secp256k1::PublicKey;
use lightning::ln::channel_state::ChannelDetails;
use lightning::sign::EntropySource as _;
use tokio::sync::oneshot;

use crate::channels::{refused, stopping};
use crate::errors::ChannelError;
use crate::node::Node;
use crate::openings::Outcome;

/// How long a peer may take from our asking to its signing the first commitment.
const PATIENCE: Duration = Duration::from_secs(60);

/// A channel to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenChannel {
    /// With whom.
    pub peer: PublicKey,
    /// Where the peer is, as `host:port`. Not needed when it is connected.
    pub address: Option<String>,
    /// Size in satoshis.
    pub amount_sat: u64,
    /// Given to the peer at once, in millisatoshi. A present.
    pub push_msat: u64,
    /// Whether the network is told of the channel.
    pub announced: bool,
}

/// A channel somebody waits for. However the wait ends, the coins kept back are then those for the channels there are.
struct Opening<'a> {
    node: &'a Node,
    number: u128,
    told: oneshot::Receiver<Outcome>,
}

impl<'a> Opening<'a> {
    fn begin(node: &'a Node) -> Self {
        let number = draw_number(node);
        let told = node.openings.wait(number);
        node.update_reserve();
        Self { node, number, told }
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.node.openings.forget(self.number);
        self.node.update_reserve();
    }
}

impl Node {
    /// Opens a channel from the wallet's confirmed coins. Returns its identifier once the peer has signed and the
    /// funding is on its way to the miners.
    ///
    /// # Errors
    /// [`ChannelError`]; nothing was spent then.
    pub async fn open_channel(&self, open: OpenChannel) -> Result<[u8; 32], ChannelError> {
        self.open_channel_within(open, PATIENCE).await
    }

    /// As [`Node::open_channel`], with the time the peer may take from our asking to its signing.
    ///
    /// # Errors
    /// As there.
    pub async fn open_channel_within(
        &self,
        open: OpenChannel,
        patience: Duration,
    ) -> Result<[u8; 32], ChannelError> {
        if let Some(address) = &open.address {
            self.connect(open.peer, address).await?;
        }
        if self.peers.peer_by_node_id(&open.peer).is_none() {
            return Err(ChannelError::NotConnected);
        }
        let mut opening = Opening::begin(self);
        let spendable = self.wallet.balance().spendable.to_sat();
        if spendable < open.amount_sat {
            return Err(ChannelError::Funds {
                spendable_sat: spendable,
                needed_sat: open.amount_sat,
            });
        }
        let created = self.change(|| {
            self.manager.create_channel(
                open.peer,
                open.amount_sat,
                open.push_msat,
                opening.number,
                None,
                Some(self.config.ldk(open.announced)),
            )
        });
        let created = created.ok_or_else(stopping)?;
        created.map_err(|error| refused(&error))?;
        match tokio::time::timeout(patience, &mut opening.told).await {
            Ok(Ok(outcome)) => outcome.map_err(ChannelError::Refused),
            Ok(Err(_)) | Err(_) => self.give_up(opening.number, open.peer),
        }
    }

    /// Ends an opening the peer was too slow for. One whose funding it has signed meanwhile is no failure: it is on its way.
    fn give_up(&self, number: u128, peer: PublicKey) -> Result<[u8; 32], ChannelError> {
        // Where nobody waits, no funding is made any more.
        self.openings.forget(number);
        let left = self.change(|| {
            if let Some(channel) = self.numbered(number)
                && channel.funding_txo.is_none()
            {
                let _ = self.manager.force_close_broadcasting_latest_txn(
                    &channel.channel_id,
                    &peer,
                    "opening took too long".into(),
                );
            }
            if self.numbered(number).is_some() {
                // Its funding is made, and whether the peer has signed only LDK knows. With the connection it forgets a
                // channel that was not signed, and gives the coins back; one that was signed stays.
                self.peers.disconnect_by_node_id(peer);
            }
            self.numbered(number)
        });
        let left = left.ok_or_else(stopping)?;
        left.map(|channel| channel.channel_id.0)
            .ok_or(ChannelError::Timeout)
    }

    /// The channel we gave this number. Its identifier changes when its funding is made, the number does not.
    fn numbered(&self, number: u128) -> Option<ChannelDetails> {
        let mut channels = self.manager.list_channels().into_iter();
        channels.find(|channel| channel.is_outbound && channel.user_channel_id == number)
    }

    /// Whether somebody still waits for this channel.
    pub(crate) fn is_opening(&self, number: u128) -> bool {
        self.openings.is_open(number)
    }
}

fn draw_number(node: &Node) -> u128 {
    let random = node.keys.get_secure_random_bytes();
    random
        .iter()
        .take(16)
        .fold(0, |number, byte| (number << 8) | u128::from(*byte))
}
