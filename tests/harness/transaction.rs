//! Transactions as the chain shows them.

use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::{Block, OutPoint, ScriptBuf, Transaction, Txid};
use serde_json::{Value, json};

use crate::bitcoind::Bitcoind;

/// The path by which a contract was spent, read from the witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Both internal keys.
    Key,
    /// The payer's leaf.
    Claim,
    /// The funder's leaf.
    Refund,
}

/// A transaction with its fee.
#[derive(Clone, Debug)]
pub struct Seen {
    /// It.
    pub tx: Transaction,
    /// Its id.
    pub txid: Txid,
    /// What miners get (sat).
    pub fee_sat: u64,
    /// Its size for fees (vB).
    pub vsize: u64,
}

impl Seen {
    /// Reads it and the outputs it spends.
    ///
    /// # Panics
    /// When `bitcoind` does not know them.
    #[track_caller]
    pub fn read(bitcoind: &Bitcoind, txid: Txid) -> Self {
        Self::of(bitcoind, raw(bitcoind, txid))
    }

    #[track_caller]
    fn of(bitcoind: &Bitcoind, tx: Transaction) -> Self {
        let spent: u64 = tx
            .input
            .iter()
            .map(|input| {
                let from = input.previous_output;
                let index = usize::try_from(from.vout).unwrap();
                raw(bitcoind, from.txid).output[index].value.to_sat()
            })
            .sum();
        let paid: u64 = tx.output.iter().map(|output| output.value.to_sat()).sum();
        Self {
            txid: tx.compute_txid(),
            fee_sat: spent - paid,
            vsize: u64::try_from(tx.vsize()).unwrap(),
            tx,
        }
    }

    /// The path by which it spends `outpoint`.
    ///
    /// # Panics
    /// When it does not spend it, or not as a contract is spent.
    #[track_caller]
    pub fn path(&self, outpoint: OutPoint) -> Path {
        let mut inputs = self.tx.input.iter();
        let input = inputs.find(|input| input.previous_output == outpoint);
        match input.expect("an input that spends it").witness.len() {
            1 => Path::Key,
            4 => Path::Claim,
            3 => Path::Refund,
            other => panic!("a witness of {other} elements in {}", self.txid),
        }
    }

    /// The only output's value (sat).
    ///
    /// # Panics
    /// When it has another number of inputs or outputs than one.
    #[track_caller]
    pub fn only_output(&self) -> u64 {
        assert_eq!((self.tx.input.len(), self.tx.output.len()), (1, 1));
        self.tx.output[0].value.to_sat()
    }

    /// Checks that it pays the fee rate, and not noticeably more.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn assert_rate(&self, sat_per_vb: u64) {
        let least = self.vsize * sat_per_vb;
        assert!(
            (least..=least + least / 20 + 2).contains(&self.fee_sat),
            "{} pays {} sat for {} vB, not {sat_per_vb} sat/vB",
            self.txid,
            self.fee_sat,
            self.vsize
        );
    }
}

#[track_caller]
fn raw(bitcoind: &Bitcoind, txid: Txid) -> Transaction {
    let answer = bitcoind.rpc("getrawtransaction", json!([txid, 0]));
    let hex = answer.unwrap_or_else(|why| panic!("{txid}: {why}"));
    deserialize_hex(hex.as_str().unwrap()).unwrap()
}

/// The output in the mempool that pays exactly `value_sat` to `script`.
///
/// # Errors
/// When there is none yet: what is in the mempool instead.
pub fn paid_in_mempool(
    bitcoind: &Bitcoind,
    script: &ScriptBuf,
    value_sat: u64,
) -> Result<(OutPoint, Seen), String> {
    let waiting = bitcoind.mempool();
    for &txid in &waiting {
        // It may have been replaced since the list was made.
        let Ok(hex) = bitcoind.rpc("getrawtransaction", json!([txid, 0])) else {
            continue;
        };
        let tx: Transaction = deserialize_hex(hex.as_str().unwrap_or_default())
            .map_err(|why| format!("{txid}: {why}"))?;
        let found = tx.output.iter().position(|output| {
            output.script_pubkey == *script && output.value.to_sat() == value_sat
        });
        if let Some(index) = found {
            let outpoint = OutPoint::new(txid, u32::try_from(index).unwrap());
            return Ok((outpoint, Seen::of(bitcoind, tx)));
        }
    }
    Err(format!("{} other transactions wait", waiting.len()))
}

/// The transaction in the mempool that spends `outpoint`, if there is one.
///
/// # Panics
/// When `bitcoind` does not answer.
#[track_caller]
pub fn spend_in_mempool(bitcoind: &Bitcoind, outpoint: OutPoint) -> Option<Txid> {
    let asked = json!([[{ "txid": outpoint.txid, "vout": outpoint.vout }]]);
    let answer = bitcoind.rpc("gettxspendingprevout", asked).unwrap();
    let found = answer[0].get("spendingtxid").and_then(Value::as_str)?;
    Some(found.parse().unwrap())
}

/// The transaction in the last `depth` blocks that spends `outpoint`, if there is one.
///
/// # Panics
/// When `bitcoind` does not answer.
#[track_caller]
pub fn spend_in_blocks(bitcoind: &Bitcoind, outpoint: OutPoint, depth: u32) -> Option<Seen> {
    let tip = bitcoind.height();
    (tip.saturating_sub(depth) + 1..=tip).find_map(|height| {
        let hash = bitcoind.rpc("getblockhash", json!([height])).unwrap();
        let hex = bitcoind.rpc("getblock", json!([hash, 0])).unwrap();
        let block: Block = deserialize_hex(hex.as_str().unwrap()).unwrap();
        let spends = |tx: &Transaction| tx.input.iter().any(|i| i.previous_output == outpoint);
        let found = block.txdata.into_iter().find(spends)?;
        Some(Seen::of(bitcoind, found))
    })
}
