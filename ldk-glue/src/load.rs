//! Loading: everything is read, and channel monitors are brought to the tip, before anything runs.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, RwLock, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bitcoin::BlockHash;
use lightning::chain::channelmonitor::ChannelMonitor;
use lightning::chain::{BestBlock, Listen};
use lightning::events::bump_transaction::sync::WalletSync;
use lightning::io;
use lightning::ln::channelmanager::{ChainParameters, ChannelManagerReadArgs};
use lightning::ln::msgs::DecodeError;
use lightning::ln::peer_handler::{IgnoringMessageHandler, MessageHandler};
use lightning::routing::scoring::{
    ProbabilisticScoringDecayParameters, ProbabilisticScoringFeeParameters,
};
use lightning::sign::{EntropySource, InMemorySigner, NodeSigner};
use lightning::util::persist::{
    CHANNEL_MANAGER_PERSISTENCE_KEY, CHANNEL_MANAGER_PERSISTENCE_PRIMARY_NAMESPACE,
    CHANNEL_MANAGER_PERSISTENCE_SECONDARY_NAMESPACE, KVStoreSync, NETWORK_GRAPH_PERSISTENCE_KEY,
    NETWORK_GRAPH_PERSISTENCE_PRIMARY_NAMESPACE, NETWORK_GRAPH_PERSISTENCE_SECONDARY_NAMESPACE,
    OUTPUT_SWEEPER_PERSISTENCE_KEY, OUTPUT_SWEEPER_PERSISTENCE_PRIMARY_NAMESPACE,
    OUTPUT_SWEEPER_PERSISTENCE_SECONDARY_NAMESPACE, SCORER_PERSISTENCE_KEY,
    SCORER_PERSISTENCE_PRIMARY_NAMESPACE, SCORER_PERSISTENCE_SECONDARY_NAMESPACE,
};
use lightning::util::ser::ReadableArgs;

use crate::barrier::{State, Store};
use crate::chain::{BlockId, Broadcaster, Chain, Fees, Mempool};
use crate::config::Config;
use crate::errors::StartError;
use crate::fatal::Fatal;
use crate::gossip_check::ChainLookup;
use crate::gossip_early::{EarlyUpdates, Ours};
use crate::keys::{Keys, NodeKeys};
use crate::kv::Kv;
use crate::logger::Log;
use crate::node::Node;
use crate::openings::Openings;
use crate::peers::AddressBook;
use crate::release::Release;
use crate::router::SwapRouter;
use crate::rpc::Rpc;
use crate::save::Gate;
use crate::tasks::Stage;
use crate::types::{
    Bumper, Gossip, Graph, LocalScorer, Manager, Messages, Monitors, Peers, Persister, PlainRouter,
    Sweeper,
};
use crate::wallet::{Wallet, WalletSink};

/// How long bitcoind may take to load its own state.
const WARM_UP: Duration = Duration::from_secs(120);
/// Monitor updates written one by one before the whole monitor is written anew.
const UPDATES_PER_MONITOR: u64 = 100;

type Read<T> = Result<Option<T>, StartError>;

/// What almost everything in LDK is made from.
struct Parts {
    log: Arc<Log>,
    store: Arc<Store>,
    fees: Arc<Fees>,
    broadcaster: Arc<Broadcaster>,
    wallet: Arc<Wallet>,
    keys: Arc<Keys>,
}

