//! What people and programs are shown of a swap. Derived from record and events; stored nowhere.

use serde::{Deserialize, Serialize};

/// One line of a swap's story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineLine {
    /// Unix seconds.
    pub at: u64,
    /// Block height.
    pub height: u32,
    /// What happened, in plain words.
    pub text: String,
    /// The transaction it is about.
    pub txid: Option<String>,
}

/// What a swap cost this side, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostView {
    /// The maker's fee: paid (taker) or earned (maker: negative cost) (sat).
    pub maker_fee_sat: i64,
    /// Paid to miners by this side (sat).
    pub miner_fee_sat: u64,
    /// Paid for routing (msat).
    pub routing_fee_msat: u64,
    /// A prepay that was lost (taker) or kept (maker: negative cost) (sat).
    pub prepay_sat: i64,
    /// What the other side got for nothing: 0 unless the swap ended as `lost`, which must not happen (sat).
    #[serde(default)]
    pub lost_sat: u64,
    /// The sum, rounded up to whole satoshis.
    pub total_sat: i64,
}

/// Swaps as listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SwapsView {
    /// All that are open and some that ended, newest first.
    pub swaps: Vec<SwapView>,
    /// How many more have ended.
    pub older: usize,
}

/// A swap as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapView {
    /// Full id (hex).
    pub id: String,
    /// The order (hex).
    pub order: String,
    /// `out` or `in`.
    pub direction: String,
    /// `taker` or `maker`.
    pub side: String,
    /// `payer` or `funder`.
    pub role: String,
    /// One word: `paying`, `held`, `funding`, `confirming`, `revealed`, `sweeping`, `aborting`, `refunding`, `done`, `failed`.
    pub state: String,
    /// Whether it has ended.
    pub ended: bool,
    /// How it ended: `done`, `nothing_happened`, `taken_back`, `prepay_kept`, `lost`.
    pub outcome: Option<String>,
    /// SAT.
    pub amount_sat: u64,
    /// What the on-chain side receives (out: by the destination; in: over Lightning), once known (sat).
    pub received_sat: Option<u64>,
    /// The maker's Lightning node (hex).
    pub maker: String,
    /// H (hex).
    pub payment_hash: String,
    /// The swap invoice's amount (sat).
    pub swap_invoice_sat: u64,
    /// The prepay's amount (sat).
    pub prepay_sat: u64,
    /// T.
    pub refund_height: u32,
    /// N.
    pub confirmations: u32,
    /// The contract's address.
    pub contract_address: String,
    /// Where the coins of this side go on the chain.
    pub destination: String,
    /// The latest funding transaction known.
    pub funding_txid: Option<String>,
    /// The latest transaction of this side that spends the contract.
    pub spend_txid: Option<String>,
    /// Funded from outside: what to send where, while that is still wanted.
    #[serde(default)]
    pub deposit: Option<DepositView>,
    /// The block at which a payment of this side in flight returns at the latest, while one is.
    #[serde(default)]
    pub locked_until: Option<u32>,
    /// One sentence: where the money is now.
    pub money: String,
    /// One sentence: what happens next and by when.
    pub next: String,
    /// What it cost.
    pub cost: CostView,
    /// A name the user gave.
    pub label: Option<String>,
    /// Unix seconds.
    pub created_at: u64,
    /// What happened.
    pub timeline: Vec<TimelineLine>,
    /// Grows with every change: for waiting.
    pub version: u64,
}

/// A quote with everything it costs, before anything begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteView {
    /// Names the quote on this node (hex).
    pub id: String,
    /// `out` or `in`.
    pub direction: String,
    /// The maker's Lightning node (hex).
    pub maker: String,
    /// SAT.
    pub amount_sat: u64,
    /// What leaves the taker's purse before routing: the invoices (out) or the HTLC output and its miner fee (in) (sat).
    pub send_sat: u64,
    /// What arrives (sat).
    pub receive_sat: u64,
    /// The maker's fee (sat).
    pub maker_fee_sat: i64,
    /// The part of the payment at risk with this maker (sat).
    pub prepay_sat: u64,
    /// Estimated miner fee of this side's transaction (sat).
    pub miner_fee_sat: u64,
    /// The least the limit on the miner fee may be: what the transaction may come to if the other side is silent (sat).
    #[serde(default)]
    pub least_miner_fee_sat: u64,
    /// Estimated routing fee (sat).
    pub routing_fee_sat: u64,
    /// All of it together (sat).
    pub total_sat: i64,
    /// What failing is expected to cost beside that, by what this node has seen of the maker (sat). Counts in comparing only.
    #[serde(default)]
    pub failure_cost_sat: u64,
    /// The limit on the miner fee (sat).
    pub max_miner_fee_sat: u64,
    /// The limit on routing (sat).
    pub max_routing_fee_sat: u64,
    /// The most it may cost if it works: fee and both limits (sat).
    pub worst_total_sat: i64,
    /// The most it may cost if it fails (sat).
    pub worst_if_failed_sat: u64,
    /// How long the money may be locked if it fails (blocks).
    pub locked_blocks: u32,
    /// The same in hours, at ten minutes a block.
    pub locked_hours: u32,
    /// N.
    pub confirmations: u32,
    /// T counts so many blocks from now.
    pub refund_delta: u32,
    /// Unix seconds.
    pub valid_until: u64,
    /// Whether the funding comes from outside this node.
    #[serde(default)]
    pub external: bool,
}

/// What is to be sent to fund a swap from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepositView {
    /// The swap's own address. For one payment only.
    pub address: String,
    /// Exactly this (sat).
    pub amount_sat: u64,
    /// The payment must be in a block of this height or below.
    pub last_safe_height: u32,
    /// The same as a BIP21 URI.
    pub uri: String,
}
