//! What is written down of an order and of a swap before anything is locked.

use bitcoin::ScriptBuf;
use bitcoin::secp256k1::PublicKey;
use cambista_protocol::terms::Deal;
use cambista_protocol::words::{Direction, Role, Side, SwapId};
use serde::{Deserialize, Serialize};

use crate::order::OrderTask;
use crate::ports::PeerAddress;

/// What a user asked for: one amount in one direction. It becomes one or more swaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRecord {
    /// Names the order; random.
    pub id: SwapId,
    /// Which way.
    pub direction: Direction,
    /// The amount (sat).
    pub amount_sat: u64,
    /// Whether it was asked for here or by a taker of ours.
    pub side: Side,
    /// Unix seconds.
    pub created_at: u64,
    /// What is to be covered by as many swaps as it takes; none for the record of a swap that was asked for by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<OrderTask>,
}

/// The limits the user agreed to. All are enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The most the claim (payer) or the funding (funder) may pay to miners (sat).
    pub max_miner_fee_sat: u64,
    /// The most routing of swap and prepay together may cost (sat).
    pub max_routing_fee_sat: u64,
}

/// One side's record of one swap: with the seed, all that is needed to claim or refund on the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapRecord {
    /// Names the swap between the two sides; drawn by the taker.
    pub id: SwapId,
    /// What this side's keys and preimage follow from, together with the seed. Drawn here, for this try alone: an id
    /// the other side could choose would let it have the same keys made twice.
    pub key_id: SwapId,
    /// The order it is part of.
    pub order: SwapId,
    /// This side.
    pub side: Side,
    /// This side's role.
    pub role: Role,
    /// Everything agreed.
    pub deal: Deal,
    /// The maker's Lightning node.
    pub maker: PublicKey,
    /// Where the other side is reached.
    pub peer: PeerAddress,
    /// The swap invoice (BOLT11).
    pub swap_invoice: String,
    /// The prepay invoice (BOLT11).
    pub prepay_invoice: Option<String>,
    /// `out`: the channels the payment may leave by.
    #[serde(default)]
    pub first_hops: Option<Vec<[u8; 32]>>,
    /// `out`: exactly this should arrive at the destination (sat); the rest of the value is the claim's fee.
    #[serde(default)]
    pub exact_receive_sat: Option<u64>,
    /// The node the payment should arrive from.
    pub last_hop: Option<PublicKey>,
    /// Where this side's on-chain coins go: the claim of a payer, the refund of a funder.
    pub destination: ScriptBuf,
    /// Whether `destination` is not of this node's own wallet.
    pub foreign_destination: bool,
    /// The limits.
    pub limits: Limits,
    /// The maker's fee (sat).
    pub maker_fee_sat: i64,
    /// The signed quote as received or given (CBOR).
    pub quote: Vec<u8>,
    /// The maker's signed acceptance (CBOR).
    pub acceptance: Vec<u8>,
    /// A name the user gave.
    pub label: Option<String>,
    /// Unix seconds.
    pub created_at: u64,
}
