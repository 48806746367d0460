//! Taking a swap and following it on the chain.

use std::str::FromStr;

use bitcoin::{Address, OutPoint, ScriptBuf};
use serde::Deserialize;
use serde_json::Value;

use crate::bitcoind::Bitcoind;
use crate::ledger::Change;
use crate::market::Market;
use crate::node::Node;
use crate::transaction::{Seen, paid_in_mempool, spend_in_blocks, wait_spend};
use crate::wait::{FOUND_AGAIN, wait_for};

/// Which way a taker's money moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Lightning -> on-chain.
    Out,
    /// On-chain -> Lightning.
    In,
}

impl Way {
    /// The word of the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::In => "in",
        }
    }

    /// Who of a market with one maker pays over Lightning and claims on the chain.
    pub fn payer(self, market: &Market) -> &Node {
        match self {
            Self::Out => &market.taker,
            Self::In => &market.makers[0],
        }
    }

    /// The same, to be stopped and started.
    pub fn payer_mut(self, market: &mut Market) -> &mut Node {
        match self {
            Self::Out => &mut market.taker,
            Self::In => &mut market.makers[0],
        }
    }

    /// Who funds the contract and is paid over Lightning.
    pub fn funder(self, market: &Market) -> &Node {
        self.other().payer(market)
    }

    /// The same, to be stopped and started.
    pub fn funder_mut(self, market: &mut Market) -> &mut Node {
        self.other().payer_mut(market)
    }

    const fn other(self) -> Self {
        match self {
            Self::Out => Self::In,
            Self::In => Self::Out,
        }
    }
}

/// The figures of a quote that a swap is judged by (sat).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Quote {
    /// Names it.
    pub id: String,
    /// Which way.
    pub direction: Way,
    /// The maker's Lightning node.
    pub maker: String,
    /// The value of the contract's output.
    pub amount_sat: u64,
    /// The maker's fee.
    pub maker_fee_sat: i64,
    /// What is at risk with this maker.
    pub prepay_sat: u64,
    /// Estimated miner fee of the taker's transaction.
    pub miner_fee_sat: u64,
    /// Estimated routing fee.
    pub routing_fee_sat: u64,
    /// All costs.
    pub total_sat: i64,
    /// The limit on the miner fee.
    pub max_miner_fee_sat: u64,
    /// The limit on routing.
    pub max_routing_fee_sat: u64,
    /// The most it may cost if it works.
    pub worst_total_sat: i64,
    /// The most it may cost if it fails.
    pub worst_if_failed_sat: u64,
    /// How many confirmations the payer waits for.
    pub confirmations: u32,
}

/// A swap that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// On what terms.
    pub quote: Quote,
    /// Its id at the taker.
    pub id: String,
    /// What both sides know it by.
    pub payment_hash: String,
    /// The contract's script.
    pub script: ScriptBuf,
    /// From this height the funder may take the coins back.
    pub refund_height: u32,
}

/// What the chain shows of a swap that went through.
#[derive(Clone, Debug)]
pub struct OnChain {
    /// The contract's output.
    pub outpoint: OutPoint,
    /// The transaction that funded it.
    pub funding: Seen,
    /// The confirmed transaction that spent it.
    pub spend: Seen,
}

impl Taken {
    /// From what starting a swap printed: the quote and the swap.
    ///
    /// # Panics
    /// When something is missing in it.
    #[track_caller]
    pub fn from_json(answer: &Value) -> Self {
        let quote = serde_json::from_value(answer["quote"].clone());
        let swap = &answer["swap"];
        let text = |name: &str| {
            let value = swap[name].as_str();
            value
                .unwrap_or_else(|| panic!("no {name} in {answer}"))
                .to_owned()
        };
        let address = Address::from_str(&text("contract_address")).unwrap();
        Self {
            quote: quote.unwrap_or_else(|why| panic!("{why} in {answer}")),
            id: text("id"),
            payment_hash: text("payment_hash"),
            script: address.assume_checked().script_pubkey(),
            refund_height: u32::try_from(swap["refund_height"].as_u64().unwrap()).unwrap(),
        }
    }

    /// Takes `amount` sat on the best quote there is, with `more` arguments, and does not follow it. A maker that has just
    /// got what it takes for this way offers it a moment later: the offer is waited for.
    #[track_caller]
    pub fn take(taker: &Node, way: Way, amount: u64, more: &[&str]) -> Self {
        wait_offer(taker, way, amount);
        let amount = amount.to_string();
        let mut args = vec![way.word(), amount.as_str()];
        args.extend(more);
        args.extend(["--yes", "--detach"]);
        Self::from_json(&taker.cli(&args))
    }

    /// Waits until the contract's funding is in the mempool.
    #[track_caller]
    pub fn wait_funding(&self, bitcoind: &Bitcoind) -> (OutPoint, Seen) {
        let amount = self.quote.amount_sat;
        wait_for("the funding in the mempool", FOUND_AGAIN, || {
            paid_in_mempool(bitcoind, &self.script, amount)
        })
    }

