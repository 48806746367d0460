//! A Lightning node for these scenarios: the real glue on the real bitcoind, its state in memory so that it outlives
//! the node and can be copied at any moment, as a crash would leave it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bitcoin::bip32::{DerivationPath, Xpriv};
use bitcoin::secp256k1::Secp256k1;
use bitcoin::{FeeRate, Network};
use cambista_harness::Bitcoind;
use cambista_ldk::chain::{FeeConfig, NoObserver, Observer};
use cambista_ldk::rpc::{Auth, BitcoindConfig};
use cambista_ldk::wallet::{SinkError, WalletSink};
use cambista_ldk::{
    AtomicStore, Change, ChannelInfo, Config, EventSink, LightningEvent, Node, NodeKeys,
    OpenChannel, Replay, StartError,
};
use futures::future::BoxFuture;
use lightning::io;
use lightning::util::persist::KVStoreSync;

/// Longer than anything here takes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
/// How often events are looked through.
const LOOK: Duration = Duration::from_millis(20);

type Key = (String, String, String);

type Rows = BTreeMap<Key, Vec<u8>>;

/// The durable state of one node.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    rows: Arc<Mutex<Rows>>,
    wallet: Arc<Mutex<Vec<Vec<u8>>>>,
    /// What the rows were after every change so far.
    states: Arc<Mutex<Vec<Rows>>>,
    /// How many batches it still takes; all, when not said.
    left: Arc<Mutex<Option<u32>>>,
}

impl Disk {
    /// What a crash at this moment would leave behind.
    pub(crate) fn copy(&self) -> Self {
        Self {
            rows: Arc::new(Mutex::new(self.rows.lock().unwrap().clone())),
            wallet: Arc::new(Mutex::new(self.wallet.lock().unwrap().clone())),
            ..Self::default()
        }
    }

    /// Takes this many more batches and then fails.
    pub(crate) fn fail_after(&self, batches: u32) {
        *self.left.lock().unwrap() = Some(batches);
    }

    /// A disk with these rows and these changes of the wallet.
    pub(crate) fn of(rows: Rows, wallet: Vec<Vec<u8>>) -> Self {
        Self {
            rows: Arc::new(Mutex::new(rows)),
            wallet: Arc::new(Mutex::new(wallet)),
            ..Self::default()
        }
    }

    /// What a crash at any moment of the past would have left behind.
    pub(crate) fn states(&self) -> Vec<Rows> {
        self.states.lock().unwrap().clone()
    }

    pub(crate) fn wallet_changes(&self) -> Vec<Vec<u8>> {
        self.wallet.lock().unwrap().clone()
    }

    /// How many rows there are in a namespace.
    pub(crate) fn count(&self, primary: &str, secondary: &str) -> usize {
        self.list(primary, secondary).unwrap().len()
    }

    fn change(&self, change: impl FnOnce(&mut Rows)) {
        let mut rows = self.rows.lock().unwrap();
        change(&mut rows);
        self.states.lock().unwrap().push(rows.clone());
    }
}

fn key(primary: &str, secondary: &str, key: &str) -> Key {
    (primary.into(), secondary.into(), key.into())
}

