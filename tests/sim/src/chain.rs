//! One block chain and one mempool for both sides: replacement by fee, lock times, a least rate that moves,
//! reorganisations. Signatures are not looked at: what is forged is said to be.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::block::{Header, Version};
use bitcoin::hashes::{Hash, sha256d};
use bitcoin::{
    Amount, Block, BlockHash, CompactTarget, OutPoint, ScriptBuf, Transaction, TxMerkleNode, TxOut,
    Txid,
};

use crate::rng::Rng;

/// The height of the first block.
pub(crate) const BASE: u32 = 1_000;

/// A transaction that waits.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) tx: Transaction,
    pub(crate) txid: Txid,
    pub(crate) fee: u64,
    pub(crate) vsize: u64,
}

/// What of a transaction's inputs is free, and what it would replace.
struct Checked {
    fee: u64,
    vsize: u64,
    replaced: Vec<Txid>,
}

/// Blocks and mempool.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) blocks: Vec<Block>,
    /// The ids of their transactions.
    ids: Vec<Vec<Txid>>,
    /// The height of every confirmed transaction.
    heights: BTreeMap<Txid, u32>,
    pub(crate) utxos: BTreeMap<OutPoint, TxOut>,
    /// Transactions whose signatures are not good.
    pub(crate) forged: BTreeSet<Txid>,
    /// The least rate the mempool takes (sat/vB).
    pub(crate) floor: u64,
    pub(crate) mempool: Vec<Waiting>,
    /// Every block ever found, with its height and the one before it.
    pub(crate) known: BTreeMap<BlockHash, (u32, BlockHash)>,
    /// Miners leave spends of these inputs alone until this height.
    pub(crate) withheld: BTreeMap<OutPoint, u32>,
    nonce: u32,
    /// What every transaction in a block paid to miners (sat).
    fees: BTreeMap<Txid, u64>,
    /// Every output there ever was in a block.
    outs: BTreeMap<OutPoint, TxOut>,
}

fn rate_at_least(fee: u64, vsize: u64, sat_vb: u64) -> bool {
    fee >= vsize.saturating_mul(sat_vb)
}

impl Chain {
    /// A chain whose first block pays these outputs.
    pub(crate) fn new(outputs: Vec<TxOut>, time: u64) -> Self {
        let mut chain = Self {
            blocks: Vec::new(),
            ids: Vec::new(),
            heights: BTreeMap::new(),
            utxos: BTreeMap::new(),
            forged: BTreeSet::new(),
            floor: 1,
            mempool: Vec::new(),
            known: BTreeMap::new(),
            withheld: BTreeMap::new(),
            nonce: 0,
            fees: BTreeMap::new(),
            outs: BTreeMap::new(),
        };
        let coins = Transaction {
            version: bitcoin::transaction::Version::TWO,
            lock_time: bitcoin::absolute::LockTime::ZERO,
            input: Vec::new(),
            output: outputs,
        };
        chain.append(vec![coins], time);
        chain
    }

    pub(crate) fn height(&self) -> u32 {
        (BASE + u32::try_from(self.blocks.len()).unwrap_or(0)).saturating_sub(1)
    }

    pub(crate) fn block(&self, height: u32) -> Option<&Block> {
        let at = usize::try_from(height.checked_sub(BASE)?).ok()?;
        self.blocks.get(at)
    }

    pub(crate) fn is_on(&self, hash: &BlockHash) -> bool {
        self.known.get(hash).is_some_and(|(height, _)| {
            self.block(*height)
                .is_some_and(|block| block.block_hash() == *hash)
        })
    }

    fn append(&mut self, txdata: Vec<Transaction>, time: u64) {
        self.nonce += 1;
        let prev = self
            .blocks
            .last()
            .map_or_else(BlockHash::all_zeros, Block::block_hash);
        let ids: Vec<Txid> = txdata.iter().map(Transaction::compute_txid).collect();
        let root: Vec<u8> = ids.iter().flat_map(|id| id.to_byte_array()).collect();
        let header = Header {
            version: Version::TWO,
            prev_blockhash: prev,
            merkle_root: TxMerkleNode::from_raw_hash(sha256d::Hash::hash(&root)),
            time: u32::try_from(time).unwrap_or(u32::MAX),
            bits: CompactTarget::from_consensus(0),
            nonce: self.nonce,
        };
        let height = self.height() + 1;
        for (tx, id) in txdata.iter().zip(&ids) {
            self.apply(tx, *id, height);
        }
        self.blocks.push(Block { header, txdata });
        self.ids.push(ids);
        self.known.insert(header.block_hash(), (height, prev));
    }