impl Node {
    /// Reads everything from the store. Channel monitors are brought to the tip; the channel manager stays where it
    /// was, so that an observer can claim before LDK gives a held payment up.
    ///
    /// `kv` and `wallet_sink` must be this process's alone: two nodes on one state lose money.
    ///
    /// # Errors
    /// [`StartError`]; nothing was changed.
    pub async fn load(
        config: Config,
        keys: NodeKeys,
        kv: Arc<Kv>,
        wallet_sink: Arc<dyn WalletSink>,
    ) -> Result<Arc<Self>, StartError> {
        let rpc = Rpc::new(config.bitcoind.clone());
        rpc.ready(WARM_UP).await?;
        let chain = Chain::new(Arc::clone(&rpc)).await?;
        let fees = Fees::new(Arc::clone(&rpc), config.fees);
        fees.refresh().await?;
        let fatal = Fatal::new();
        let broadcaster = Broadcaster::new(Arc::clone(&rpc));
        let start = match config.rescan_from {
            Some(height) => chain.block_id(rpc.block_hash(height).await?).await?,
            None => chain.tip(),
        };
        let wallet = Wallet::open(keys.wallet, config.network, wallet_sink, Some(start))?;
        broadcaster.set_wallet(wallet.clone());
        let parts = Parts {
            log: Arc::new(Log::new(fatal.clone())),
            store: Arc::new(Store::new(kv, fatal.clone())),
            fees,
            broadcaster,
            keys: Arc::new(Keys::new(&keys.ldk_seed, wallet.clone())),
            wallet,
        };
        let graph = Arc::new(parts.graph(&config)?);
        let scorer = Arc::new(RwLock::new(parts.scorer(&graph)?));
        let plain = PlainRouter::new(
            Arc::clone(&graph),
            Arc::clone(&parts.log),
            Arc::clone(&parts.keys),
            Arc::clone(&scorer),
            ProbabilisticScoringFeeParameters::default(),
        );
        let router = SwapRouter::load(plain, Arc::clone(&graph), Arc::clone(&parts.store))
            .map_err(store_error("the rules of payments"))?;
        let router = Arc::new(router);

        let persister = Arc::new(parts.persister());
        let monitors = Arc::new(Monitors::new(
            None,
            Arc::clone(&parts.broadcaster),
            Arc::clone(&parts.log),
            Arc::clone(&parts.fees),
            Arc::clone(&persister),
            Arc::clone(&parts.keys),
            parts.keys.get_peer_storage_key(),
        ));
        let stored = persister
            .read_all_channel_monitors_with_updates()
            .map_err(store_error("channel monitors"))?;
        let messages = Arc::new(Messages::new(Arc::clone(&graph), Arc::clone(&parts.keys)));
        let manager = parts.manager(&config, &chain, &monitors, &router, &messages, &stored)?;
        let manager = Arc::new(manager);
        let state: Weak<dyn State> = Arc::downgrade(&manager) as _;
        parts.store.attach(state);
        parts.broadcaster.set_store(Arc::clone(&parts.store));
        let monitors_at = parts.watch(&chain, &monitors, stored).await?;
        let sweeper = Arc::new(parts.sweeper(&chain)?);

        let lookup = Arc::new(ChainLookup::new(config.network));
        let checked = config.verify_gossip.then(|| Arc::clone(&lookup));
        let gossip = Arc::new(Gossip::new(
            Arc::clone(&graph),
            checked,
            Arc::clone(&parts.log),
        ));
        let early = EarlyUpdates::new(
            Arc::clone(&gossip),
            Arc::clone(&graph),
            Arc::clone(&lookup),
            to_be_announced(&manager),
        );
        let peers = Arc::new(parts.peers(&manager, early, &monitors));
        let bumper = Bumper::new(
            Arc::clone(&parts.broadcaster),
            Arc::new(WalletSync::new(
                Arc::clone(&parts.wallet),
                Arc::clone(&parts.log),
            )),
            Arc::clone(&parts.keys),
            Arc::clone(&parts.log),
        );
        let book = AddressBook::load(Arc::clone(&parts.store)).map_err(store_error("peers"))?;
        let node = Self {
            mempool: Mempool::new(Arc::clone(&rpc)),
            config,
            log: parts.log,
            store: parts.store,
            rpc,
            chain,
            fees: parts.fees,
            broadcaster: parts.broadcaster,
            wallet: parts.wallet,
            keys: parts.keys,
            graph,
            scorer,
            router,
            monitors,
            monitors_at,
            manager,
            sweeper,
            bumper,
            gossip,
            lookup,
            peers,
            book,
            openings: Openings::default(),
            started: AtomicBool::new(false),
            outer: Stage::new(fatal.clone()),
            inner: Stage::new(fatal.clone()),
            gate: Gate::default(),
            listening: Mutex::new(Vec::new()),
            fatal,
        };
        node.update_reserve();
        node.resume_fundings();
        Ok(Arc::new(node))
    }
}