impl KVStoreSync for Disk {
    fn read(&self, primary: &str, secondary: &str, name: &str) -> Result<Vec<u8>, io::Error> {
        let rows = self.rows.lock().unwrap();
        let row = rows.get(&key(primary, secondary, name)).cloned();
        row.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn write(
        &self,
        primary: &str,
        secondary: &str,
        name: &str,
        buf: Vec<u8>,
    ) -> Result<(), io::Error> {
        self.change(|rows| {
            rows.insert(key(primary, secondary, name), buf);
        });
        Ok(())
    }

    fn remove(
        &self,
        primary: &str,
        secondary: &str,
        name: &str,
        _lazy: bool,
    ) -> Result<(), io::Error> {
        self.change(|rows| {
            rows.remove(&key(primary, secondary, name));
        });
        Ok(())
    }

    fn list(&self, primary: &str, secondary: &str) -> Result<Vec<String>, io::Error> {
        let rows = self.rows.lock().unwrap();
        let names = rows
            .keys()
            .filter(|(p, s, _)| p == primary && s == secondary);
        Ok(names.map(|(_, _, name)| name.clone()).collect())
    }
}

impl AtomicStore for Disk {
    fn apply(&self, changes: &[Change]) -> Result<(), io::Error> {
        if let Some(left) = &mut *self.left.lock().unwrap() {
            *left = left.checked_sub(1).ok_or(io::ErrorKind::Other)?;
        }
        self.change(|rows| {
            for change in changes {
                let at = key(&change.primary, &change.secondary, &change.key);
                match &change.value {
                    Some(value) => rows.insert(at, value.clone()),
                    None => rows.remove(&at),
                };
            }
        });
        Ok(())
    }
}

impl WalletSink for Disk {
    fn load(&self) -> Result<Vec<Vec<u8>>, SinkError> {
        Ok(self.wallet.lock().unwrap().clone())
    }

    fn append(&self, change: &[u8]) -> Result<(), SinkError> {
        self.wallet.lock().unwrap().push(change.to_vec());
        Ok(())
    }
}

/// Keeps every event until a scenario asks for it.
#[derive(Default)]
pub(crate) struct Events {
    seen: Mutex<Vec<LightningEvent>>,
    more: tokio::sync::Notify,
}

impl EventSink for Events {
    fn handle<'a>(&'a self, event: LightningEvent) -> BoxFuture<'a, Result<(), Replay>> {
        Box::pin(async move {
            self.seen.lock().unwrap().push(event);
            self.more.notify_one();
            Ok(())
        })
    }
}

impl Events {
    fn take<T>(&self, wanted: &impl Fn(&LightningEvent) -> Option<T>) -> Option<T> {
        let mut seen = self.seen.lock().unwrap();
        let (at, found) = seen
            .iter()
            .enumerate()
            .find_map(|(at, event)| wanted(event).map(|found| (at, found)))?;
        seen.remove(at);
        Some(found)
    }

    /// Waits for an event and takes it out.
    pub(crate) async fn expect<T>(
        &self,
        what: &str,
        wanted: impl Fn(&LightningEvent) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = self.take(&wanted) {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "{what} did not come; seen: {:#?}",
                self.seen.lock().unwrap()
            );
            // Somebody else who waits may have been told instead.
            let _ = tokio::time::timeout(LOOK, self.more.notified()).await;
        }
    }

    /// Whether such an event came and was not taken.
    pub(crate) fn has(&self, wanted: impl Fn(&LightningEvent) -> bool) -> bool {
        self.seen.lock().unwrap().iter().any(wanted)
    }
}

/// A running node.
pub(crate) struct Running {
    pub(crate) node: Arc<Node>,
    pub(crate) events: Arc<Events>,
    pub(crate) disk: Disk,
    seed: u8,
    config: Config,
}

/// What is left of a node that was stopped.
pub(crate) struct Ended {
    pub(crate) config: Config,
    seed: u8,
    pub(crate) disk: Disk,
}

impl Ended {
    /// Starts it again, at the same address, with an observer of its own.
    pub(crate) async fn start_from(
        self,
        disk: Disk,
        observer: impl FnOnce(&Arc<Node>) -> Arc<dyn Observer>,
    ) -> Running {
        Running::load(self.config, self.seed, disk, observer).await
    }

    /// Loads it from `disk` and does not run it.
    pub(crate) async fn load(&self, disk: &Disk) -> Result<Arc<Node>, StartError> {
        let store = Arc::new(disk.clone());
        Node::load(self.config.clone(), keys(self.seed), store.clone(), store).await
    }
}

