//! What a node's transactions paid to miners, by the blocks and its words alone.

use std::collections::HashSet;

use bitcoin::{Address, Amount, Network};
use cambista_harness::seed::scripts;
use cambista_harness::swap::signed;
use cambista_harness::{Bitcoind, Node};
use serde_json::{Value, json};

/// What an anchor is worth (sat).
pub(super) const ANCHOR: i64 = 330;

/// What the chain shows of one side.
#[derive(Default)]
pub(super) struct Paid {
    /// What its own transactions paid to miners (sat).
    fees: i64,
    /// How many anchors it took.
    anchors: i64,
}

impl Paid {
    /// Of a node, in the blocks above this height: a transaction is its own when its wallet pays or is paid.
    pub(super) fn by(node: &Node, bitcoind: &Bitcoind, above: u32) -> Self {
        let names = addresses(node);
        let mut paid = Self::default();
        let all = transactions(bitcoind, above);
        let own = all.iter().filter(|tx| touches(tx, &names));
        own.for_each(|tx| paid.add(tx));
        paid
    }

    /// Counts a transaction of its own.
    pub(super) fn add(&mut self, tx: &Value) {
        self.fees += fee(tx);
        let spends = list(&tx["vin"]).iter();
        let anchors = spends.filter(|input| sat(&input["prevout"]["value"]) == ANCHOR);
        self.anchors += signed(u64::try_from(anchors.count()).unwrap());
    }

    /// What it has less by them (sat).
    pub(super) const fn cost(&self) -> i64 {
        self.fees - self.anchors * ANCHOR
    }
}

/// Everything in the blocks above this height that is not for who mined them.
pub(super) fn transactions(bitcoind: &Bitcoind, above: u32) -> Vec<Value> {
    let blocks = above + 1..=bitcoind.height();
    let of = |height| {
        let hash = bitcoind.rpc("getblockhash", json!([height])).unwrap();
        let mut block = bitcoind.rpc("getblock", json!([hash, 3])).unwrap();
        let all: Vec<Value> = serde_json::from_value(block["tx"].take()).unwrap();
        all.into_iter().skip(1)
    };
    blocks.flat_map(of).collect()
}

/// Whether it spends from, or pays to, one of these addresses.
pub(super) fn touches(tx: &Value, names: &HashSet<String>) -> bool {
    let spent = list(&tx["vin"]).iter().map(|input| &input["prevout"]);
    let mut addresses = spent
        .chain(list(&tx["vout"]))
        .filter_map(|out| out["scriptPubKey"]["address"].as_str());
    addresses.any(|address| names.contains(address))
}

/// What its miner got (sat).
pub(super) fn fee(tx: &Value) -> i64 {
    sat(&tx["fee"])
}

/// The first addresses of a node's wallet.
pub(super) fn addresses(node: &Node) -> HashSet<String> {
    let scripts = scripts(node.words());
    let all = scripts
        .iter()
        .map(|script| Address::from_script(script, Network::Regtest));
    all.map(|address| address.unwrap().to_string()).collect()
}

/// An array of JSON, or nothing.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn sat(btc: &Value) -> i64 {
    signed(Amount::from_btc(btc.as_f64().unwrap()).unwrap().to_sat())
}
