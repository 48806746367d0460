//! What the API takes and gives, as JSON. Amounts are whole satoshis and say so in their names.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub use super::limits::Limits;
pub use super::maker::{CapSettings, MakerSettings, PriceSettings, SideSettings};
pub use super::maker_types::{
    Business, BusinessSide, KnownMaker, MakerDetail, MakerList, MakersQuery, OfferedRate, Seen,
};
pub use super::order_types::{AskPlan, OrderCancelled, OrderList, OrderStarted, PlanList};
pub use super::payment_types::{
    AskInvoice, Invoice, PayInvoice, Payment, PaymentList, PaymentQuery, PaymentState,
    WalletHistory, WalletTransaction,
};
pub use super::problem::{Code, Funds, Problem};
pub use super::swap_types::{
    AskQuotes, Cancelled, DirectionName, Order, QuoteList, SwapList, SwapQuery, SwapsQuery,
};

/// The money this node has (sat).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Balance {
    /// What can be sent over Lightning now.
    pub lightning_outbound_sat: u64,
    /// What can be received over Lightning now.
    pub lightning_inbound_sat: u64,
    /// Confirmed coins of the wallet, the reserved ones included.
    pub onchain_confirmed_sat: u64,
    /// Coins on their way in.
    pub onchain_pending_sat: u64,
    /// Coins held back: fundings of swaps under way and the reserve that closes channels safely.
    pub onchain_reserved_sat: u64,
    /// What can be sent on the chain now.
    pub onchain_spendable_sat: u64,
}

/// How the node is, without its swaps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeStatus {
    /// This program's version.
    pub version: String,
    /// `bitcoin`, `testnet`, `signet` or `regtest`.
    pub network: String,
    /// The Lightning node (33-byte key, hex).
    pub node_id: String,
    /// The marketplace peer.
    pub peer_id: String,
    /// The last block this node has taken in.
    pub height: u32,
    /// Whether that is the chain's tip as the chain backend knows it.
    pub synced: bool,
    /// What is wrong with the chain backend, if anything.
    pub chain_error: Option<String>,
    /// Where Lightning listens (`host:port`).
    pub lightning_addresses: Vec<String>,
    /// Where the marketplace listens (multiaddresses ending in `/p2p/<peer>`).
    pub p2p_addresses: Vec<String>,
    /// Connected Lightning peers.
    pub lightning_peers: usize,
    /// Connected marketplace peers.
    pub p2p_peers: usize,
    /// Open channels.
    pub channels: usize,
    /// The money.
    pub balance: Balance,
}

/// How the node is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Everything but swaps.
    #[serde(flatten)]
    pub node: NodeStatus,
    /// Swaps that have not ended.
    pub open_swaps: usize,
    /// Whether this node makes a market now.
    pub maker_enabled: bool,
}

/// Which offers to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct OffersQuery {
    /// `out` or `in`; both when not said.
    #[param(inline)]
    pub direction: Option<DirectionName>,
    /// Only offers that take this amount (sat), cheapest for it first.
    pub amount_sat: Option<u64>,
    /// Only offers that cost no more than this for the amount, the own miner fee included (sat).
    pub max_total_sat: Option<u64>,
    /// Only makers so many swaps were done with.
    pub min_done: Option<u64>,
    /// So many of each direction, the best: 1000 when not said, 10000 at most.
    pub limit: Option<u32>,
}

/// One direction of one maker's standing offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Offer {
    /// The maker's Lightning node (33-byte key, hex).
    pub maker: String,
    /// Its marketplace peer.
    pub peer_id: String,
    /// Which way the taker's money moves.
    pub direction: DirectionName,
    /// Fixed part of the price (sat).
    pub base_sat: u64,
    /// Share of the amount in millionths; negative pays the taker.
    pub ppm: i32,
    /// The smallest swap (sat).
    pub min_sat: u64,
    /// The largest swap (sat).
    pub max_sat: u64,
    /// Unix seconds.
    pub expires_at: u64,
    /// Whether it is this node's own.
    pub own: bool,
    /// The maker's fee for the amount asked about (sat).
    pub est_fee_sat: Option<i64>,
    /// What this side's own transaction would cost on top (sat): the claim of an `out`, the funding of an `in`.
    #[serde(default)]
    pub est_miner_fee_sat: Option<u64>,
    /// Both together, without routing, which only a quote knows (sat).
    #[serde(default)]
    pub est_total_sat: Option<i64>,
    /// Confirmations that would be waited for.
    #[serde(default)]
    pub est_confirmations: Option<u32>,
    /// What failing is expected to add, by experience (sat). Only for comparing.
    #[serde(default)]
    pub failure_cost_sat: Option<u64>,
    /// What this node has seen of the maker; none when it was never asked.
    #[serde(default)]
    pub seen: Option<Seen>,
}