/// What a node's Lightning keys come from.
const fn ldk_seed(seed: u8) -> [u8; 32] {
    [seed; 32]
}

fn keys(seed: u8) -> NodeKeys {
    let path: DerivationPath = "m/86h/1h/0h".parse().unwrap();
    let master = Xpriv::new_master(Network::Regtest, &[seed; 32]).unwrap();
    NodeKeys {
        ldk_seed: ldk_seed(seed),
        wallet: master.derive_priv(&Secp256k1::new(), &path).unwrap(),
    }
}

fn config(bitcoind: &Bitcoind) -> Config {
    let mut config = Config::new(BitcoindConfig {
        host: "127.0.0.1".into(),
        port: bitcoind.rpc_port(),
        auth: Auth::Cookie(bitcoind.cookie_path()),
        network: Network::Regtest,
    });
    config.listen = vec!["127.0.0.1:0".parse().unwrap()];
    config.channel_confirmations = 1;
    config.forward_to_unannounced = true;
    config.fees = FeeConfig {
        fixed: FeeRate::from_sat_per_vb(2),
        ..FeeConfig::default()
    };
    config
}

impl Running {
    /// A new node whose keys come from `seed`.
    pub(crate) async fn start(bitcoind: &Bitcoind, seed: u8) -> Self {
        Self::load(config(bitcoind), seed, Disk::default(), |_| {
            Arc::new(NoObserver)
        })
        .await
    }

    async fn load(
        config: Config,
        seed: u8,
        disk: Disk,
        observer: impl FnOnce(&Arc<Node>) -> Arc<dyn Observer>,
    ) -> Self {
        let store = Arc::new(disk.clone());
        let node = Node::load(config.clone(), keys(seed), store.clone(), store)
            .await
            .unwrap();
        let events = Arc::new(Events::default());
        node.run(observer(&node), events.clone()).await.unwrap();
        Self {
            node,
            events,
            disk,
            seed,
            config,
        }
    }

    /// Ends this node and starts another one, at the same address, from `disk`.
    pub(crate) async fn restart_from(self, disk: Disk) -> Self {
        let stopped = self.stop().await;
        stopped.start_from(disk, |_| Arc::new(NoObserver)).await
    }

    /// Ends this node.
    pub(crate) async fn stop(self) -> Ended {
        let mut config = self.config.clone();
        config.listen = self.node.listening();
        self.node.stop().await;
        Ended {
            config,
            seed: self.seed,
            disk: self.disk,
        }
    }

    pub(crate) const fn ldk_seed(&self) -> [u8; 32] {
        ldk_seed(self.seed)
    }

    pub(crate) fn address(&self) -> String {
        self.node.listening()[0].to_string()
    }

    /// Waits until the node has seen every block there is.
    pub(crate) async fn catch_up(&self, bitcoind: &Bitcoind) {
        let height = bitcoind.height();
        let mut tip = self.node.chain().watch_tip();
        let caught_up = tip.wait_for(|tip| tip.height >= height);
        tokio::time::timeout(PATIENCE, caught_up)
            .await
            .expect("the node follows the chain")
            .unwrap();
    }

    /// Puts confirmed coins into the wallet.
    pub(crate) async fn fund(&self, bitcoind: &Bitcoind, sat: u64) {
        let address = self.node.wallet().new_address().unwrap();
        bitcoind.fund_address(address, sat);
        bitcoind.mine(1);
        self.catch_up(bitcoind).await;
        assert_eq!(self.node.wallet().balance().confirmed.to_sat(), sat);
    }

    /// Opens an unannounced channel and mines until both sides can use it.
    pub(crate) async fn open_to(&self, other: &Self, bitcoind: &Bitcoind, sat: u64) -> [u8; 32] {
        self.open_kind(other, bitcoind, sat, false).await
    }