impl Parts {
    fn graph(&self, config: &Config) -> Result<Graph, StartError> {
        let stored = self.read(
            "the network graph",
            NETWORK_GRAPH_PERSISTENCE_PRIMARY_NAMESPACE,
            NETWORK_GRAPH_PERSISTENCE_SECONDARY_NAMESPACE,
            NETWORK_GRAPH_PERSISTENCE_KEY,
            |bytes| Graph::read(bytes, Arc::clone(&self.log)),
        )?;
        Ok(stored.unwrap_or_else(|| Graph::new(config.network, Arc::clone(&self.log))))
    }

    fn scorer(&self, graph: &Arc<Graph>) -> Result<LocalScorer, StartError> {
        let decay = ProbabilisticScoringDecayParameters::default();
        let args = || (decay, Arc::clone(graph), Arc::clone(&self.log));
        let stored = self.read(
            "payment experience",
            SCORER_PERSISTENCE_PRIMARY_NAMESPACE,
            SCORER_PERSISTENCE_SECONDARY_NAMESPACE,
            SCORER_PERSISTENCE_KEY,
            |bytes| LocalScorer::read(bytes, args()),
        )?;
        Ok(stored
            .unwrap_or_else(|| LocalScorer::new(decay, Arc::clone(graph), Arc::clone(&self.log))))
    }

    fn persister(&self) -> Persister {
        Persister::new(
            Arc::clone(&self.store),
            Arc::clone(&self.log),
            UPDATES_PER_MONITOR,
            Arc::clone(&self.keys),
            Arc::clone(&self.keys),
            Arc::clone(&self.broadcaster),
            Arc::clone(&self.fees),
        )
    }

    fn manager(
        &self,
        config: &Config,
        chain: &Chain,
        monitors: &Arc<Monitors>,
        router: &Arc<SwapRouter>,
        messages: &Arc<Messages>,
        stored: &[(BlockHash, ChannelMonitor<InMemorySigner>)],
    ) -> Result<Manager, StartError> {
        let user_config = config.ldk(false);
        let read = self.read(
            "the channel manager",
            CHANNEL_MANAGER_PERSISTENCE_PRIMARY_NAMESPACE,
            CHANNEL_MANAGER_PERSISTENCE_SECONDARY_NAMESPACE,
            CHANNEL_MANAGER_PERSISTENCE_KEY,
            |bytes| {
                let args = ChannelManagerReadArgs::new(
                    Arc::clone(&self.keys),
                    Arc::clone(&self.keys),
                    Arc::clone(&self.keys),
                    Arc::clone(&self.fees),
                    Arc::clone(monitors),
                    Arc::clone(&self.broadcaster),
                    Arc::clone(router),
                    Arc::clone(messages),
                    Arc::clone(&self.log),
                    user_config.clone(),
                    stored.iter().map(|(_, monitor)| monitor).collect(),
                );
                <(BlockHash, Manager)>::read(bytes, args)
            },
        )?;
        if let Some((_, manager)) = read {
            return Ok(manager);
        }
        if !stored.is_empty() {
            return Err(StartError::StaleState {
                detail: "there are channel monitors but no channel manager".into(),
            });
        }
        let tip = chain.tip();
        Ok(Manager::new(
            Arc::clone(&self.fees),
            Arc::clone(monitors),
            Arc::clone(&self.broadcaster),
            Arc::clone(router),
            Arc::clone(messages),
            Arc::clone(&self.log),
            Arc::clone(&self.keys),
            Arc::clone(&self.keys),
            Arc::clone(&self.keys),
            user_config,
            ChainParameters {
                network: config.network,
                best_block: tip.best(),
            },
            tip.time,
        ))
    }

