//! The outputs at a contract's script, as one side's own chain shows them.

use bitcoin::{Amount, OutPoint, Txid};
use serde::{Deserialize, Serialize};

use crate::timelock::Timelocks;

/// So many outputs of the agreed value, and as many of other values, are followed at one script. The two never displace
/// each other: nobody may blind a side to the output that counts by paying others to the script first.
const MOST: usize = 16;
/// An output of another value below this (sat) is not followed: spending it would cost what it is worth, and waiting for
/// it would let anybody hold a swap open for the price of dust.
const LEAST_STRAY: Amount = Amount::from_sat(5_000);

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

    /// The one that counts: exactly this value; a confirmed one before an unconfirmed one, the longest confirmed first. Of
    /// several that are in no block one that was before a reorganisation: a version nobody mined may be one nobody has.
    #[must_use]
    pub fn exact(&self, value: Amount) -> Option<&Output> {
        self.0.iter().filter(|o| o.value == value).min_by_key(|o| {
            let height = |at: Option<u32>| at.unwrap_or(u32::MAX);
            (height(o.confirmed), height(o.first_confirmed), o.outpoint)
        })
    }

    pub(super) fn seen(
        &mut self,
        outpoint: OutPoint,
        value: Amount,
        confirmed: Option<u32>,
        wanted: Amount,
    ) {
        if let Some(known) = self.0.iter_mut().find(|o| o.outpoint == outpoint) {
            known.confirmed = confirmed.or(known.confirmed);
            known.first_confirmed = known.first_confirmed.or(confirmed);
            return;
        }
        let exact = value == wanted;
        if !exact && value < LEAST_STRAY {
            return;
        }
        let same_kind = |o: &&Output| (o.value == wanted) == exact;
        if self.0.iter().filter(same_kind).count() >= MOST {
            // A confirmed output displaces one of its kind that never was.
            let never = |o: &Output| (o.value == wanted) == exact && o.first_confirmed.is_none();
            let Some(at) = self.0.iter().position(never) else {
                return;
            };
            if confirmed.is_none() {
                return;
            }
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
