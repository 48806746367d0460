//! What the API takes and gives about plans and orders.

use cambista_engine::order::{OrderView, PlanView};
use cambista_engine::view::{QuoteView, SwapView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schema;
use super::types::DirectionName;

/// Asks for the cheapest way to swap an amount, with one maker or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskPlan {
    /// Which way.
    pub direction: DirectionName,
    /// The value of the on-chain contracts together (sat); with `receive`, what arrives.
    pub amount_sat: u64,
    /// `out`: `amount_sat` is what should arrive at the destination. One swap only.
    #[serde(default)]
    pub receive: bool,
    /// `out`: where the coins go; this node's own wallet when not said.
    pub address: Option<String>,
    /// `in`: the coins will come from outside this node. One swap only.
    #[serde(default)]
    pub external: bool,
    /// Only these makers (their Lightning nodes, hex); any when there is none.
    #[serde(default)]
    pub makers: Vec<String>,
    /// The most swaps it may become (8 at most); 4 when not said.
    pub max_parts: Option<u8>,
    /// The most all of it may cost if it works (sat).
    pub max_fee_sat: Option<u64>,
    /// The most this side's transactions may pay to miners (sat).
    pub max_miner_fee_sat: Option<u64>,
    /// The most routing may cost (sat).
    pub max_routing_fee_sat: Option<u64>,
    /// `out`: the channels the payment may leave by (full ids, hex); any when not said. One swap only.
    pub channels: Option<Vec<String>>,
    /// `in`: the node the payment should arrive from (33-byte key, hex). One swap only.
    pub last_hop: Option<String>,
    /// `out`: confirmations to wait for; by amount when not said.
    pub confirmations: Option<u32>,
    /// A name.
    pub label: Option<String>,
}

/// The answers: the cheapest way, and what single makers ask for all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanList {
    /// Firm quotes for all of it by one maker each, the one expected to cost least first.
    #[schema(value_type = Vec<schema::QuoteView>)]
    pub quotes: Vec<QuoteView>,
    /// Who gave none.
    #[schema(value_type = Vec<schema::NoQuote>)]
    pub refused: Vec<cambista_engine::NoQuote>,
    /// The cheapest way to cover it; none when there is none, or none within the limits.
    #[schema(value_type = Option<schema::PlanView>)]
    pub plan: Option<PlanView>,
    /// Why there is no plan, for a person.
    pub no_plan: Option<String>,
}

/// An order that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderStarted {
    /// The order (hex).
    pub order: String,
    /// Its first swap; none while makers are still being asked.
    #[schema(value_type = Option<schema::SwapView>)]
    pub swap: Option<SwapView>,
    /// The quotes its swaps began on, when it began on a plan.
    #[serde(default)]
    #[schema(value_type = Vec<schema::QuoteView>)]
    pub quotes: Vec<QuoteView>,
    /// All of it, when it began on a plan.
    #[serde(default)]
    #[schema(value_type = Option<schema::OrderView>)]
    pub view: Option<OrderView>,
}

/// All orders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderList {
    /// Newest first.
    #[schema(value_type = Vec<schema::OrderView>)]
    pub orders: Vec<OrderView>,
}

/// An order called off, as far as it still could be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderCancelled {
    /// What it means for the money, for a person.
    pub text: String,
    /// The order.
    #[schema(value_type = schema::OrderView)]
    pub order: OrderView,
}
