//! The outputs at a contract's script, as one side's own chain shows them.

use bitcoin::{Amount, OutPoint, Txid};
use serde::{Deserialize, Serialize};

use crate::timelock::Timelocks;

/// So many outputs at one script are followed; a stranger who pays more to it loses sight of them, not we.
const MOST: usize = 16;

/// Through which path an output was spent, read from the witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpendKind {
    /// Key path.
    KeyPath,
    /// Claim leaf.
    Claim,
    /// Refund leaf.
    Refund,
}

/// A spend of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Spend {
    /// The spending transaction.
    pub txid: Txid,
    /// The path.
    pub kind: SpendKind,
    /// The height it is confirmed at.
    pub confirmed: Option<u32>,
}

/// An output at the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Output {
    /// Where it is.
    pub outpoint: OutPoint,
    /// Its value.
    pub value: Amount,
    /// The height it is confirmed at.
    pub confirmed: Option<u32>,
    /// The first height it was ever confirmed at; a reorganisation does not take this back.
    pub first_confirmed: Option<u32>,
    /// Its spend, when one is known.
    pub spent: Option<Spend>,
}

impl Output {
    /// Whether it has at least `n` confirmations at `height`.
    #[must_use]
    pub fn has_confirmations(&self, n: u32, height: u32) -> bool {
        self.confirmed
            .is_some_and(|at| height + 1 >= at.saturating_add(n))
    }

    /// The spend, if it is final at `height`.
    #[must_use]
    pub fn buried_spend(&self, locks: &Timelocks, height: u32) -> Option<Spend> {
        self.spent
            .filter(|s| s.confirmed.is_some_and(|at| locks.buried(at, height)))
    }
}

/// All outputs followed at a script, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Outputs(Vec<Output>);

impl Outputs {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// The outputs, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Output> {
        self.0.iter()
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, outpoint: OutPoint) -> Option<&Output> {
        self.0.iter().find(|o| o.outpoint == outpoint)
    }

    /// The one that counts: exactly this value; a confirmed one before an unconfirmed one, the longest confirmed first.
    #[must_use]
    pub fn exact(&self, value: Amount) -> Option<&Output> {
        self.0
            .iter()
            .filter(|o| o.value == value)
            .min_by_key(|o| (o.confirmed.unwrap_or(u32::MAX), o.outpoint))
    }

    /// Whether any was ever confirmed at or below this height.
    #[must_use]
    pub fn any_confirmed_by(&self, height: u32) -> bool {
        self.0
            .iter()
            .any(|o| o.first_confirmed.is_some_and(|at| at <= height))
    }

    pub(super) fn seen(&mut self, outpoint: OutPoint, value: Amount, confirmed: Option<u32>) {
        if let Some(known) = self.0.iter_mut().find(|o| o.outpoint == outpoint) {
            known.confirmed = confirmed.or(known.confirmed);
            known.first_confirmed = known.first_confirmed.or(confirmed);
        } else if self.0.len() < MOST || confirmed.is_some() {
            if self.0.len() >= MOST {
                // A confirmed output displaces one that never was.
                let Some(at) = self.0.iter().position(|o| o.confirmed.is_none()) else {
                    return;
                };
                self.0.remove(at);
            }
            self.0.push(Output {
                outpoint,
                value,
                confirmed,
                first_confirmed: confirmed,
                spent: None,
            });
        }
    }

    pub(super) fn spent(&mut self, outpoint: OutPoint, spend: Spend) {
        if let Some(output) = self.0.iter_mut().find(|o| o.outpoint == outpoint) {
            // What is confirmed outweighs what is only in the mempool.
            let keep = output
                .spent
                .is_some_and(|s| s.confirmed.is_some() && spend.confirmed.is_none());
            if !keep {
                output.spent = Some(spend);
            }
        }
    }

    pub(super) fn disconnect_above(&mut self, fork: u32) {
        for output in &mut self.0 {
            output.confirmed = output.confirmed.filter(|at| *at <= fork);
            if let Some(spend) = &mut output.spent {
                spend.confirmed = spend.confirmed.filter(|at| *at <= fork);
            }
        }
    }
}
