//! What the API takes and gives about quotes and swaps.

use cambista_engine::NoQuote;
use cambista_engine::view::{QuoteView, SwapView};
use cambista_protocol::words::Direction;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::schema;

/// Which way the taker's money moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DirectionName {
    /// Lightning -> on-chain.
    Out,
    /// On-chain -> Lightning.
    In,
}

impl From<DirectionName> for Direction {
    fn from(name: DirectionName) -> Self {
        match name {
            DirectionName::Out => Self::Out,
            DirectionName::In => Self::In,
        }
    }
}

impl From<Direction> for DirectionName {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Out => Self::Out,
            Direction::In => Self::In,
        }
    }
}

/// Asks makers for firm quotes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskQuotes {
    /// Which way.
    pub direction: DirectionName,
    /// The value of the on-chain contract (sat); with `receive`, what arrives.
    pub amount_sat: u64,
    /// `out`: `amount_sat` is what should arrive at the destination; the claim's miner fee comes on top.
    #[serde(default)]
    pub receive: bool,
    /// `out`: where the coins will go, when it is known: what claiming them costs depends on it.
    pub address: Option<String>,
    /// `in`: the coins will come from outside this node.
    #[serde(default)]
    pub external: bool,
    /// Ask only this maker (its Lightning node, hex).
    pub maker: Option<String>,
}

/// Firm quotes, cheapest first, and who gave none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuoteList {
    /// Cheapest first.
    #[schema(value_type = Vec<schema::QuoteView>)]
    pub quotes: Vec<QuoteView>,
    /// The others.
    #[schema(value_type = Vec<schema::NoQuote>)]
    pub refused: Vec<NoQuote>,
}

/// Begins a plan, or one swap on a quote: exactly one of `plan_id` and `quote_id`. A plan has its limits already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The plan's id.
    pub plan_id: Option<String>,
    /// The quote's id.
    pub quote_id: Option<String>,
    /// `out`: where the coins go; this node's own wallet when not said.
    pub address: Option<String>,
    /// The most this side's transaction may pay to miners (sat); the quote's limit when not said.
    pub max_miner_fee_sat: Option<u64>,
    /// The most routing may cost (sat); the quote's limit when not said.
    pub max_routing_fee_sat: Option<u64>,
    /// The most all of it may cost if it works (sat): the other limits are lowered to keep it.
    pub max_fee_sat: Option<u64>,
    /// `out`: the channels the payment may leave by (full ids, hex); any when not said.
    pub channels: Option<Vec<String>>,
    /// `in`: the node the payment should arrive from (33-byte key, hex).
    pub last_hop: Option<String>,
    /// `out`: confirmations to wait for; by amount when not said.
    pub confirmations: Option<u32>,
    /// A name.
    pub label: Option<String>,
}

/// A swap called off, as far as it still could be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cancelled {
    /// What it means for the money, for a person.
    pub text: String,
    /// The swap.
    #[schema(value_type = schema::SwapView)]
    pub swap: SwapView,
}

/// All swaps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SwapList {
    /// Newest first.
    #[schema(value_type = Vec<schema::SwapView>)]
    pub swaps: Vec<SwapView>,
    /// Changes with every change of any swap, and with a restart of the node.
    #[serde(default)]
    pub version: u64,
    /// How many more have ended.
    #[serde(default)]
    pub older: usize,
}

/// How to wait for any swap to change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct SwapsQuery {
    /// Answer once the list's version is another than this.
    pub since: Option<u64>,
    /// ..or after so many seconds (30 at most); at once when not said.
    pub wait: Option<u64>,
    /// So many of the swaps that ended, the newest (2000 at most; 500 when not said). All open ones are always there.
    pub ended: Option<usize>,
}

/// How to wait for a swap to change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct SwapQuery {
    /// Answer once the swap's version is above this.
    pub since: Option<u64>,
    /// ..or after so many seconds (30 at most); at once when not said.
    pub wait: Option<u64>,
}