/// Standing offers, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OfferList {
    /// The offers.
    pub offers: Vec<Offer>,
    /// So many more there are than the limit lets through.
    #[serde(default)]
    pub more: u64,
}

/// A Lightning channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Channel {
    /// Channel id (hex).
    pub id: String,
    /// The other node (33-byte key, hex).
    pub peer: String,
    /// Its name, as it calls itself.
    pub alias: Option<String>,
    /// All of it (sat).
    pub capacity_sat: u64,
    /// What this side can send (sat, rounded down).
    pub outbound_sat: u64,
    /// What this side can receive (sat, rounded down).
    pub inbound_sat: u64,
    /// Confirmed on both sides.
    pub ready: bool,
    /// Ready, and the peer is connected.
    pub usable: bool,
    /// Whether others may see it.
    pub announced: bool,
    /// Whether it is being closed.
    pub closing: bool,
    /// Confirmations of the funding.
    pub confirmations: u32,
    /// Confirmations needed before it is ready.
    pub confirmations_required: Option<u32>,
    /// The funding transaction.
    pub funding_txid: Option<String>,
    /// Payments under way in it.
    pub payments_under_way: usize,
    /// Blocks this side's coins stay locked once a closing transaction of its own, without the other side, has confirmed.
    pub force_close_delay_blocks: Option<u16>,
}

/// What coins of a closed channel wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// That the closing transaction confirms.
    Close,
    /// The block of `free_at_height`: the delay agreed with the other side, or some confirmations.
    Locked,
    /// That a payment ends, or runs out at `free_at_height`.
    Payment,
    /// That the transaction into the wallet confirms.
    Sweep,
}

/// Coins on their way back from a closed channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Returning {
    /// Channel id (hex), where it is known.
    pub channel: Option<String>,
    /// How much (sat), before miner fees.
    pub amount_sat: u64,
    /// What they wait for.
    pub wait: Wait,
    /// The block at which they are free, where it is known.
    pub free_at_height: Option<u32>,
}

/// This node's channels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelList {
    /// The channels.
    pub channels: Vec<Channel>,
    /// What is on its way back from closed ones.
    #[serde(default)]
    pub returning: Vec<Returning>,
}

/// Opens a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenChannel {
    /// `pubkey@host:port`, or `pubkey` of a connected peer.
    pub node: String,
    /// The channel's size, paid by this node (sat).
    pub amount_sat: u64,
    /// Whether others may see it.
    #[serde(default)]
    pub announced: bool,
    /// Given to the other side at once (sat).
    #[serde(default)]
    pub push_sat: u64,
}

/// The channel being opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelOpened {
    /// Channel id (hex).
    pub id: String,
}

/// How to close a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct CloseQuery {
    /// Alone, without the other side: the coins come back later and cost more.
    #[serde(default)]
    pub force: bool,
}

/// What kind of connection a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeerKind {
    /// A Lightning node.
    Lightning,
    /// A marketplace node.
    Market,
}

/// A peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Peer {
    /// Which kind.
    pub kind: PeerKind,
    /// Lightning: 33-byte key, hex. Market: peer id.
    pub id: String,
    /// Where it is reached, if known.
    pub address: Option<String>,
    /// Whether it is connected now.
    pub connected: bool,
}

/// This node's peers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeerList {
    /// The peers.
    pub peers: Vec<Peer>,
}

/// Connects to a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectPeer {
    /// `pubkey@host:port` (Lightning) or `/ip4/../tcp/../p2p/..` (market).
    pub address: String,
}

/// A fresh address of the wallet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WalletAddress {
    /// The address.
    pub address: String,
}

/// Sends coins of the wallet. Exactly one of `amount_sat` and `all`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendCoins {
    /// Where to.
    pub address: String,
    /// How much (sat); the miner fee comes on top.
    pub amount_sat: Option<u64>,
    /// Everything spendable, the miner fee taken from it.
    #[serde(default)]
    pub all: bool,
    /// Whole sat/vB; estimated when not said.
    pub fee_rate_sat_vb: Option<u64>,
    /// The most miners may get (sat): nothing is sent for more.
    #[serde(default)]
    pub max_fee_sat: Option<u64>,
}

/// What sending coins would do now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SendPlan {
    /// What the address would receive (sat).
    pub amount_sat: u64,
    /// What miners would get (sat).
    pub fee_sat: u64,
    /// Their rate: sat/vB, rounded up.
    pub fee_rate_sat_vb: u64,
}

/// The transaction sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sent {
    /// Its id.
    pub txid: String,
    /// What the address receives (sat).
    pub amount_sat: u64,
    /// What miners get (sat).
    pub fee_sat: u64,
}

/// Done; nothing more to say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {}
