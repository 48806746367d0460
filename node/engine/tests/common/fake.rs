//! Ports that remember what the engine stores and sends, and refuse what they are told to.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitcoin::hashes::Hash as _;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, BlockHash, FeeRate, Network, OutPoint, ScriptBuf, Transaction};
use cambista_engine::Earned;
use cambista_engine::ports::{
    Archived, BuiltFunding, Chain, ChainTip, Clock, Commit, Entropy, HoldRequest, Keys, Lightning,
    Liquidity, NotAccepted, Partner, PayError, PayRequest, PaymentStatus, PeerAddress, PeerError,
    PeerProtocol, Peers, PortError, Ports, RouteTarget, Sought, Store, StoredBatch, StoredEvent,
    StoredSwap, SwapSecrets, TakenBack, Wallet, Witness,
};
use cambista_engine::record::OrderRecord;
use cambista_protocol::contract::Secret;
use cambista_protocol::money::Msat;
use cambista_protocol::words::{Direction, Role, Secret32, Side, SwapId};
use tokio::sync::watch;

use super::sample::{public, secret};

pub(crate) const HEIGHT: u32 = 101;
pub(crate) const LIMIT: u64 = 5_000;
/// What each coin of a wallet with many is worth (sat).
const SMALL_COIN: u64 = 100_000;

/// A transaction the engine handed to the network, and whether the mempool took it.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) tx: Transaction,
    pub(crate) taken: bool,
}

/// What survives the engine.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    pub(crate) swaps: Vec<StoredSwap>,
    pub(crate) batches: Vec<StoredBatch>,
    pub(crate) archived: Vec<Archived>,
    pub(crate) best: u32,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            swaps: Vec::new(),
            batches: Vec::new(),
            archived: Vec::new(),
            best: HEIGHT,
        }
    }
}

pub(crate) struct Fake {
    disk: Mutex<Disk>,
    refused: Mutex<HashMap<OutPoint, &'static str>>,
    watched: Mutex<HashSet<OutPoint>>,
    reads: Mutex<Vec<SwapId>>,
    answer: Mutex<Option<Vec<u8>>>,
    source: AtomicU32,
    rich: AtomicBool,
    now: AtomicU64,
    mainnet: AtomicBool,
    pub(crate) sent: watch::Sender<Vec<Sent>>,
}

impl Fake {
    pub(crate) fn new(disk: Disk) -> Arc<Self> {
        Arc::new(Self {
            disk: Mutex::new(disk),
            refused: Mutex::default(),
            watched: Mutex::default(),
            reads: Mutex::default(),
            answer: Mutex::default(),
            source: AtomicU32::new(HEIGHT),
            rich: AtomicBool::new(false),
            now: AtomicU64::new(0),
            mainnet: AtomicBool::new(false),
            sent: watch::Sender::new(Vec::new()),
        })
    }

    /// From now on the mempool has this to say to whatever spends the output.
    pub(crate) fn refuse(&self, outpoint: OutPoint, reason: &'static str) {
        lock(&self.refused).insert(outpoint, reason);
    }

    /// From now on it takes such again.
    pub(crate) fn take_again(&self, outpoint: OutPoint) {
        lock(&self.refused).remove(&outpoint);
    }

    /// What the mempool has against a transaction.
    fn says(&self, tx: &Transaction) -> Result<(), NotAccepted> {
        let refused = lock(&self.refused);
        let mut inputs = tx.input.iter().map(|input| input.previous_output);
        let reason = inputs.find_map(|input| refused.get(&input).copied());
        reason.map_or(Ok(()), |r| Err(NotAccepted::Refused(r.to_owned())))
    }

    /// What the mempool is watched for.
    pub(crate) fn watched(&self) -> HashSet<OutPoint> {
        lock(&self.watched).clone()
    }

    /// The swaps that were read from the disk, in turn.
    pub(crate) fn reads(&self) -> Vec<SwapId> {
        lock(&self.reads).clone()
    }

    pub(crate) fn forget_reads(&self) {
        lock(&self.reads).clear();
    }

    /// From now on every peer is there and says this.
    pub(crate) fn answers(&self, bytes: &[u8]) {
        *lock(&self.answer) = Some(bytes.to_vec());
    }

    /// From now on there are many small coins in the wallet, and as much to receive over Lightning.
    pub(crate) fn has_small_coins(&self) {
        self.rich.store(true, Ordering::Relaxed);
    }

    /// So many blocks are there, read or not.
    pub(crate) fn mined_to(&self, height: u32) {
        self.source.store(height, Ordering::Relaxed);
    }

    /// From now on it is this late (Unix seconds). Every block is of the beginning of time.
    pub(crate) fn it_is(&self, now: u64) {
        self.now.store(now, Ordering::Relaxed);
    }

    /// From now on the coins are worth something.
    pub(crate) fn on_mainnet(&self) {
        self.mainnet.store(true, Ordering::Relaxed);
    }

