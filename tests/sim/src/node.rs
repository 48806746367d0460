//! One node's ports over the world. Once it has crashed nothing it calls has any effect, and nothing it waits for comes.

use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bitcoin::secp256k1::{Keypair, Message, PublicKey, Secp256k1};
use cambista::store::Store;
use cambista_engine::Earned;
use cambista_engine::ports::{
    Clock, Commit, Entropy, Keys, Partner, PortError, Ports, Sought, Store as StorePort,
    StoredBatch, StoredSwap, SwapSecrets, Witness,
};
use cambista_engine::record::OrderRecord;
use cambista_protocol::contract::Secret;
use cambista_protocol::swap::Swap;
use cambista_protocol::words::{Direction, Role, Secret32, Side, SwapId};

use crate::mirror::{Mirror, fold};
use crate::world::{NAMES, World};

/// The shared world.
pub(crate) type Shared = Arc<Mutex<World>>;

pub(crate) fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, World> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One run of one node, from its start to its crash.
pub(crate) struct Node {
    pub(crate) shared: Shared,
    pub(crate) who: usize,
    alive: AtomicBool,
    store: Mutex<Option<Store>>,
    mirror: Mutex<Mirror>,
}

impl Node {
    pub(crate) fn new(shared: Shared, who: usize, path: &Path) -> Result<Self, String> {
        let store = Store::open(path).map_err(|error| error.to_string())?;
        let stored = store.every_swap().map_err(|error| error.to_string())?;
        Ok(Self {
            shared,
            who,
            alive: AtomicBool::new(true),
            mirror: Mutex::new(Mirror::of(&stored)),
            store: Mutex::new(Some(store)),
        })
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    pub(crate) fn is_honest(&self) -> bool {
        self.look(|world, who| world.is_honest(who))
    }

    /// The process ends here: the database is closed with what was committed.
    pub(crate) fn crash(&self) {
        self.alive.store(false, Ordering::Relaxed);
        if let Ok(mut store) = self.store.lock() {
            store.take();
        }
    }

    /// A point at which this node may crash.
    pub(crate) fn point(&self, what: &str) -> bool {
        if !self.is_alive() {
            return false;
        }
        let mut world = lock(&self.shared);
        world.activity += 1;
        let who = self.who;
        let fuse = &mut world.sides[who].fuse;
        let blown = match fuse {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        };
        if blown {
            *fuse = None;
            world.note(format!("{} crashes at {what}", NAMES[who]));
            drop(world);
            self.crash();
        }
        !blown
    }

    /// Does something in the world, unless this node is dead.
    pub(crate) fn act<T>(&self, what: &str, act: impl FnOnce(&mut World, usize) -> T) -> Option<T> {
        self.point(what)
            .then(|| act(&mut lock(&self.shared), self.who))
    }

    /// Looks at the world.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&mut World, usize) -> T) -> T {
        look(&mut lock(&self.shared), self.who)
    }

    fn with_store<T>(
        &self,
        run: impl FnOnce(&Store) -> Result<T, PortError>,
    ) -> Result<T, PortError> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        match &*store {
            Some(store) if self.is_alive() => run(store),
            _ => Err(PortError("crashed".to_owned())),
        }
    }

    /// What is stored.
    pub(crate) fn mirror(&self) -> MutexGuard<'_, Mirror> {
        self.mirror.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is stored, as a restart would find it.
    ///
    /// # Errors
    /// When the database holds something else than was committed.
    pub(crate) fn stored(&self) -> Result<Vec<(Swap, StoredSwap)>, String> {
        let stored = self
            .with_store(|store| Ok(store.every_swap()?))
            .map_err(|error| error.to_string())?;
        if !self.mirror().agrees(&Mirror::of(&stored)) {
            return Err(format!(
                "{} does not store what it commits",
                NAMES[self.who]
            ));
        }
        Ok(stored.into_iter().map(|s| (fold(&s), s)).collect())
    }
}