    /// The last block.
    pub(crate) fn tip(&self) -> BlockHash {
        self.blocks
            .last()
            .map_or_else(BlockHash::all_zeros, Block::block_hash)
    }

    /// What all transactions in blocks paid to miners (sat).
    pub(crate) fn fees(&self) -> u64 {
        self.fees.values().sum()
    }

    /// What a transaction pays to miners, by the outputs it spends (sat). None when one of them was never in a block.
    pub(crate) fn fee_of(&self, tx: &Transaction) -> Option<u64> {
        let mut paid_in: u64 = 0;
        for input in &tx.input {
            paid_in += self.outs.get(&input.previous_output)?.value.to_sat();
        }
        let paid_out: u64 = tx.output.iter().map(|out| out.value.to_sat()).sum();
        paid_in.checked_sub(paid_out)
    }

    fn apply(&mut self, tx: &Transaction, txid: Txid, height: u32) {
        for input in &tx.input {
            self.utxos.remove(&input.previous_output);
        }
        // The first transaction of all makes the coins.
        if let Some(fee) = self.fee_of(tx) {
            self.fees.insert(txid, fee);
        }
        self.heights.insert(txid, height);
        for (vout, out) in (0u32..).zip(&tx.output) {
            let at = OutPoint { txid, vout };
            self.utxos.insert(at, out.clone());
            self.outs.insert(at, out.clone());
        }
    }

    /// Whether it waits or is in a block.
    pub(crate) fn knows(&self, txid: &Txid) -> bool {
        self.mempool.iter().any(|w| w.txid == *txid) || self.heights.contains_key(txid)
    }

    /// The spend of an output that is in a block, and its height.
    pub(crate) fn spend_of(&self, outpoint: &OutPoint) -> Option<(&Transaction, u32)> {
        (BASE..).zip(&self.blocks).find_map(|(height, block)| {
            let spends = |tx: &&Transaction| {
                let mut inputs = tx.input.iter();
                inputs.any(|input| input.previous_output == *outpoint)
            };
            block.txdata.iter().find(spends).map(|tx| (tx, height))
        })
    }

    /// All outputs at a script in blocks, with their heights.
    pub(crate) fn paid_to(&self, script: &ScriptBuf) -> Vec<(OutPoint, Amount, u32)> {
        let mut paid = Vec::new();
        for ((height, block), ids) in (BASE..).zip(&self.blocks).zip(&self.ids) {
            for (tx, txid) in block.txdata.iter().zip(ids) {
                let outs = (0u32..).zip(&tx.output);
                let outs = outs.filter(|(_, out)| out.script_pubkey == *script);
                paid.extend(outs.map(|(vout, out)| {
                    let at = OutPoint { txid: *txid, vout };
                    (at, out.value, height)
                }));
            }
        }
        paid
    }

    /// Whether the blocks an input asks to wait (BIP68) have passed in a block of this height.
    fn waited(&self, tx: &Transaction, height: u32) -> bool {
        tx.input.iter().all(|input| {
            let blocks = input.sequence.to_consensus_u32();
            let asks = input.sequence.is_height_locked() && blocks & 0xffff > 0;
            let since = self.heights.get(&input.previous_output.txid);
            !asks || since.is_some_and(|since| since + (blocks & 0xffff) <= height)
        })
    }

    /// The least rate changes; what pays less leaves the mempool.
    pub(crate) fn set_floor(&mut self, floor: u64) {
        self.floor = floor;
        let poor = |chain: &Self| {
            let found = chain.mempool.iter().find(|w| !chain.worth(w, floor));
            found.map(|w| w.txid)
        };
        while let Some(txid) = poor(self) {
            self.forget(txid);
        }
    }

