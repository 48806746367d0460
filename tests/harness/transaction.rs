//! Transactions as the chain shows them.

use std::collections::HashSet;

use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::{Block, OutPoint, ScriptBuf, Transaction, Txid};
use serde_json::{Value, json};

use crate::bitcoind::Bitcoind;
use crate::wait::{FOUND_AGAIN, wait_for};

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
        let read = raw(bitcoind, txid).and_then(|tx| Self::of(bitcoind, tx));
        read.unwrap_or_else(|why| panic!("{why}"))
    }

    fn of(bitcoind: &Bitcoind, tx: Transaction) -> Result<Self, String> {
        let mut spent = 0;
        for input in &tx.input {
            let from = input.previous_output;
            let index = usize::try_from(from.vout).unwrap();
            spent += raw(bitcoind, from.txid)?.output[index].value.to_sat();
        }
        let paid: u64 = tx.output.iter().map(|output| output.value.to_sat()).sum();
        Ok(Self {
            txid: tx.compute_txid(),
            fee_sat: spent - paid,
            vsize: u64::try_from(tx.vsize()).unwrap(),
            tx,
        })
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

    /// What the swap whose output this is pays of the fee of a transaction that sweeps for several swaps by key path, each
    /// well below its limit: equal parts, the odd satoshis for those named first (sat).
    ///
    /// # Panics
    /// When it does not spend it, or has more outputs than one.
    #[track_caller]
    pub fn share_of(&self, outpoint: OutPoint) -> u64 {
        assert_eq!(self.tx.output.len(), 1);
        let mut inputs = self.tx.input.iter();
        let at = inputs.position(|input| input.previous_output == outpoint);
        let at = u64::try_from(at.expect("an input that spends it")).unwrap();
        let all = u64::try_from(self.tx.input.len()).unwrap();
        self.fee_sat / all + u64::from(at < self.fee_sat % all)
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

fn raw(bitcoind: &Bitcoind, txid: Txid) -> Result<Transaction, String> {
    let answer = bitcoind.rpc("getrawtransaction", json!([txid, 0]));
    let hex = answer.map_err(|why| format!("{txid}: {why}"))?;
    Ok(deserialize_hex(hex.as_str().unwrap()).unwrap())
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
        let Ok(tx) = raw(bitcoind, txid) else {
            continue;
        };
        let found = tx.output.iter().position(|output| {
            output.script_pubkey == *script && output.value.to_sat() == value_sat
        });
        if let Some(index) = found {
            let outpoint = OutPoint::new(txid, u32::try_from(index).unwrap());
            return Ok((outpoint, Seen::of(bitcoind, tx)?));
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

/// The same transaction, read.
///
/// # Errors
/// When there is none, or it was replaced before it could be read: a node that reads many blocks bids at each of them.
pub fn read_spend_in_mempool(bitcoind: &Bitcoind, outpoint: OutPoint) -> Result<Seen, String> {
    let txid = spend_in_mempool(bitcoind, outpoint)
        .ok_or_else(|| format!("none at height {}", bitcoind.height()))?;
    raw(bitcoind, txid).and_then(|tx| Seen::of(bitcoind, tx))
}

/// Waits until something in the mempool spends `outpoint`.
///
/// # Panics
/// When nothing has after [`FOUND_AGAIN`].
#[track_caller]
pub fn wait_spend(bitcoind: &Bitcoind, outpoint: OutPoint) -> Seen {
    wait_for("a spend in the mempool", FOUND_AGAIN, || {
        read_spend_in_mempool(bitcoind, outpoint)
    })
}

/// Waits until another transaction in the mempool than `known` spends `outpoint`.
///
/// # Panics
/// As [`wait_spend`].
#[track_caller]
pub fn wait_other_spend(bitcoind: &Bitcoind, outpoint: OutPoint, known: Txid) -> Seen {
    let what = format!("another spend in the mempool than {known}");
    wait_for(&what, FOUND_AGAIN, || {
        let seen = read_spend_in_mempool(bitcoind, outpoint)?;
        (seen.txid != known)
            .then_some(seen)
            .ok_or_else(|| format!("still that at height {}", bitcoind.height()))
    })
}

/// Waits until one transaction in the mempool other than `known` spends all of these, and nothing else.
///
/// # Panics
/// As [`wait_spend`].
#[track_caller]
pub fn wait_joint_spend(bitcoind: &Bitcoind, outpoints: &[OutPoint], known: Option<Txid>) -> Seen {
    wait_for("one transaction for all of them", FOUND_AGAIN, || {
        let seen = read_spend_in_mempool(bitcoind, outpoints[0])?;
        let spent = seen.tx.input.iter().map(|input| input.previous_output);
        let spent: HashSet<OutPoint> = spent.collect();
        let fits = Some(seen.txid) != known && spent == outpoints.iter().copied().collect();
        // As long as they have not come together one replaces the other.
        fits.then_some(seen).ok_or_else(|| format!("{spent:?}"))
    })
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
        Some(Seen::of(bitcoind, found).unwrap_or_else(|why| panic!("{why}")))
    })
}
