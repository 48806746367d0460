//! What is written down of an order: the wish, what was agreed to, and what came of it apart from its swaps.

use bitcoin::ScriptBuf;
use bitcoin::secp256k1::PublicKey;
use cambista_protocol::words::Direction;
use serde::{Deserialize, Serialize};

/// What a user wishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderWish {
    /// Which way.
    pub direction: Direction,
    /// How much (sat): the value of the contracts together; with `receive`, what arrives.
    pub amount_sat: u64,
    /// `out`: `amount_sat` is what should arrive at the destination. One swap only.
    #[serde(default)]
    pub receive: bool,
    /// `in`: the coins come from outside this node. One swap only.
    #[serde(default)]
    pub external: bool,
    /// Only these makers; any when there is none.
    #[serde(default)]
    pub makers: Vec<PublicKey>,
    /// The most swaps it may become.
    pub max_parts: u8,
    /// `out`: where the coins go; this node's own wallet when not said.
    #[serde(default)]
    pub destination: Option<ScriptBuf>,
    /// `out`: confirmations to wait for; by amount when not said.
    #[serde(default)]
    pub confirmations: Option<u32>,
    /// `out`: the channels the payment may leave by. One swap only.
    #[serde(default)]
    pub first_hops: Option<Vec<[u8; 32]>>,
    /// `in`: the node the payment should arrive from. One swap only.
    #[serde(default)]
    pub last_hop: Option<PublicKey>,
    /// The most all of it may cost if it works (sat).
    #[serde(default)]
    pub max_fee_sat: Option<u64>,
    /// The most this node's own transactions may pay to miners (sat).
    #[serde(default)]
    pub max_miner_fee_sat: Option<u64>,
    /// The most routing may cost (sat).
    #[serde(default)]
    pub max_routing_fee_sat: Option<u64>,
    /// A name.
    #[serde(default)]
    pub label: Option<String>,
}

impl OrderWish {
    /// Why it can be one swap only, if it can.
    #[must_use]
    pub const fn single_because(&self) -> Option<&'static str> {
        if self.receive {
            Some("an exact amount to receive")
        } else if self.external {
            Some("a deposit from outside")
        } else if self.first_hops.is_some() {
            Some("a chosen channel")
        } else if self.last_hop.is_some() {
            Some("a chosen last hop")
        } else {
            None
        }
    }

    /// The most swaps it may become.
    #[must_use]
    pub fn parts(&self) -> usize {
        match self.single_because() {
            Some(_) => 1,
            None => usize::from(self.max_parts).clamp(1, cambista_market::plan::MAX_PARTS),
        }
    }
}

/// What was shown before the order began, and agreed to: nothing is begun that could go beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreed {
    /// The most all swaps together may cost if they work, with what failed ones have cost (sat).
    pub max_cost_sat: i64,
    /// The most that may be lost by swaps that fail (sat).
    pub max_loss_sat: u64,
    /// The longest any of its money may be locked (blocks).
    pub max_locked_blocks: u32,
}

/// A maker that is not asked again in this order, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The maker's Lightning node.
    pub maker: PublicKey,
    /// Why, for a person.
    pub reason: String,
    /// Unix seconds.
    pub at: u64,
}

/// An order that is to be covered by as many swaps as it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderTask {
    /// What is wished.
    pub wish: OrderWish,
    /// What was agreed to.
    pub agreed: Agreed,
    /// Makers that are not asked again.
    #[serde(default)]
    pub failed: Vec<Failed>,
    /// How often makers were looked for since it began.
    #[serde(default)]
    pub rounds: u32,
    /// Whether the user called it off: nothing new is begun.
    #[serde(default)]
    pub cancelled: bool,
    /// Why what is not covered stays so.
    #[serde(default)]
    pub stuck: Option<String>,
    /// Whether it is over: every swap of it has ended and nothing new is begun.
    #[serde(default)]
    pub ended: bool,
    /// Counts changes.
    #[serde(default)]
    pub revision: u64,
}

impl OrderTask {
    /// A new one.
    #[must_use]
    pub const fn new(wish: OrderWish, agreed: Agreed) -> Self {
        Self {
            wish,
            agreed,
            failed: Vec::new(),
            rounds: 0,
            cancelled: false,
            stuck: None,
            ended: false,
            revision: 1,
        }
    }

    /// Notes that a maker is not asked again; once for each.
    pub(crate) fn fail(&mut self, maker: PublicKey, reason: String, at: u64) {
        if !self.has_failed(&maker) {
            self.failed.push(Failed { maker, reason, at });
        }
    }

    /// Whether a maker is not asked again.
    pub(crate) fn has_failed(&self, maker: &PublicKey) -> bool {
        self.failed.iter().any(|failed| failed.maker == *maker)
    }
}
