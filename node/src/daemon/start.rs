//! Starting and stopping all parts of a node.

use std::sync::Arc;
use std::time::Duration;

use bitcoin::hex::DisplayHex as _;
use cambista_engine::order::Orders;
use cambista_engine::ports::{Clock as _, Entropy as _, Store as _};
use cambista_engine::{Engine, EngineHandle, MakerPolicy};
use cambista_ldk::chain::ChainError;
use cambista_ldk::rpc::{Auth, Rpc, RpcError};
use cambista_ldk::{Fatal, Node, Stage, StartError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::backend::{MAKER_KEY, NodeBackend};
use super::{DaemonError, maintain};
use crate::adapters::system::{SystemClock, SystemEntropy};
use crate::adapters::{Events, MakersPort, NodePorts, SwapWatcher};
use crate::api;
use crate::config::Config;
use crate::datadir::{DataDir, Exposed, is_open};
use crate::keys::Seed;
use crate::network::{Network, NetworkConfig, NetworkHandle};
use crate::offers::{self, Announcer, Inbox, Market, Memory, SEQUENCE_KEY};
use crate::payments::Payments;
use crate::store::Store;

/// bitcoind usually answers within this.
const SOON: Duration = Duration::from_secs(2);

/// Everything that runs.
pub(super) struct Running {
    node: Arc<Node>,
    network: NetworkHandle,
    engine: EngineHandle,
    /// Announcer and upkeep, without which nobody would hear of this node any more, or it of others.
    parts: Stage,
    /// Told when one of them ends by itself.
    fatal: Fatal,
    /// Ends with the parts; the node can do without it.
    api: JoinHandle<()>,
}

impl Running {
    /// Starts everything. The API answers last: who finds its address finds a node that works.
    pub(super) async fn start(
        dir: &DataDir,
        ask_stop: watch::Sender<bool>,
    ) -> Result<Self, DaemonError> {
        let config = Config::load(&dir.config())?;
        for exposed in dir.close_to_others(config.bitcoind.password.is_some())? {
            warn_of(&exposed);
        }
        if let Some(cookie) = config
            .bitcoind
            .cookie
            .as_deref()
            .filter(|path| is_open(path))
        {
            tracing::warn!(path = %cookie.display(), "others on this machine can read bitcoind's cookie, and with it spend what \
                bitcoind's own wallet holds: start bitcoind with -rpccookieperms=owner");
        }
        let seed = Seed::from_words(&dir.read_seed()?, config.network)?;
        // First of all that is written, so that a folder nothing can be written to is found out before anything is begun.
        let token = SystemEntropy.bytes32().to_lower_hex_string();
        dir.write_api_token(&token)?;
        let store = Arc::new(Store::open(&dir.database())?);
        let listener = TcpListener::bind(config.api.listen)
            .await
            .map_err(|source| DaemonError::Api {
                address: config.api.listen,
                source,
            })?;
        let policy = store.setting(MAKER_KEY)?.unwrap_or_else(|| config.maker());

        let lightning = config.lightning()?;
        tracing::info!(network = %config.network, folder = %dir.root().display(), "starting");
        knock(&lightning).await?;
        let node = Node::load(
            lightning,
            seed.node(),
            Arc::clone(&store) as _,
            Arc::clone(&store) as _,
        )
        .await?;
        let market = Arc::new(Market::new(config.network, &node.node_id()));
        let inbox = Arc::new(Inbox::new(Arc::clone(&market)));
        let swarm = swarm(&config, &seed, &store, &policy)?;
        let network = Network::start(swarm, Arc::clone(&inbox) as _).await?;
        inbox.use_network(network.clone());

        let payments = Arc::new(Payments::new(Arc::clone(&store)));
        // The engine repeats claims before Lightning is given blocks, and Lightning tells it everything from then on.
        let memory = Arc::new(Memory::load(Arc::clone(&store))?);
        let ports = NodePorts::new(
            &node,
            network.clone(),
            Arc::clone(&store),
            seed,
            Arc::clone(&memory),
        );
        let engine = Engine::start(Arc::new(ports), policy)?;
        let watcher = SwapWatcher::new(engine.clone(), Arc::clone(node.fees()));
        let events = Events::new(engine.clone(), Arc::clone(&payments));
        match node.run(Arc::new(watcher), Arc::new(events)).await {
            Ok(()) => {}
            // The engine knows what it died of.
            Err(StartError::Chain(ChainError::WatcherGone)) => {
                return Err(DaemonError::Broken(engine.failed().await));
            }
            Err(error) => return Err(error.into()),
        }
        payments.drop_unsent(|hash| node.payment(*hash).is_some(), SystemClock.now())?;
        engine.wake().await;
        inbox.use_engine(engine.clone(), Arc::clone(&node));
        let makers = MakersPort::new(Arc::clone(&node), Arc::clone(&market), Arc::clone(&memory));
        let orders = Orders::start(
            engine.clone(),
            Arc::new(makers),
            Arc::new(SystemClock),
            Arc::new(SystemEntropy),
            store.orders()?,
        );

        let announcer = Announcer::new(
            Arc::clone(&market),
            network.clone(),
            Arc::clone(&node),
            Arc::clone(&store),
            engine.clone(),
        );
        let announcer = Arc::new(announcer);
        let fatal = Fatal::new();
        let parts = Stage::new(fatal.clone());
        let backend = NodeBackend {
            network: config.network,
            node: Arc::clone(&node),
            swarm: network.clone(),
            market: Arc::clone(&market),
            announcer: Arc::clone(&announcer),
            engine: engine.clone(),
            store: Arc::clone(&store),
            payments,
            limits: config.limits,
            memory: Arc::clone(&memory),
            ask_stop,
        };
        parts.vital("announcing offers", announcer.run(parts.told()));
        parts.vital(
            "forgetting old offers",
            maintain::run(Arc::clone(&market), parts.told()),
        );
        let again = offers::sync::again(Arc::clone(&market), network.clone(), parts.told());
        parts.vital("asking for offers", again);
        let shelf = offers::shelf::keep(dir.offers(), market, parts.told());
        parts.vital("writing offers down", shelf);
        parts.vital("remembering makers", memory.keep(parts.told()));
        let peers = offers::peers::keep(store, network.clone(), parts.told());
        parts.vital("remembering peers", peers);
        let api = serve(dir, &token, listener, orders, backend, parts.told())?;
        tracing::info!(
            node_id = %node.node_id(),
            peer_id = %network.local_peer_id(),
            lightning = ?node.listening(),
            market = ?network.listen_addrs(),
            "the node runs"
        );
        Ok(Self {
            node,
            network,
            engine,
            parts,
            fatal,
            api,
        })
    }

    /// Resolves with the reason when the node cannot go on.
    pub(super) async fn broken(&self) -> String {
        tokio::select! {
            biased; // the cause before what follows from it
            reason = self.node.fatal() => reason,
            reason = self.engine.failed() => reason,
            reason = without(&self.network) => reason,
            reason = self.fatal.wait() => reason,
        }
    }

    /// Ends everything: no new wishes, then what must not wait on the chain, then the rest.
    pub(super) async fn stop(self) {
        self.parts.end().await;
        let _ = self.api.await;
        self.engine.stop().await;
        self.network.shutdown().await;
        self.node.stop().await;
    }
}

/// Resolves when the swarm is gone, with what that means.
async fn without(network: &NetworkHandle) -> String {
    network.ended().await;
    "the part that talks to other nodes of the market has ended unexpectedly. State on disk is whole; the node must stop: open \
     swaps could not go on. Start it again, and report the log if this comes back."
        .to_owned()
}

fn warn_of(exposed: &Exposed) {
    match exposed {
        Exposed::Readable(path) => {
            tracing::warn!(path = %path.display(), "others on this machine could read this file, which holds this node's secrets; \
                it is closed to them now. If anybody else uses this machine, move the money to a node with new words");
        }
        Exposed::Changeable(path) => {
            tracing::warn!(path = %path.display(), "others on this machine could change what is here, the words and settings \
                of this node included; it is closed to them now. If anybody else uses this machine, check that the node is \
                still yours before coins are sent to it: `cambista status` shows its node id");
        }
    }
}

/// Says why nothing happens when bitcoind lets the node wait; loading then goes on waiting.
///
/// # Errors
/// When waiting would not help.
async fn knock(config: &cambista_ldk::Config) -> Result<(), StartError> {
    let Err(reason) = Rpc::new(config.bitcoind.clone()).ready(SOON).await else {
        return Ok(());
    };
    // bitcoind writes its cookie anew at every start.
    let starting = matches!(
        (&reason, &config.bitcoind.auth),
        (RpcError::Unauthorized { .. }, Auth::Cookie(_))
    );
    if !starting && !reason.is_transient() {
        return Err(reason.into());
    }
    tracing::warn!(%reason, "bitcoind is not there yet; waiting for it for two minutes");
    Ok(())
}

/// Who makes a market or can be called keeps its peer id, so that offers and addresses others wrote down stay true; who
/// only takes swaps is a stranger anew at every start.
fn swarm(
    config: &Config,
    seed: &Seed,
    store: &Store,
    policy: &MakerPolicy,
) -> Result<NetworkConfig, DaemonError> {
    let known = policy.enabled
        || config.maker.enabled
        || !config.p2p.listen.is_empty()
        || !config.p2p.external.is_empty()
        || store.setting::<u64>(SEQUENCE_KEY)?.is_some();
    let makes = policy.enabled || config.maker.enabled;
    let mut swarm = config.p2p.swarm(config.network, makes);
    swarm.identity = known.then(|| seed.identity());
    swarm.bootstrap.extend(offers::peers::named(store)?);
    swarm.known = offers::peers::known(store);
    if swarm.proxy.is_some() {
        tracing::info!(
            "market peers are called through the proxy; Lightning peers and bitcoind are not"
        );
    }
    Ok(swarm)
}

fn serve(
    dir: &DataDir,
    token: &str,
    listener: TcpListener,
    orders: Orders,
    backend: NodeBackend,
    stop: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, DaemonError> {
    let address = listener.local_addr().map_err(|source| DaemonError::Api {
        address: ([127, 0, 0, 1], 0).into(),
        source,
    })?;
    let state = api::State::new(orders, Arc::new(backend), token);
    let serving = tokio::spawn(async move {
        if let Err(error) = api::serve(listener, state, stop).await {
            tracing::error!(%error, "the API has ended; the node goes on, swaps are not affected");
        }
    });
    dir.write_api_address(&address.to_string())?;
    tracing::info!(%address, "the API answers");
    Ok(serving)
}
