//! The concrete types LDK's generics are filled with.

use std::sync::{Arc, RwLock};

use lightning::chain::Filter;
use lightning::chain::chainmonitor::ChainMonitor;
use lightning::events::bump_transaction::sync::{BumpTransactionEventHandlerSync, WalletSync};
use lightning::ln::channelmanager::ChannelManager;
use lightning::ln::peer_handler::{IgnoringMessageHandler, PeerManager};
use lightning::onion_message::messenger::DefaultMessageRouter;
use lightning::routing::gossip::{NetworkGraph, P2PGossipSync};
use lightning::routing::router::DefaultRouter;
use lightning::routing::scoring::{ProbabilisticScorer, ProbabilisticScoringFeeParameters};
use lightning::sign::InMemorySigner;
use lightning::util::persist::MonitorUpdatingPersister;
use lightning::util::sweep::OutputSweeperSync;
use lightning_net_tokio::SocketDescriptor;

use crate::barrier::Store;
use crate::chain::{Broadcaster, Fees};
use crate::gossip_check::ChainLookup;
use crate::gossip_early::EarlyUpdates;
use crate::keys::Keys;
use crate::logger::Log;
use crate::release::Release;
use crate::router::SwapRouter;
use crate::wallet::Wallet;

pub(crate) type Graph = NetworkGraph<Arc<Log>>;
pub(crate) type LocalScorer = ProbabilisticScorer<Arc<Graph>, Arc<Log>>;
pub(crate) type Scorer = RwLock<LocalScorer>;

pub(crate) type PlainRouter = DefaultRouter<
    Arc<Graph>,
    Arc<Log>,
    Arc<Keys>,
    Arc<Scorer>,
    ProbabilisticScoringFeeParameters,
    LocalScorer,
>;

pub(crate) type Messages = DefaultMessageRouter<Arc<Graph>, Arc<Log>, Arc<Keys>>;

pub(crate) type Persister = MonitorUpdatingPersister<
    Arc<Store>,
    Arc<Log>,
    Arc<Keys>,
    Arc<Keys>,
    Arc<Broadcaster>,
    Arc<Fees>,
>;

pub(crate) type Monitors = ChainMonitor<
    InMemorySigner,
    Arc<dyn Filter + Send + Sync>,
    Arc<Broadcaster>,
    Arc<Fees>,
    Arc<Log>,
    Arc<Persister>,
    Arc<Keys>,
>;

pub(crate) type Manager = ChannelManager<
    Arc<Monitors>,
    Arc<Broadcaster>,
    Arc<Keys>,
    Arc<Keys>,
    Arc<Keys>,
    Arc<Fees>,
    Arc<SwapRouter>,
    Arc<Messages>,
    Arc<Log>,
>;

pub(crate) type Gossip = P2PGossipSync<Arc<Graph>, Arc<ChainLookup>, Arc<Log>>;

pub(crate) type Peers = PeerManager<
    SocketDescriptor,
    Arc<Release>,
    Arc<EarlyUpdates>,
    Arc<IgnoringMessageHandler>,
    Arc<Log>,
    Arc<IgnoringMessageHandler>,
    Arc<Keys>,
    Arc<Monitors>,
>;

pub(crate) type Sweeper = OutputSweeperSync<
    Arc<Broadcaster>,
    Arc<Wallet>,
    Arc<Fees>,
    Arc<dyn Filter + Send + Sync>,
    Arc<Store>,
    Arc<Log>,
    Arc<Keys>,
>;

pub(crate) type Bumper = BumpTransactionEventHandlerSync<
    Arc<Broadcaster>,
    Arc<WalletSync<Arc<Wallet>, Arc<Log>>>,
    Arc<Keys>,
    Arc<Log>,
>;