impl StorePort for Node {
    fn commit(&self, commit: &Commit) -> Result<Vec<i64>, PortError> {
        let crashed = || PortError("crashed".to_owned());
        if !self.point("a commit") {
            return Err(crashed());
        }
        self.effects_first(commit);
        let rows = self.with_store(|store| StorePort::commit(store, commit))?;
        if let Some(new) = &commit.new {
            let script = new.record.deal.script_pubkey.clone();
            self.look(|world, _| world.contracts.insert(script));
        }
        self.mirror().commit(commit);
        if let Some((_, event, height, effects)) = &commit.event {
            let line = format!("{} @{height} {event:?} -> {effects:?}", NAMES[self.who]);
            self.look(|world, _| world.note(line));
        }
        if self.point("a commit's end") {
            Ok(rows)
        } else {
            Err(crashed())
        }
    }

    fn swap(&self, id: SwapId) -> Result<Option<StoredSwap>, PortError> {
        self.with_store(|store| store.swap(id))
    }

    fn find(&self, sought: Sought<'_>) -> Result<Vec<(u64, SwapId)>, PortError> {
        self.with_store(|store| store.find(sought))
    }

    fn dealt_with(&self, partner: Partner<'_>) -> Result<bool, PortError> {
        self.with_store(|store| store.dealt_with(partner))
    }

    fn brought(&self, side: Side, direction: Direction) -> Result<Earned, PortError> {
        self.with_store(|store| store.brought(side, direction))
    }

    fn spare_scripts(&self) -> Result<Vec<bitcoin::ScriptBuf>, PortError> {
        self.with_store(StorePort::spare_scripts)
    }

    fn order(&self, id: SwapId) -> Result<Option<OrderRecord>, PortError> {
        self.with_store(|store| store.order(id))
    }

    fn latest_orders(&self, most: usize) -> Result<Vec<OrderRecord>, PortError> {
        self.with_store(|store| store.latest_orders(most))
    }

    fn orders_between(&self, first: SwapId, last: SwapId) -> Result<Vec<SwapId>, PortError> {
        self.with_store(|store| store.orders_between(first, last))
    }

    fn orders(&self) -> Result<Vec<OrderRecord>, PortError> {
        self.with_store(StorePort::orders)
    }

    fn batches(&self) -> Result<Vec<StoredBatch>, PortError> {
        self.with_store(StorePort::batches)
    }

    fn best_block(&self) -> Result<Option<(u32, bitcoin::BlockHash)>, PortError> {
        self.with_store(StorePort::best_block)
    }
}

impl Keys for Node {
    fn network(&self) -> bitcoin::Network {
        bitcoin::Network::Regtest
    }

    fn swap_secrets(&self, id: SwapId, role: Role) -> SwapSecrets {
        let label = |text: &str| format!("{text} {role:?}");
        self.look(|world, who| SwapSecrets {
            preimage: Secret32(world.secret(&label("preimage"), who, &id.0).secret_bytes()),
            script_key: Secret::new(world.secret(&label("script"), who, &id.0)),
            internal_key: Secret::new(world.secret(&label("internal"), who, &id.0)),
        })
    }
}

impl Clock for Node {
    fn now(&self) -> u64 {
        self.look(|world, _| world.now)
    }

    /// The driver wakes the engine: how long a run takes on this machine makes no difference to it.
    fn passes(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::pending())
    }
}

impl Entropy for Node {
    fn bytes32(&self) -> [u8; 32] {
        self.look(|world, _| world.rng.bytes32())
    }
}

impl Witness for Node {}

impl Ports for Node {
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

/// A node's key pair.
pub(crate) fn node_key(world: &World, who: usize) -> Keypair {
    Keypair::from_secret_key(&Secp256k1::new(), &world.secret("node", who, &[]))
}

/// A node's Lightning key.
pub(crate) fn node_id(world: &World, who: usize) -> PublicKey {
    node_key(world, who).public_key()
}

/// A signature by a node's key.
pub(crate) fn sign(world: &World, who: usize, digest: [u8; 32]) -> [u8; 64] {
    let key = node_key(world, who);
    Secp256k1::new()
        .sign_schnorr_no_aux_rand(&Message::from_digest(digest), &key)
        .serialize()
}
