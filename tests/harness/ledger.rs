//! What a node owns, and how it changed.
//!
//! The coins are looked up in `bitcoind`'s set of unspent outputs with the node's own seed; the daemon is not asked.
//! Lightning balances exist nowhere but in the two nodes of a channel.

use std::collections::BTreeMap;
use std::fmt;

use bitcoin::Amount;
use serde_json::{Value, json};

use crate::bitcoind::Bitcoind;
use crate::node::Node;
use crate::seed;
use crate::wait::{FOUND_AGAIN, wait_for};

/// What one channel can carry, as its node sees it (sat).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sides {
    /// All of it.
    pub capacity: u64,
    /// What this side can send: its part but for the reserve.
    pub outbound: u64,
    /// What it can receive: the other's part but for the reserve.
    pub inbound: u64,
    /// Payments that have not ended.
    pub under_way: u64,
}

/// What a node owns at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purse {
    /// By funding transaction.
    pub channels: BTreeMap<String, Sides>,
    /// Confirmed coins (sat).
    pub chain: u64,
}

/// How a node's money changed (sat).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Over Lightning.
    pub lightning: i64,
    /// On the chain.
    pub chain: i64,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lightning, chain } = self;
        write!(
            f,
            "{lightning:+} sat over Lightning, {chain:+} sat on the chain"
        )
    }
}

impl Purse {
    /// What `node` owns now.
    ///
    /// # Panics
    /// When it or `bitcoind` does not answer.
    #[track_caller]
    pub fn of(node: &Node, bitcoind: &Bitcoind) -> Self {
        Self {
            channels: channels(node),
            chain: coins(node, bitcoind),
        }
    }

    /// How much more `later` has.
    ///
    /// # Errors
    /// When channels came or went, or one has both sides below their reserves.
    pub fn change_to(&self, later: &Self) -> Result<Change, String> {
        if !self.channels.keys().eq(later.channels.keys()) {
            return Err(format!(
                "the channels are others: {:?}, before: {:?}",
                later.channels, self.channels
            ));
        }
        let mut change = Change {
            lightning: 0,
            chain: difference(later.chain, self.chain),
        };
        for (id, before) in &self.channels {
            change.lightning += before
                .change_to(&later.channels[id])
                .ok_or_else(|| format!("channel {id} cannot be compared"))?;
        }
        Ok(change)
    }

    /// Waits until `node` has exactly what it had when this was taken, changed by `expected`. A payment that is held counts
    /// as the receiver's.
    ///
    /// # Panics
    /// When it has not after [`FOUND_AGAIN`].
    #[track_caller]
    pub fn assert_changed(&self, node: &Node, bitcoind: &Bitcoind, expected: Change) {
        let what = format!("{} to have {expected}", node.name());
        wait_for(&what, FOUND_AGAIN, || {
            let change = self.change_to(&Self::of(node, bitcoind))?;
            (change == expected)
                .then_some(())
                .ok_or_else(|| change.to_string())
        });
    }

    /// The same, and that no payment is under way any more: nobody can take back what is counted.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn assert_settled(&self, node: &Node, bitcoind: &Bitcoind, expected: Change) {
        let what = format!("the payments of {} to end", node.name());
        wait_for(&what, FOUND_AGAIN, || {
            let channels = channels(node);
            let open = channels.values().any(|sides| sides.under_way > 0);
            (!open).then_some(()).ok_or_else(|| format!("{channels:?}"))
        });
        self.assert_changed(node, bitcoind, expected);
    }
}

impl Sides {
    /// What this side gained. What is below the reserve shows on neither number of its own side, but on the other's.
    fn change_to(&self, later: &Self) -> Option<i64> {
        if self.outbound > 0 && later.outbound > 0 {
            Some(difference(later.outbound, self.outbound))
        } else if self.inbound > 0 && later.inbound > 0 {
            Some(difference(self.inbound, later.inbound))
        } else {
            None
        }
    }
}

fn difference(later: u64, before: u64) -> i64 {
    i64::try_from(later).unwrap() - i64::try_from(before).unwrap()
}

/// The channels of a node by funding transaction.
///
/// # Panics
/// When it does not answer.
#[track_caller]
pub fn channels(node: &Node) -> BTreeMap<String, Sides> {
    let list = node.cli(&["channel", "list"]);
    let channels = list["channels"].as_array().cloned().unwrap_or_default();
    let number = |channel: &Value, name: &str| channel[name].as_u64().unwrap();
    channels
        .iter()
        .map(|channel| {
            let sides = Sides {
                capacity: number(channel, "capacity_sat"),
                outbound: number(channel, "outbound_sat"),
                inbound: number(channel, "inbound_sat"),
                under_way: number(channel, "payments_under_way"),
            };
            (channel["funding_txid"].as_str().unwrap().to_owned(), sides)
        })
        .collect()
}

/// The confirmed coins of a node's wallet (sat).
#[track_caller]
fn coins(node: &Node, bitcoind: &Bitcoind) -> u64 {
    let scripts = seed::scripts(node.words());
    let descriptors: Vec<String> = scripts
        .iter()
        .map(|script| format!("raw({})", script.to_hex_string()))
        .collect();
    let found = bitcoind
        .rpc("scantxoutset", json!(["start", descriptors]))
        .unwrap();
    let unspent = found["unspents"].as_array().unwrap();
    unspent
        .iter()
        .map(|coin| {
            let btc = coin["amount"].as_f64().unwrap();
            Amount::from_btc(btc).unwrap().to_sat()
        })
        .sum()
}