    /// Takes a transaction and what spends it out of the mempool.
    fn forget(&mut self, txid: Txid) {
        let mut gone = vec![txid];
        while let Some(id) = gone.pop() {
            self.mempool.retain(|w| {
                let child = w.tx.input.iter().any(|i| i.previous_output.txid == id);
                if child {
                    gone.push(w.txid);
                }
                !child && w.txid != id
            });
        }
    }

    /// An output, spent only in the mempool or not at all.
    fn coin(&self, outpoint: &OutPoint) -> Option<TxOut> {
        let waiting = self.mempool.iter().find(|w| w.txid == outpoint.txid);
        let unconfirmed = waiting.and_then(|w| {
            let at = usize::try_from(outpoint.vout).ok()?;
            w.tx.output.get(at).cloned()
        });
        self.utxos.get(outpoint).cloned().or(unconfirmed)
    }

    fn check(&self, tx: &Transaction, floor: u64) -> Result<Checked, String> {
        if tx.lock_time.to_consensus_u32() > self.height() {
            return Err("non-final".to_owned());
        }
        if !self.waited(tx, self.height() + 1) {
            return Err("non-BIP68-final".to_owned());
        }
        let mut paid_in = 0;
        for input in &tx.input {
            let coin = self
                .coin(&input.previous_output)
                .ok_or("bad-txns-inputs-missingorspent")?;
            paid_in += coin.value.to_sat();
        }
        let paid_out: u64 = tx.output.iter().map(|out| out.value.to_sat()).sum();
        let fee = paid_in
            .checked_sub(paid_out)
            .ok_or("bad-txns-in-belowout")?;
        let vsize = u64::try_from(tx.vsize()).unwrap_or(u64::MAX);
        if !rate_at_least(fee, vsize, floor) {
            return Err("min relay fee not met".to_owned());
        }
        let spends = |other: &Transaction| {
            other.input.iter().any(|theirs| {
                let mut ours = tx.input.iter();
                ours.any(|own| own.previous_output == theirs.previous_output)
            })
        };
        let direct: Vec<&Waiting> = self.mempool.iter().filter(|w| spends(&w.tx)).collect();
        for old in &direct {
            if u128::from(fee) * u128::from(old.vsize) <= u128::from(old.fee) * u128::from(vsize) {
                return Err("insufficient fee, rejecting replacement: rate".to_owned());
            }
        }
        let mut replaced: Vec<Txid> = direct.iter().map(|w| w.txid).collect();
        loop {
            let child = self.mempool.iter().find(|w| {
                let mut inputs = w.tx.input.iter();
                !replaced.contains(&w.txid)
                    && inputs.any(|i| replaced.contains(&i.previous_output.txid))
            });
            let Some(child) = child else { break };
            replaced.push(child.txid);
        }
        let lost: u64 = self
            .mempool
            .iter()
            .filter(|w| replaced.contains(&w.txid))
            .map(|w| w.fee)
            .sum();
        if !replaced.is_empty() && fee < lost + vsize {
            return Err("insufficient fee, rejecting replacement".to_owned());
        }
        if tx
            .input
            .iter()
            .any(|i| replaced.contains(&i.previous_output.txid))
        {
            return Err("spends what it replaces".to_owned());
        }
        Ok(Checked {
            fee,
            vsize,
            replaced,
        })
    }

    /// Whether the mempool would take it.
    pub(crate) fn test(&self, tx: &Transaction) -> Result<(), String> {
        if self.knows(&tx.compute_txid()) {
            return Ok(());
        }
        self.check(tx, self.floor).map(|_| ())
    }

    /// Takes it into the mempool; miners may leave it alone for a while.
    pub(crate) fn accept(&mut self, tx: &Transaction, withhold: u32) -> Result<bool, String> {
        self.accept_above(tx, withhold, self.floor)
    }

    /// Takes a parent that pays too little together with the child that pays for it.
    pub(crate) fn accept_package(
        &mut self,
        parent: &Transaction,
        child: &Transaction,
    ) -> Result<(), String> {
        let new = self.accept_above(parent, 0, 0)?;
        let txid = parent.compute_txid();
        let taken = self.accept(child, 0);
        let worth = |w: &&Waiting| w.txid == txid && !self.worth(w, self.floor);
        if !new {
            return taken.map(|_| ());
        }
        if taken.is_err() || self.mempool.iter().any(|w| worth(&w)) {
            self.forget(txid);
        }
        taken.map(|_| ())
    }

