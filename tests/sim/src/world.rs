//! What both nodes and the driver share.

use std::collections::BTreeSet;

use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::SecretKey;
use bitcoin::{Amount, BlockHash, OutPoint, ScriptBuf, Transaction, TxOut};
use cambista_engine::EngineHandle;
use cambista_engine::ports::PayRequest;
use tokio::sync::oneshot;

use crate::chain::{BASE, Chain};
use crate::lightning::Network;
use crate::rng::Rng;
use crate::treason::Treason;

/// The taker's place.
pub(crate) const TAKER: usize = 0;
/// The maker's place.
pub(crate) const MAKER: usize = 1;
/// The names of both, also their peer ids.
pub(crate) const NAMES: [&str; 2] = ["taker", "maker"];

/// What a coin is worth at first (sat).
const COIN: u64 = 3_000_000;

/// How much goes wrong, in percent of occasions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) lost: u32,
    pub(crate) delayed: u32,
    pub(crate) doubled: u32,
    pub(crate) broadcast: u32,
    pub(crate) route: u32,
    /// A payment in parts does not arrive all at once.
    pub(crate) parts: u32,
    /// Blocks that hold nothing.
    pub(crate) empty: u32,
    pub(crate) withhold: u32,
    /// Miners leave a funding alone for up to so many blocks more.
    pub(crate) stuck: u32,
}

/// How a rogue speaks, in percent of its messages.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tongue {
    /// Nothing is said, nothing answered.
    pub(crate) silent: u32,
    /// Something else is said than its engine meant.
    pub(crate) twisted: u32,
    /// Its engine's transactions do not leave.
    pub(crate) hushed: u32,
    /// Its payments and invoices are not what was agreed.
    pub(crate) crooked: u32,
}

/// One side's own view and purse.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// Blocks it was given, oldest first.
    pub(crate) view: Vec<(u32, BlockHash)>,
    /// A header's time.
    pub(crate) tip_time: u64,
    pub(crate) scripts: Vec<ScriptBuf>,
    /// Of the user's other wallet, which this node knows nothing of.
    pub(crate) outside: ScriptBuf,
    /// All its coins at first (sat).
    pub(crate) start: u64,
    pub(crate) reserved: BTreeSet<OutPoint>,
    pub(crate) watched: BTreeSet<OutPoint>,
    /// Of these, what it was told is spent in the mempool.
    pub(crate) spent: BTreeSet<OutPoint>,
    pub(crate) handle: Option<EngineHandle>,
    /// Calls of ports until this side crashes.
    pub(crate) fuse: Option<u32>,
    /// Payments asked for and not made yet, with the height since when: only a traitor has them.
    pub(crate) put_off: Vec<(u32, PayRequest)>,
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
    /// What is done that no node does; it shows what is noticed.
    pub(crate) treason: Option<Treason>,
    /// The scripts of every contract that was stored.
    pub(crate) contracts: BTreeSet<ScriptBuf>,
    /// The tip at which the money was counted last.
    pub(crate) looked_at: Option<BlockHash>,
    /// The side that is not honest.
    pub(crate) rogue: Option<usize>,
    /// What the rogue's messages are like from now on.
    pub(crate) tongue: Tongue,
    /// Messages the rogue has sent, to be sent again.
    pub(crate) said: Vec<Vec<u8>>,
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
        let mut coin = |side: &mut Side, script: ScriptBuf| {
            side.start += COIN;
            outputs.push(TxOut {
                value: Amount::from_sat(COIN),
                script_pubkey: script,
            });
        };
        for side in &mut sides {
            for _ in 0..3 {
                let script = script(rng.bytes32());
                side.scripts.push(script.clone());
                coin(side, script);
            }
            side.outside = script(rng.bytes32());
            for _ in 0..2 {
                coin(side, side.outside.clone());
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
            treason: None,
            contracts: BTreeSet::new(),
            looked_at: None,
            rogue: None,
            tongue: Tongue::default(),
            said: Vec::new(),
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

    /// Says it only the first time.
    pub(crate) fn wrong_once(&mut self, text: String) {
        if !self.violations.contains(&text) {
            self.wrong(text);
        }
    }

    /// Whether a side follows the rules.
    pub(crate) fn is_honest(&self, who: usize) -> bool {
        self.rogue != Some(who)
    }

    /// Says the rogue's own, once: the world goes by what comes of it.
    pub(crate) fn crooked(&mut self, who: usize) -> bool {
        let percent = self.tongue.crooked;
        self.rogue == Some(who) && self.rng.percent(percent)
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
