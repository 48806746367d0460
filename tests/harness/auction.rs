//! Who spends an outpoint, bid by bid, and whether every bid was allowed to replace the one before.
//!
//! BIP125 as it is written, reckoned from the transactions themselves: no code of the node is used.

use bitcoin::{Amount, OutPoint, Txid};
use serde_json::json;

use crate::bitcoind::Bitcoind;
use crate::transaction::{Seen, read_spend_in_mempool};
use crate::wait::{FOUND_AGAIN, wait_for};

/// From this number on a sequence number forbids replacement.
const FINAL: u32 = 0xffff_fffe;

/// The spends of one outpoint that were seen in the mempool, oldest first.
#[derive(Debug)]
pub struct Auction {
    outpoint: OutPoint,
    bids: Vec<Seen>,
}

impl Auction {
    /// Nothing was seen yet.
    pub const fn of(outpoint: OutPoint) -> Self {
        Self {
            outpoint,
            bids: Vec::new(),
        }
    }

    /// All bids seen, oldest first.
    pub fn bids(&self) -> &[Seen] {
        &self.bids
    }

    /// The spend that is in the mempool now. One that was not there before is checked against the last one: it may
    /// never pay less, not even when the last one was thrown out in between, and must be a replacement nodes relay.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn look(&mut self, bitcoind: &Bitcoind) -> Option<Seen> {
        let new = read_spend_in_mempool(bitcoind, self.outpoint).ok()?;
        if let Some(old) = self.bids.last() {
            if old.txid == new.txid {
                return Some(new);
            }
            check_replacement(bitcoind, old, &new);
        }
        self.bids.push(new.clone());
        Some(new)
    }

    /// Waits until the spend in the mempool is one that `fits`.
    ///
    /// # Panics
    /// When there is none after [`FOUND_AGAIN`], or a replacement on the way was not allowed.
    #[track_caller]
    pub fn wait(&mut self, bitcoind: &Bitcoind, what: &str, fits: impl Fn(&Seen) -> bool) -> Seen {
        wait_for(what, FOUND_AGAIN, || {
            let seen = self.look(bitcoind);
            let seen = seen.ok_or_else(|| format!("no spend at {}", bitcoind.height()))?;
            if fits(&seen) {
                Ok(seen)
            } else {
                Err(format!(
                    "{} pays {} sat for {} vB",
                    seen.txid, seen.fee_sat, seen.vsize
                ))
            }
        })
    }

    /// Waits for a spend that pays at least `sat_per_vb`.
    ///
    /// # Panics
    /// As [`Auction::wait`].
    #[track_caller]
    pub fn wait_rate(&mut self, bitcoind: &Bitcoind, sat_per_vb: u64) -> Seen {
        let what = format!("a spend of {} at {sat_per_vb} sat/vB", self.outpoint);
        self.wait(bitcoind, &what, |seen| {
            seen.fee_sat >= sat_per_vb * seen.vsize
        })
    }
}

/// Checks that `new` is a replacement of `old` that BIP125 allows and nodes relay.
///
/// # Panics
/// With the rule it breaks.
#[track_caller]
pub fn check_replacement(bitcoind: &Bitcoind, old: &Seen, new: &Seen) {
    let (from, to) = (old.txid, new.txid);
    let signals = old.tx.input.iter().any(|i| i.sequence.0 < FINAL);
    assert!(signals, "rule 1: {from} did not allow to be replaced");
    let known: Vec<Txid> = parents(old);
    for parent in parents(new) {
        let fresh = !known.contains(&parent) && !is_confirmed(bitcoind, parent);
        assert!(!fresh, "rule 2: {to} spends {parent}, unconfirmed and new");
    }
    assert!(
        new.fee_sat >= old.fee_sat,
        "rule 3: {to} pays {} sat, {from} paid {}",
        new.fee_sat,
        old.fee_sat
    );
    let relay = (new.vsize * increment(bitcoind)).div_ceil(1_000);
    assert!(
        new.fee_sat - old.fee_sat >= relay,
        "rule 4: {to} pays {} sat more than {from}, {relay} sat is what its own relay costs",
        new.fee_sat - old.fee_sat
    );
    assert!(
        new.fee_sat * old.vsize > old.fee_sat * new.vsize,
        "rule 6: {to} pays {} sat for {} vB, {from} {} sat for {} vB",
        new.fee_sat,
        new.vsize,
        old.fee_sat,
        old.vsize
    );
}

fn parents(seen: &Seen) -> Vec<Txid> {
    let inputs = seen.tx.input.iter();
    inputs.map(|input| input.previous_output.txid).collect()
}

#[track_caller]
fn is_confirmed(bitcoind: &Bitcoind, txid: Txid) -> bool {
    bitcoind.tx(txid)["confirmations"].as_u64() > Some(0)
}

/// What a replacement pays on its own size (sat per 1000 vB).
#[track_caller]
fn increment(bitcoind: &Bitcoind) -> u64 {
    let info = bitcoind.rpc("getmempoolinfo", json!([])).unwrap();
    let btc = info["incrementalrelayfee"].as_f64().unwrap();
    Amount::from_btc(btc).unwrap().to_sat()
}