    /// Waits until another funding than `known` is in the mempool: its sender has replaced that one.
    #[track_caller]
    pub fn wait_other_funding(&self, bitcoind: &Bitcoind, known: OutPoint) -> (OutPoint, Seen) {
        let amount = self.quote.amount_sat;
        wait_for("another funding in the mempool", FOUND_AGAIN, || {
            let found = paid_in_mempool(bitcoind, &self.script, amount)?;
            let other = found.0 != known;
            other.then_some(found).ok_or_else(|| "that one".to_owned())
        })
    }

    /// Waits until something in the mempool spends the contract.
    #[track_caller]
    pub fn wait_spend(&self, bitcoind: &Bitcoind, outpoint: OutPoint) -> Seen {
        wait_spend(bitcoind, outpoint)
    }

    /// The spend of the contract in one of the last blocks.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn confirmed_spend(&self, bitcoind: &Bitcoind, outpoint: OutPoint) -> Seen {
        let found = spend_in_blocks(bitcoind, outpoint, 8);
        found.expect("a confirmed spend of the contract")
    }

    /// Waits until `payer` has decided to reveal, which it does beside the blocks: a further one that comes before puts it off.
    #[track_caller]
    pub fn wait_revealed(&self, payer: &Node) {
        wait_for("the payer to reveal", FOUND_AGAIN, || {
            let swap = self.seen_by(payer);
            let revealed = swap["state"] == "revealed" || swap["state"] == "sweeping";
            revealed.then_some(()).ok_or_else(|| swap.to_string())
        });
    }

    /// The swap as `node`, the taker or its maker, has it.
    ///
    /// # Panics
    /// When it has none of this payment hash.
    #[track_caller]
    pub fn seen_by(&self, node: &Node) -> Value {
        let list = node.api_get("/swaps");
        let swaps = list["swaps"].as_array().cloned().unwrap_or_default();
        let found = swaps
            .into_iter()
            .find(|swap| swap["payment_hash"] == self.payment_hash.as_str());
        found.unwrap_or_else(|| panic!("{} does not know the swap", node.name()))
    }

    /// Waits until `node` says how the swap ended, and checks it.
    #[track_caller]
    pub fn assert_outcome(&self, node: &Node, outcome: &str) -> Value {
        let what = format!("{} to end the swap as {outcome}", node.name());
        wait_for(&what, FOUND_AGAIN, || {
            let swap = self.seen_by(node);
            let ended = swap["ended"] == true && swap["outcome"] == outcome;
            if ended {
                Ok(swap)
            } else {
                Err(swap.to_string())
            }
        })
    }

    /// What the taker must have gained, by the quote and the chain alone. `to_own_wallet`: an `out` to no foreign
    /// address. `routing` is what the payer paid others for routing (sat).
    pub fn taker_change(&self, chain: &OnChain, routing: i64, to_own_wallet: bool) -> Change {
        let (amount, fee) = (signed(self.quote.amount_sat), self.quote.maker_fee_sat);
        match self.quote.direction {
            Way::Out => Change {
                lightning: -(amount + fee) - routing,
                chain: if to_own_wallet {
                    signed(self.swept(chain))
                } else {
                    0
                },
            },
            Way::In => Change {
                lightning: amount - fee,
                chain: -(amount + signed(chain.funding.fee_sat)),
            },
        }
    }

    /// What the maker must have gained.
    pub fn maker_change(&self, chain: &OnChain, routing: i64) -> Change {
        let (amount, fee) = (signed(self.quote.amount_sat), self.quote.maker_fee_sat);
        match self.quote.direction {
            Way::Out => Change {
                lightning: amount + fee,
                chain: -(amount + signed(chain.funding.fee_sat)),
            },
            Way::In => Change {
                lightning: -(amount - fee) - routing,
                chain: signed(self.swept(chain)),
            },
        }
    }

    /// What the payer's sweep brings it for this swap (sat).
    ///
    /// # Panics
    /// When it is not spent to one output.
    #[track_caller]
    pub fn swept(&self, chain: &OnChain) -> u64 {
        self.quote.amount_sat - chain.spend.share_of(chain.outpoint)
    }

    /// How many payments go over Lightning: the prepay is one of its own.
    pub fn payments(&self) -> i64 {
        if self.quote.prepay_sat > 0 { 2 } else { 1 }
    }
}

/// Waits until `taker` knows of somebody who offers to swap `amount` sat this way.
#[track_caller]
pub fn wait_offer(taker: &Node, way: Way, amount: u64) {
    wait_for("an offer", FOUND_AGAIN, || {
        let offers = taker.cli(&["offers", way.word(), "--amount", &amount.to_string()]);
        let some = offers["offers"]
            .as_array()
            .is_some_and(|list| !list.is_empty());
        some.then_some(()).ok_or_else(|| offers.to_string())
    });
}

/// An amount that can be subtracted.
///
/// # Panics
/// Above all money there is.
#[track_caller]
pub fn signed(sat: u64) -> i64 {
    i64::try_from(sat).unwrap()
}