    /// The same for a channel the network is told of. It has then the confirmation after the sixth, from which on LDK
    /// trusts that the network knows it and hints at it no more.
    pub(crate) async fn announce_to(&self, other: &Self, bitcoind: &Bitcoind, sat: u64) {
        self.open_kind(other, bitcoind, sat, true).await;
        bitcoind.mine(6);
        self.catch_up(bitcoind).await;
        other.catch_up(bitcoind).await;
    }

    async fn open_kind(
        &self,
        other: &Self,
        bitcoind: &Bitcoind,
        sat: u64,
        announced: bool,
    ) -> [u8; 32] {
        let open = OpenChannel {
            peer: other.node.node_id(),
            address: Some(other.address()),
            amount_sat: sat,
            push_msat: 0,
            announced,
        };
        let id = self.node.open_channel(open).await.unwrap();
        bitcoind.wait_for_mempool(1, PATIENCE);
        bitcoind.mine(1);
        for side in [self, other] {
            side.events
                .expect("channel ready", |event| match event {
                    LightningEvent::ChannelReady { id: ready, .. } if *ready == id => Some(()),
                    _ => None,
                })
                .await;
        }
        id
    }

    pub(crate) fn channel(&self, id: [u8; 32]) -> ChannelInfo {
        let channels = self.node.channels();
        channels.into_iter().find(|info| info.id == id).unwrap()
    }

    /// Waits until the channel has no HTLC left and is connected, and tells what can be sent through it.
    pub(crate) async fn settled_outbound(&self, id: [u8; 32]) -> u64 {
        eventually("the channel settles", || {
            let channel = self.channel(id);
            channel.usable && channel.pending_htlcs == 0
        })
        .await;
        self.channel(id).outbound_msat
    }

    /// Waits for a held payment of `hash`.
    pub(crate) async fn held(&self, hash: [u8; 32]) -> Held {
        self.events
            .expect("held payment", |event| match event {
                LightningEvent::Held {
                    hash: found,
                    amount_msat,
                    claim_deadline,
                    parts,
                    has_custom_tlvs,
                    ..
                } if *found == hash => {
                    assert!(!has_custom_tlvs);
                    assert!(parts.iter().all(|part| part.anchors));
                    assert_eq!(
                        parts.iter().map(|part| part.amount_msat).sum::<u64>(),
                        *amount_msat
                    );
                    Some(Held {
                        amount_msat: *amount_msat,
                        claim_deadline: *claim_deadline,
                        cltv_expiry: parts.iter().map(|part| part.cltv_expiry).min().unwrap(),
                    })
                }
                _ => None,
            })
            .await
    }

    pub(crate) async fn claimed(&self, hash: [u8; 32]) -> u64 {
        self.events
            .expect("claimed payment", |event| match event {
                LightningEvent::Claimed {
                    hash: found,
                    amount_msat,
                    ..
                } if *found == hash => Some(*amount_msat),
                _ => None,
            })
            .await
    }

    /// Waits for the success of our payment and tells its preimage and fee.
    pub(crate) async fn sent(&self, id: [u8; 32]) -> ([u8; 32], u64) {
        self.events
            .expect("sent payment", |event| match event {
                LightningEvent::Sent {
                    payment_id,
                    preimage,
                    fee_msat,
                    ..
                } if *payment_id == id => Some((*preimage, *fee_msat)),
                _ => None,
            })
            .await
    }

    pub(crate) async fn payment_failed(&self, id: [u8; 32]) -> String {
        self.events
            .expect("failed payment", |event| match event {
                LightningEvent::PaymentFailed {
                    payment_id, reason, ..
                } if *payment_id == id => Some(reason.clone()),
                _ => None,
            })
            .await
    }
}

/// What a held payment looks like to its receiver.
pub(crate) struct Held {
    pub(crate) amount_msat: u64,
    pub(crate) claim_deadline: u32,
    pub(crate) cltv_expiry: u32,
}

/// Polls until `done`.
pub(crate) async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
