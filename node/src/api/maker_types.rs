//! What the API gives about makers: this node's own business, and what it has lived through with others.

use cambista_market::fault::Fault;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::swap_types::DirectionName;

/// What one direction of the maker's business offers and has brought. Amounts in sat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BusinessSide {
    /// Which way the taker's money moves.
    pub direction: DirectionName,
    /// The rate offered now, chain costs included; none when nothing is offered.
    pub offered: Option<OfferedRate>,
    /// Why nothing is offered although it is switched on.
    pub paused: Option<String>,
    /// By how much the price leans now (millionths): above zero where this direction runs out.
    pub lean_ppm: i32,
    /// The largest swap that could be carried now.
    pub there_sat: u64,
    /// Swaps under way.
    pub open: u64,
    /// Swaps done.
    pub done: u64,
    /// Swaps that came to nothing.
    pub failed: u64,
    /// The sum of the swaps done.
    pub volume_sat: u64,
    /// Fees of the swaps done; negative was paid to takers.
    pub fees_sat: i64,
    /// Prepays kept from takers that walked away.
    pub prepays_sat: i64,
    /// Paid to miners, for swaps done and failed.
    pub miners_sat: u64,
    /// Paid for routing.
    pub routing_sat: u64,
    /// What is left of it all.
    pub profit_sat: i64,
}

/// A rate as it is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OfferedRate {
    /// Fixed part (sat).
    pub base_sat: u64,
    /// Share of the amount in millionths; negative pays the taker.
    pub ppm: i32,
    /// The smallest swap (sat).
    pub min_sat: u64,
    /// The largest swap (sat).
    pub max_sat: u64,
}

/// The maker's business: what it offers now, and what it has brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Business {
    /// Lightning -> on-chain, then on-chain -> Lightning.
    pub sides: Vec<BusinessSide>,
    /// Open with takers now (sat).
    pub open_sat: u64,
    /// Of that with takers that never did a swap with this maker (sat).
    pub unproven_sat: u64,
    /// What is left of both directions (sat).
    pub profit_sat: i64,
    /// Why the offer could not be announced, if it could not: then nobody new hears of it.
    #[serde(default)]
    pub not_announced: Option<String>,
}

/// What this node has seen of a maker. Its own experience: nobody else is asked or believed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Seen {
    /// Prices asked for.
    pub asked: u64,
    /// Prices given.
    pub quoted: u64,
    /// Prices refused.
    pub refused: u64,
    /// Questions not answered.
    pub silent: u64,
    /// Prices not stood by; nothing was locked.
    pub declined: u64,
    /// Signed acceptances not followed by anything.
    pub stalled: u64,
    /// Swaps done.
    pub done: u64,
    /// Swaps that came to nothing.
    pub failed: u64,
    /// The sum of the swaps done (sat).
    pub done_sat: u64,
    /// What they cost altogether (sat); negative was earned.
    pub cost_sat: i64,
    /// What failures cost altogether (sat).
    pub lost_sat: u64,
    /// Milliseconds it takes to give a price on average.
    pub answer_ms: Option<u64>,
    /// Seconds a swap takes on average.
    pub swap_secs: Option<u64>,
    /// When it was last heard of (Unix seconds).
    pub last: u64,
    /// When a swap with it was last done (Unix seconds).
    pub done_at: Option<u64>,
    /// It has just failed and is not asked before this (Unix seconds), unless by name.
    pub resting_until: Option<u64>,
    /// It gave no price the last time and is asked after all others before this (Unix seconds), unless by name.
    #[serde(default)]
    pub quiet_until: Option<u64>,
    /// By how much its prices were above its offers of late (millionths of the amount).
    #[serde(default)]
    pub dearer_ppm: u32,
}

/// A maker this node knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KnownMaker {
    /// Its Lightning node (33-byte key, hex).
    pub maker: String,
    /// What this node has seen of it; none when it was never asked.
    pub seen: Option<Seen>,
    /// What failing is expected to add to the cost of a swap of a million sat with it (sat).
    pub failure_cost_sat: u64,
    /// Proofs that it did not keep what it had signed.
    pub faults: u64,
    /// Lightning -> on-chain, if it offers that now.
    pub out: Option<OfferedRate>,
    /// On-chain -> Lightning, if it offers that now.
    #[serde(rename = "in")]
    pub into: Option<OfferedRate>,
}

/// Makers this node knows, those it did most swaps with first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MakerList {
    /// The makers.
    pub makers: Vec<KnownMaker>,
    /// So many more there are than the limit lets through.
    #[serde(default)]
    pub more: u64,
}

/// Which makers to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct MakersQuery {
    /// So many, those with the most swaps done: 1000 when not said, 10000 at most.
    pub limit: Option<u32>,
}

/// One maker, with the proofs against it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MakerDetail {
    /// The maker.
    #[serde(flatten)]
    pub known: KnownMaker,
    /// The proofs, newest first: what it signed and did not keep. `cambista makers --verify` checks one without a node.
    #[schema(value_type = Vec<FaultShape>)]
    pub proofs: Vec<Fault>,
}

/// How a maker broke its word.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FaultKind {
    /// `out`: it did not fund the contract.
    NotFunded,
    /// `out`: it took its funding back before it counted.
    FundingWithdrawn,
    /// `in`: its payment never came.
    NotPaid,
    /// `in`: it did not claim what was funded.
    NotClaimed,
}

/// A proof that a maker did not keep what it had signed.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct FaultShape {
    /// How.
    pub kind: FaultKind,
    /// The swap (hex).
    pub swap: String,
    /// The signed quote (CBOR, hex).
    pub quote: String,
    /// The signed acceptance (CBOR, hex).
    pub acceptance: String,
    /// This node's height when the terms were agreed.
    pub agreed_height: u32,
    /// Its height when it gave up on the maker.
    pub noticed_height: u32,
    /// When that was (Unix seconds).
    pub noticed_at: u64,
}