    fn accept_above(
        &mut self,
        tx: &Transaction,
        withhold: u32,
        floor: u64,
    ) -> Result<bool, String> {
        let txid = tx.compute_txid();
        if self.knows(&txid) {
            return Ok(false);
        }
        if self.forged.contains(&txid) {
            return Err("mandatory-script-verify-flag-failed".to_owned());
        }
        let checked = self.check(tx, floor)?;
        self.mempool.retain(|w| !checked.replaced.contains(&w.txid));
        if let Some(input) = tx.input.first() {
            let until = self.height() + withhold;
            self.withheld.entry(input.previous_output).or_insert(until);
        }
        self.mempool.push(Waiting {
            tx: tx.clone(),
            txid,
            fee: checked.fee,
            vsize: checked.vsize,
        });
        Ok(true)
    }

    /// The best rate a transaction reaches, alone or with one child.
    fn worth(&self, waiting: &Waiting, sat_vb: u64) -> bool {
        let txid = waiting.txid;
        let alone = rate_at_least(waiting.fee, waiting.vsize, sat_vb);
        alone
            || self.mempool.iter().any(|w| {
                let mut inputs = w.tx.input.iter();
                inputs.any(|i| i.previous_output.txid == txid)
                    && rate_at_least(w.fee + waiting.fee, w.vsize + waiting.vsize, sat_vb)
            })
    }

    /// Finds a block with everything that pays this rate.
    pub(crate) fn mine(&mut self, sat_vb: u64, time: u64, patient: bool) {
        let height = self.height() + 1;
        let mut taken: Vec<Waiting> = Vec::new();
        loop {
            let next = self.mempool.iter().position(|w| {
                let free = w.tx.input.iter().all(|input| {
                    let from = input.previous_output;
                    let held = self
                        .withheld
                        .get(&from)
                        .is_some_and(|until| height <= *until);
                    let mined = taken.iter().any(|w| w.txid == from.txid);
                    (self.utxos.contains_key(&from) || mined) && (patient || !held)
                });
                let timely = w.tx.lock_time.to_consensus_u32() < height;
                free && timely && self.waited(&w.tx, height) && self.worth(w, sat_vb)
            });
            let Some(at) = next else { break };
            taken.push(self.mempool.remove(at));
        }
        self.append(taken.into_iter().map(|w| w.tx).collect(), time);
    }

    /// Takes blocks back; their transactions wait again, if they still can.
    pub(crate) fn disconnect(&mut self, depth: u32, rng: &mut Rng) {
        let keep = self
            .blocks
            .len()
            .saturating_sub(usize::try_from(depth).unwrap_or(0))
            .max(1);
        let gone = self.blocks.split_off(keep);
        self.fees.clear();
        self.utxos.clear();
        self.heights.clear();
        let blocks = std::mem::take(&mut self.blocks);
        let mut ids = std::mem::take(&mut self.ids);
        ids.truncate(keep);
        for ((height, block), ids) in (BASE..).zip(&blocks).zip(&ids) {
            for (tx, id) in block.txdata.iter().zip(ids) {
                self.apply(tx, *id, height);
            }
        }
        (self.blocks, self.ids) = (blocks, ids);
        let waiting = std::mem::take(&mut self.mempool);
        let back = gone.into_iter().flat_map(|block| block.txdata);
        for tx in back.chain(waiting.into_iter().map(|w| w.tx)) {
            let withhold = rng.range(0, 2);
            let _ = self.accept(&tx, withhold);
        }
    }

    /// What stands at these scripts and is not spent, by confirmed transactions.
    pub(crate) fn coins_at(&self, scripts: &[ScriptBuf]) -> Vec<(OutPoint, TxOut)> {
        let at = self
            .utxos
            .iter()
            .filter(|(_, out)| scripts.contains(&out.script_pubkey));
        at.map(|(outpoint, out)| (*outpoint, out.clone())).collect()
    }
}