    pub(crate) fn disk(&self) -> MutexGuard<'_, Disk> {
        lock(&self.disk)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store for Fake {
    fn commit(&self, commit: &Commit) -> Result<Vec<i64>, PortError> {
        let mut disk = self.disk();
        let mut rows = Vec::new();
        disk.archived.extend(commit.archive.clone());
        disk.archived.retain(|a| !commit.forget.contains(&a.swap));
        disk.swaps.retain(|s| !commit.forget.contains(&s.record.id));
        if let Some((best, _)) = commit.best_block {
            disk.best = best;
        }
        if let Some((id, event, height, effects)) = &commit.event {
            disk.archived.retain(|archived| archived.swap != *id);
            let swap = disk.swaps.iter_mut().find(|s| s.record.id == *id).unwrap();
            swap.events.push(StoredEvent {
                event: event.clone(),
                height: *height,
                at: 0,
            });
            rows.extend((0_i64..).zip(effects).map(|(row, _)| row));
        }
        for sweep in &commit.sweeps {
            let mut swaps = disk.swaps.iter_mut();
            let swap = swaps.find(|s| s.record.id == sweep.swap_id).unwrap();
            swap.sweeps.push(sweep.clone());
        }
        if let Some((id, tx, fee)) = &commit.funding {
            let swap = disk.swaps.iter_mut().find(|s| s.record.id == *id).unwrap();
            swap.fundings.push((tx.clone(), *fee));
        }
        disk.batches.extend(commit.batch.clone());
        Ok(rows)
    }

    fn swap(&self, id: SwapId) -> Result<Option<StoredSwap>, PortError> {
        let disk = self.disk();
        let found = disk.swaps.iter().find(|s| s.record.id == id).cloned();
        lock(&self.reads).extend(found.as_ref().map(|_| id));
        Ok(found)
    }

    fn find(&self, sought: Sought<'_>) -> Result<Vec<(u64, SwapId)>, PortError> {
        let disk = self.disk();
        let archived = |id: &SwapId| disk.archived.iter().find(|a| a.swap == *id);
        let all = disk.swaps.iter().filter(|swap| {
            let id = swap.record.id;
            let here = archived(&id);
            match sought {
                Sought::Kept => here.is_none(),
                Sought::Between(first, last) => (first..=last).contains(&id),
                Sought::Of(order) => swap.record.order == order,
                Sought::Latest(_) => here.is_some(),
                Sought::Hash(hash) => here.is_some_and(|a| a.hashes.contains(&hash)),
                Sought::Paid(scripts) => here.is_some_and(|a| scripts.contains(&&a.script)),
                Sought::Nothing(before, _) => {
                    here.is_some_and(|a| a.nothing && a.settled <= before)
                }
                Sought::SettledAbove(height) => here.is_some_and(|a| a.settled > height),
            }
        });
        Ok(all.map(|s| (s.place, s.record.id)).collect())
    }

    fn dealt_with(&self, _: Partner<'_>) -> Result<bool, PortError> {
        Ok(false)
    }

    fn brought(&self, side: Side, direction: Direction) -> Result<Earned, PortError> {
        let disk = self.disk();
        let all = disk.archived.iter();
        let all = all.filter(|a| a.side == side && a.direction == direction);
        Ok(Earned {
            done: all.map(|a| a.earned.done).sum(),
            ..Earned::default()
        })
    }

    fn spare_scripts(&self) -> Result<Vec<ScriptBuf>, PortError> {
        Ok(Vec::new())
    }

    fn orders(&self) -> Result<Vec<OrderRecord>, PortError> {
        Ok(Vec::new())
    }

    fn order(&self, _: SwapId) -> Result<Option<OrderRecord>, PortError> {
        Ok(None)
    }

    fn latest_orders(&self, _: usize) -> Result<Vec<OrderRecord>, PortError> {
        Ok(Vec::new())
    }

    fn orders_between(&self, _: SwapId, _: SwapId) -> Result<Vec<SwapId>, PortError> {
        Ok(Vec::new())
    }

    fn batches(&self) -> Result<Vec<StoredBatch>, PortError> {
        Ok(self.disk().batches.clone())
    }

    fn best_block(&self) -> Result<Option<(u32, BlockHash)>, PortError> {
        Ok(Some((self.disk().best, BlockHash::all_zeros())))
    }
}

impl Chain for Fake {
    fn tip(&self) -> ChainTip {
        ChainTip {
            height: HEIGHT,
            hash: BlockHash::all_zeros(),
            time: 0,
        }
    }

    fn source_height(&self) -> u32 {
        self.source.load(Ordering::Relaxed)
    }

    async fn broadcast(&self, package: &[Transaction]) -> Result<(), NotAccepted> {
        let tx = package.last().unwrap().clone();
        // Nothing leaves that is not on the disk, for every output it spends.
        for input in &tx.input {
            let disk = self.disk();
            let mut stored = disk.swaps.iter().flat_map(|swap| &swap.sweeps);
            assert!(stored.any(|s| s.tx == tx), "{:?}", input.previous_output);
        }
        let said = self.says(&tx);
        let taken = said.is_ok();
        self.sent.send_modify(|sent| sent.push(Sent { tx, taken }));
        said
    }

