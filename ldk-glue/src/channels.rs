//! Channels: closing, listing, and what they need of the wallet.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, OutPoint};
use lightning::ln::channel_state::ChannelDetails;
use lightning::ln::types::ChannelId;
use lightning::routing::gossip::NodeId;
use lightning::util::errors::APIError;

use crate::errors::ChannelError;
use crate::node::Node;
use crate::standing::{self, Standing};

/// A channel as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelInfo {
    /// Its identifier.
    pub id: [u8; 32],
    /// The other side.
    pub peer: PublicKey,
    /// The name the peer gives itself.
    pub peer_alias: Option<String>,
    /// Size in satoshis.
    pub capacity_sat: u64,
    /// What can be sent through it now, in millisatoshi.
    pub outbound_msat: u64,
    /// What can be received through it now, in millisatoshi.
    pub inbound_msat: u64,
    /// Our part that stays in the channel for its lifetime, in satoshis.
    pub reserve_sat: u64,
    /// Whether its funding has the confirmations both sides want.
    pub ready: bool,
    /// Ready, and the peer is connected.
    pub usable: bool,
    /// Whether the network is told of it.
    pub announced: bool,
    /// Whether we opened it.
    pub outbound: bool,
    /// Its funding output.
    pub funding: Option<OutPoint>,
    /// Its place in the chain, as Lightning writes it.
    pub scid: Option<u64>,
    /// Whether it pays its closing by anchors.
    pub anchors: bool,
    /// Confirmations of its funding.
    pub confirmations: u32,
    /// Confirmations wanted before it is ready.
    pub confirmations_required: Option<u32>,
    /// Whether it is being closed by agreement.
    pub closing: bool,
    /// HTLCs in it.
    pub pending_htlcs: usize,
    /// Blocks our coins stay locked after a closing transaction of our own has confirmed; known once it is negotiated.
    pub force_close_delay: Option<u16>,
}

/// What usable channels can carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Liquidity {
    /// Can be sent, in millisatoshi.
    pub outbound_msat: u64,
    /// Can be received, in millisatoshi.
    pub inbound_msat: u64,
}

impl Node {
    /// Closes a channel: by agreement, which needs the peer and an hour or so, or, with `force`, alone, which costs
    /// more and gives the funds back after a delay.
    ///
    /// # Errors
    /// [`ChannelError::Unknown`] and [`ChannelError::Refused`]; the channel stays as it was.
    pub fn close_channel(&self, id: [u8; 32], force: bool) -> Result<(), ChannelError> {
        let channel = self.find_channel(id).ok_or(ChannelError::Unknown)?;
        let peer = channel.counterparty.node_id;
        let closed = self.change(|| {
            if force {
                self.manager.force_close_broadcasting_latest_txn(
                    &channel.channel_id,
                    &peer,
                    "closed by its owner".into(),
                )
            } else {
                self.manager.close_channel(&channel.channel_id, &peer)
            }
        });
        let closed = closed.ok_or_else(stopping)?;
        closed.map_err(|error| refused(&error))
    }

    pub(crate) fn find_channel(&self, id: [u8; 32]) -> Option<ChannelDetails> {
        let mut channels = self.manager.list_channels().into_iter();
        channels.find(|channel| channel.channel_id == ChannelId(id))
    }

    /// All channels that are not closed.
    pub fn channels(&self) -> Vec<ChannelInfo> {
        let graph = self.graph.read_only();
        let alias = |peer: &PublicKey| {
            let node = graph.node(&NodeId::from_pubkey(peer))?;
            let announcement = node.announcement_info.as_ref()?;
            Some(announcement.alias().to_string())
        };
        let channels = self.manager.list_channels().into_iter();
        channels
            .map(|channel| info(&channel, alias(&channel.counterparty.node_id)))
            .collect()
    }

    /// What usable channels can carry now.
    pub fn liquidity(&self) -> Liquidity {
        let channels = self.manager.list_usable_channels();
        channels
            .iter()
            .fold(Liquidity::default(), |sum, channel| Liquidity {
                outbound_msat: sum
                    .outbound_msat
                    .saturating_add(channel.outbound_capacity_msat),
                inbound_msat: sum
                    .inbound_msat
                    .saturating_add(channel.inbound_capacity_msat),
            })
    }