    /// Brings the monitors to the tip and puts them on watch.
    async fn watch(
        &self,
        chain: &Chain,
        monitors: &Monitors,
        stored: Vec<(BlockHash, ChannelMonitor<InMemorySigner>)>,
    ) -> Result<BlockId, StartError> {
        let listeners: Vec<_> = stored
            .into_iter()
            .map(|(_, monitor)| {
                let fees = Arc::clone(&self.fees);
                let log = Arc::clone(&self.log);
                (monitor, Arc::clone(&self.broadcaster), fees, log)
            })
            .collect();
        let places: Vec<(BestBlock, &(dyn Listen + Send + Sync))> = listeners
            .iter()
            .map(|listener| (listener.0.current_best_block(), listener as _))
            .collect();
        let tip = chain.sync(places).await?;
        for (monitor, ..) in listeners {
            let id = monitor.channel_id();
            monitors
                .load_existing_monitor(id, monitor)
                .map_err(|()| StartError::StaleState {
                    detail: format!("channel {id} is stored twice"),
                })?;
        }
        Ok(tip)
    }

    fn sweeper(&self, chain: &Chain) -> Result<Sweeper, StartError> {
        let stored = self.read(
            "outputs of closed channels",
            OUTPUT_SWEEPER_PERSISTENCE_PRIMARY_NAMESPACE,
            OUTPUT_SWEEPER_PERSISTENCE_SECONDARY_NAMESPACE,
            OUTPUT_SWEEPER_PERSISTENCE_KEY,
            |bytes| {
                let args = (
                    Arc::clone(&self.broadcaster),
                    Arc::clone(&self.fees),
                    None,
                    Arc::clone(&self.keys),
                    Arc::clone(&self.wallet),
                    Arc::clone(&self.store),
                    Arc::clone(&self.log),
                );
                <(BestBlock, Sweeper)>::read(bytes, args)
            },
        )?;
        Ok(match stored {
            Some((_, sweeper)) => sweeper,
            None => Sweeper::new(
                chain.tip().best(),
                Arc::clone(&self.broadcaster),
                Arc::clone(&self.fees),
                None,
                Arc::clone(&self.keys),
                Arc::clone(&self.wallet),
                Arc::clone(&self.store),
                Arc::clone(&self.log),
            ),
        })
    }

    fn peers(
        &self,
        manager: &Arc<Manager>,
        gossip: EarlyUpdates,
        monitors: &Arc<Monitors>,
    ) -> Peers {
        let handler = MessageHandler {
            chan_handler: Arc::new(Release::new(Arc::clone(manager), Arc::clone(&self.store))),
            route_handler: Arc::new(gossip),
            onion_message_handler: Arc::new(IgnoringMessageHandler {}),
            custom_message_handler: Arc::new(IgnoringMessageHandler {}),
            send_only_message_handler: Arc::clone(monitors),
        };
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Peers::new(
            handler,
            u32::try_from(now.as_secs()).unwrap_or(u32::MAX),
            &self.keys.get_secure_random_bytes(),
            Arc::clone(&self.log),
            Arc::clone(&self.keys),
        )
    }

    /// Reads one record. Only "not found" counts as absent: starting afresh on any other error would lose channels.
    fn read<T>(
        &self,
        what: &'static str,
        primary: &str,
        secondary: &str,
        key: &str,
        decode: impl FnOnce(&mut &[u8]) -> Result<T, DecodeError>,
    ) -> Read<T> {
        let bytes = match self.store.read(primary, secondary, key) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StartError::Store { what, source }),
        };
        match decode(&mut bytes.as_slice()) {
            Ok(value) => Ok(Some(value)),
            Err(DecodeError::DangerousValue) => Err(StartError::StaleState {
                detail: format!("{what} does not fit the channel monitors"),
            }),
            Err(reason) => Err(StartError::Corrupt { what, reason }),
        }
    }
}

/// Tells of our own channels which are to be announced.
fn to_be_announced(manager: &Arc<Manager>) -> Ours {
    let manager = Arc::clone(manager);
    Box::new(move |peer, scid| {
        let channels = manager.list_channels_with_counterparty(peer);
        let mut announced = channels.iter().filter(|channel| channel.is_announced);
        announced.any(|channel| channel.short_channel_id == Some(scid))
    })
}

fn store_error(what: &'static str) -> impl Fn(io::Error) -> StartError {
    move |source| StartError::Store { what, source }
}