    async fn test_accept(&self, tx: &Transaction) -> Result<(), NotAccepted> {
        self.says(tx)
    }

    fn fee_rate(&self, _: u32) -> FeeRate {
        FeeRate::from_sat_per_vb(10).unwrap()
    }

    fn watch_mempool(&self, outpoint: OutPoint) {
        lock(&self.watched).insert(outpoint);
    }

    fn unwatch_mempool(&self, outpoint: OutPoint) {
        lock(&self.watched).remove(&outpoint);
    }
}

impl Keys for Fake {
    fn network(&self) -> Network {
        match self.mainnet.load(Ordering::Relaxed) {
            true => Network::Bitcoin,
            false => Network::Regtest,
        }
    }

    fn swap_secrets(&self, id: SwapId, _: Role) -> SwapSecrets {
        let secret_of = |which| Secret::from_bytes(&secret(id.0[0], which)).unwrap();
        SwapSecrets {
            preimage: Secret32(secret(id.0[0], 9)),
            script_key: secret_of(1),
            internal_key: secret_of(2),
        }
    }
}

impl Lightning for Fake {
    fn node_id(&self) -> PublicKey {
        public(98, 5)
    }

    fn sign(&self, _: [u8; 32]) -> [u8; 64] {
        [0; 64]
    }

    fn hold_invoice(&self, _: &HoldRequest) -> Result<String, PortError> {
        unasked()
    }

    fn pay(&self, _: &PayRequest) -> Result<(), PayError> {
        Err(PayError::Duplicate)
    }

    fn stop_paying(&self, _: [u8; 32]) {}

    fn payment(&self, _: [u8; 32]) -> PaymentStatus {
        PaymentStatus::Pending
    }

    fn held(&self, _: [u8; 32]) -> Msat {
        Msat::default()
    }

    fn claim(&self, _: [u8; 32]) {}

    fn fail_back(&self, _: [u8; 32]) {}

    async fn written(&self) {}

    fn lock_height(&self, _: [u8; 32]) -> Option<u32> {
        None
    }

    fn liquidity(&self) -> Liquidity {
        let inbound = Msat(self.fundable().to_sat() * 1_000);
        Liquidity {
            inbound,
            ..Liquidity::default()
        }
    }

    fn route_fee(&self, _: RouteTarget<'_>, _: Amount, _: u32) -> Option<Msat> {
        None
    }
}

fn unasked<T>() -> Result<T, PortError> {
    Err(PortError("nobody should ask".to_owned()))
}

impl Wallet for Fake {
    fn fresh_script(&self) -> Result<ScriptBuf, PortError> {
        unasked()
    }

    fn fundable(&self) -> Amount {
        if self.rich.load(Ordering::Relaxed) {
            Amount::from_sat(50 * SMALL_COIN)
        } else {
            Amount::ZERO
        }
    }

    fn funding_fee(&self, amount: Amount, rate: FeeRate) -> Result<Amount, PortError> {
        if !self.rich.load(Ordering::Relaxed) {
            return unasked();
        }
        let coins = amount.to_sat().div_ceil(SMALL_COIN);
        Ok(rate.fee_vb(96 + 58 * coins).unwrap())
    }

    fn fund(&self, _: ScriptBuf, _: Amount, _: FeeRate) -> Result<BuiltFunding, PortError> {
        unasked()
    }

    fn bump(&self, _: &Transaction, _: &ScriptBuf, _: FeeRate) -> Result<BuiltFunding, PortError> {
        unasked()
    }

    fn take_back(
        &self,
        _: &Transaction,
        _: &ScriptBuf,
        _: FeeRate,
    ) -> Result<TakenBack, PortError> {
        unasked()
    }

    fn reserve(&self, _: &Transaction) {}

    fn release(&self, _: &Transaction) {}
}

impl Peers for Fake {
    async fn request(
        &self,
        _: &PeerAddress,
        _: PeerProtocol,
        _: Vec<u8>,
    ) -> Result<Vec<u8>, PeerError> {
        let answer = lock(&self.answer).clone();
        answer.ok_or_else(|| PeerError("nobody is there".to_owned()))
    }
}

impl Clock for Fake {
    fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }
}

impl Entropy for Fake {
    fn bytes32(&self) -> [u8; 32] {
        [7; 32]
    }
}

impl Witness for Fake {}

impl Ports for Fake {
    type Chain = Self;
    type Wallet = Self;
    type Lightning = Self;
    type Peers = Self;
    type Store = Self;
    type Keys = Self;
    type Clock = Self;
    type Entropy = Self;

    fn chain(&self) -> &Self {
        self
    }
    fn wallet(&self) -> &Self {
        self
    }
    fn lightning(&self) -> &Self {
        self
    }
    fn peers(&self) -> &Self {
        self
    }
    fn store(&self) -> &Self {
        self
    }
    fn keys(&self) -> &Self {
        self
    }
    fn clock(&self) -> &Self {
        self
    }
    fn entropy(&self) -> &Self {
        self
    }
}
