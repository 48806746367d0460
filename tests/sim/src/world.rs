//! What both nodes and the driver share.

use std::collections::BTreeSet;

use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::SecretKey;
use bitcoin::{Amount, BlockHash, OutPoint, ScriptBuf, Transaction, TxOut};
use cambista_engine::EngineHandle;
use tokio::sync::oneshot;

use crate::chain::{BASE, Chain};
use crate::lightning::Network;
use crate::rng::Rng;

/// The taker's place.
pub(crate) const TAKER: usize = 0;
/// The maker's place.
pub(crate) const MAKER: usize = 1;
/// The names of both, also their peer ids.
pub(crate) const NAMES: [&str; 2] = ["taker", "maker"];

/// How much goes wrong, in percent of occasions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) lost: u32,
    pub(crate) delayed: u32,
    pub(crate) doubled: u32,
    pub(crate) broadcast: u32,
    pub(crate) route: u32,
    pub(crate) withhold: u32,
    /// Miners leave a funding alone for up to so many blocks more.
    pub(crate) stuck: u32,
    /// In percent: what should be claimed over Lightning is failed back. No node does this; it shows what is noticed.
    pub(crate) treason: u32,
}

/// One side's own view and purse.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// Blocks it was given, oldest first.
    pub(crate) view: Vec<(u32, BlockHash)>,
    /// A header's time.
    pub(crate) tip_time: u64,
    pub(crate) scripts: Vec<ScriptBuf>,
    pub(crate) reserved: BTreeSet<OutPoint>,
    pub(crate) watched: BTreeSet<OutPoint>,
    pub(crate) handle: Option<EngineHandle>,
    /// Calls of ports until this side crashes.
    pub(crate) fuse: Option<u32>,
    /// Secrets that left.
    pub(crate) sent_preimage: bool,
    pub(crate) sent_key: bool,
}

/// The world.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) rng: Rng,
    pub(crate) now: u64,
    pub(crate) rate: u64,
    pub(crate) chain: Chain,
    pub(crate) lightning: Network,
    pub(crate) sides: [Side; 2],
    pub(crate) faults: Faults,
    pub(crate) delayed: Vec<oneshot::Sender<()>>,
    pub(crate) activity: u64,
    pub(crate) trace: Vec<String>,
    pub(crate) violations: Vec<String>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let now = 1_800_000_000;
        let mut sides: [Side; 2] = Default::default();
        let mut outputs = Vec::new();
        for side in &mut sides {
            for _ in 0..3 {
                let script = script(rng.bytes32());
                side.scripts.push(script.clone());
                outputs.push(TxOut {
                    value: Amount::from_sat(3_000_000),
                    script_pubkey: script,
                });
            }
        }
        let rate = u64::from(rng.range(1, 20));
        Self {
            seed,
            rng,
            now,
            rate,
            chain: Chain::new(outputs, now),
            lightning: Network::default(),
            sides,
            faults: Faults::default(),
            delayed: Vec::new(),
            activity: 0,
            trace: Vec::new(),
            violations: Vec::new(),
        }
    }

    pub(crate) fn note(&mut self, text: impl AsRef<str>) {
        let line = format!("{} {}", self.chain.height(), text.as_ref());
        self.trace.push(line);
    }

    pub(crate) fn wrong(&mut self, text: impl AsRef<str>) {
        self.note(format!("WRONG: {}", text.as_ref()));
        self.violations.push(text.as_ref().to_owned());
    }

    /// The height a side was given last.
    pub(crate) fn seen(&self, who: usize) -> u32 {
        self.sides[who]
            .view
            .last()
            .map_or(BASE, |(height, _)| *height)
    }

    /// Whether a transaction spends coins of a side's own wallet.
    pub(crate) fn spends_own(&self, who: usize, tx: &Transaction) -> bool {
        let first = tx.input.first();
        let coin = first.and_then(|input| self.chain.utxos.get(&input.previous_output));
        coin.is_some_and(|out| self.sides[who].scripts.contains(&out.script_pubkey))
    }

    pub(crate) fn secret(&self, label: &str, who: usize, id: &[u8]) -> SecretKey {
        let mut round = 0_u8;
        loop {
            let mut bytes = self.seed.to_le_bytes().to_vec();
            bytes.extend_from_slice(label.as_bytes());
            bytes.extend_from_slice(NAMES[who].as_bytes());
            bytes.extend_from_slice(id);
            bytes.push(round);
            if let Ok(key) = SecretKey::from_slice(&sha256::Hash::hash(&bytes).to_byte_array()) {
                return key;
            }
            round += 1;
        }
    }
}

/// A script of a wallet: one nobody else has.
pub(crate) fn script(bytes: [u8; 32]) -> ScriptBuf {
    ScriptBuf::from_bytes([&[0x51, 0x20][..], &bytes].concat())
}