    /// Has the fundings of our channels sent that a crash kept from it. LDK says each of them once, and a channel is on disk
    /// only when the peer has signed.
    pub(crate) fn resume_fundings(&self) {
        for channel in self.manager.list_channels() {
            let unconfirmed = channel.is_outbound && channel.confirmations.unwrap_or(0) == 0;
            if let Some(funding) = channel.funding_txo.filter(|_| unconfirmed) {
                self.wallet.resume_funding(&funding.txid);
            }
        }
    }

    /// Applies the configured forwarding fees to channels that were opened under others.
    pub(crate) fn update_fees(&self) {
        let wanted = self.config.ldk(false).channel_config;
        for channel in self.manager.list_channels() {
            let Some(mut config) = channel.config else {
                continue;
            };
            let same = config.forwarding_fee_base_msat == wanted.forwarding_fee_base_msat
                && config.forwarding_fee_proportional_millionths
                    == wanted.forwarding_fee_proportional_millionths;
            if same {
                continue;
            }
            config.forwarding_fee_base_msat = wanted.forwarding_fee_base_msat;
            config.forwarding_fee_proportional_millionths =
                wanted.forwarding_fee_proportional_millionths;
            let peer = channel.counterparty.node_id;
            let updated = self
                .manager
                .update_channel_config(&peer, &[channel.channel_id], &config);
            if let Err(error) = updated {
                tracing::warn!(?error, %peer, "a channel keeps its old forwarding fees");
            }
        }
    }

    /// How the channels stand.
    pub(crate) fn standing(&self) -> Vec<Standing> {
        let channels = self.manager.list_channels();
        channels.iter().map(Standing::of).collect()
    }

    /// Keeps enough in the wallet to bump the closing of every channel that may need it, those being opened included.
    pub(crate) fn update_reserve(&self) {
        let channels = standing::with_reserve(&self.standing(), &self.openings.numbers());
        let channels = u64::try_from(channels).unwrap_or(u64::MAX);
        let reserve = self.config.anchor_reserve.checked_mul(channels);
        self.wallet
            .set_reserve(reserve.unwrap_or(Amount::MAX_MONEY));
    }
}

pub(crate) fn stopping() -> ChannelError {
    ChannelError::Refused("the node is stopping".into())
}

pub(crate) fn refused(error: &APIError) -> ChannelError {
    ChannelError::Refused(match error {
        APIError::APIMisuseError { err } | APIError::ChannelUnavailable { err } => err.clone(),
        APIError::FeeRateTooHigh { err, .. } => err.clone(),
        other => format!("{other:?}"),
    })
}

fn info(channel: &ChannelDetails, peer_alias: Option<String>) -> ChannelInfo {
    let kind = channel.channel_type.as_ref();
    ChannelInfo {
        id: channel.channel_id.0,
        peer: channel.counterparty.node_id,
        peer_alias,
        capacity_sat: channel.channel_value_satoshis,
        outbound_msat: channel.outbound_capacity_msat,
        inbound_msat: channel.inbound_capacity_msat,
        reserve_sat: channel.unspendable_punishment_reserve.unwrap_or(0),
        ready: channel.is_channel_ready,
        usable: channel.is_usable,
        announced: channel.is_announced,
        outbound: channel.is_outbound,
        funding: channel
            .funding_txo
            .map(|funding| funding.into_bitcoin_outpoint()),
        scid: channel.short_channel_id,
        anchors: kind.is_some_and(|kind| kind.supports_anchors_zero_fee_htlc_tx()),
        confirmations: channel.confirmations.unwrap_or(0),
        confirmations_required: channel.confirmations_required,
        closing: channel.channel_shutdown_state.is_some_and(|state| {
            state != lightning::ln::channel_state::ChannelShutdownState::NotShuttingDown
        }),
        pending_htlcs: channel
            .pending_inbound_htlcs
            .len()
            .saturating_add(channel.pending_outbound_htlcs.len()),
        force_close_delay: channel.force_close_spend_delay,
    }
}
