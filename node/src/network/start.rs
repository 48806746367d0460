//! Setting the swarm up.

use std::{sync::Arc, time::Duration};

use libp2p::{Multiaddr, Swarm, TransportError, identity::Keypair, relay, swarm};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout},
};

use super::{
    address,
    behaviour::Behaviour,
    bootstrap::Bootstrap,
    cache::Cache,
    config::NetworkConfig,
    driver::{Driver, Starting},
    error::NetworkError,
    flood::Floods,
    handle::NetworkHandle,
    handler::Handler,
    leads::Leads,
    offers,
    peers::View,
    reservations::Reservations,
    traffic::Meter,
    transport,
    work::Work,
};

/// Calls from handles that wait for the swarm's attention.
const COMMANDS: usize = 64;
/// How long an idle connection is kept. Connections of the gossip mesh are never idle; the others
/// stay for the next message of a swap or the next quote.
const IDLE: Duration = Duration::from_secs(120);
/// How long the bootstrap peers are not called while peers met before are.
const KNOWN_FIRST: Duration = Duration::from_secs(3);
/// When it is first asked whether there are enough peers.
const FIRST_LOOK: Duration = Duration::from_secs(30);
/// Streams of one connection on which it is not agreed yet what they are for.
const NEGOTIATING: usize = 64;
/// How long listeners may take to report their addresses.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts swarms.
pub struct Network;

impl Network {
    /// Starts a swarm in a task of its own. When this returns, every listener is open and its port
    /// known; connecting to the bootstrap peers goes on in the background.
    ///
    /// # Errors
    /// When a bootstrap address names no peer, an address cannot be listened on, or a protocol
    /// cannot be set up. Nothing is left running then.
    pub async fn start(
        config: NetworkConfig,
        handler: Arc<dyn Handler>,
    ) -> Result<NetworkHandle, NetworkError> {
        let key = identity(config.identity)?;
        let local = key.public().to_peer_id();
        let topic = offers::topic(config.network);
        let now = Instant::now();
        let bootstrap = Bootstrap::new(&config.bootstrap, local, now + KNOWN_FIRST)?;

        let meter = Meter::new(&config.limits);
        let (relaying, relayed) = relay::client::new(local);
        let leads = Leads::new(config.network);
        let transport =
            transport::build(&key, config.proxy.as_ref(), relaying, &meter, leads.clone())?;
        let behaviour = Behaviour::new(&config, &key, &topic, relayed)?;
        let settings = swarm::Config::with_tokio_executor()
            .with_idle_connection_timeout(IDLE)
            .with_max_negotiating_inbound_streams(NEGOTIATING);
        let mut swarm = Swarm::new(transport, behaviour, local, settings);
        let (ready, listening) = oneshot::channel();
        let mut starting = Starting::new(ready);
        for address in &config.listen {
            match swarm.listen_on(address.clone()) {
                Ok(listener) => {
                    starting.listeners.insert(listener, address.clone());
                }
                Err(error) if is_spare(address, &config.listen, &error) => {
                    tracing::info!(%address, reason = reason(&error), "not listened on");
                }
                Err(error) => {
                    return Err(NetworkError::Listen {
                        address: address.clone(),
                        reason: reason(&error),
                    });
                }
            }
        }
        for address in &config.external {
            swarm.add_external_address(address.clone());
        }

        let hidden = config.proxy.is_some();
        let wants_calls =
            config.nat && !hidden && !config.listen.is_empty() && config.external.is_empty();
        let cache = Cache::new(config.known);
        // Those that were reached come first there; the owner's own last here, so that they are the last forgotten.
        let reached = cache.peers().iter().rev().filter(|met| met.reached > 0);
        let reached = reached.filter_map(|met| met.addresses.first());
        for peer in reached
            .chain(&config.bootstrap)
            .filter_map(address::peer_of)
        {
            swarm.behaviour_mut().limits.know(peer);
        }
        let public_only = config.network != bitcoin::Network::Regtest;
        let view = Arc::new(View::new(config.external, hidden, public_only, cache));
        let (commands, received) = mpsc::channel(COMMANDS);
        let (alive, stopped) = watch::channel(());
        let (work, done) = Work::new(handler);
        let mut driver = Driver {
            swarm,
            topic,
            network: config.network,
            floods: Floods::new(&config.limits),
            limits: config.limits,
            commands: received,
            work,
            done,
            requests: Default::default(),
            dials: Default::default(),
            bootstrap,
            leads,
            called_first: Default::default(),
            reservations: Reservations::new(wants_calls.then(|| now + config.nat_patience)),
            lends: config.relay,
            listen: config.listen.clone(),
            look_at: now + FIRST_LOOK,
            offer: None,
            view: view.clone(),
            starting: Some(starting),
        };
        let task = tokio::spawn(async move {
            driver.run().await;
            drop(driver);
            drop(alive);
        });
        let handle = NetworkHandle {
            local,
            commands,
            view,
            meter,
            stopped,
        };

        let first = config.listen.first().cloned();
        let result = match timeout(LISTEN_TIMEOUT, listening).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(NetworkError::Setup("it stopped at once".to_owned())),
            Err(_) => Err(NetworkError::Listen {
                address: first.unwrap_or_else(Multiaddr::empty),
                reason: "the system did not open the port in time".to_owned(),
            }),
        };
        if let Err(error) = result {
            task.abort();
            return Err(error);
        }
        Ok(handle)
    }
}

fn identity(seed: Option<[u8; 32]>) -> Result<Keypair, NetworkError> {
    match seed {
        None => Ok(Keypair::generate_ed25519()),
        Some(seed) => Keypair::ed25519_from_bytes(seed)
            .map_err(|e| NetworkError::Setup(format!("peer identity: {e}"))),
    }
}

/// Many machines have no IPv6: there the other addresses do, unless somebody else has the port.
fn is_spare(
    address: &Multiaddr,
    all: &[Multiaddr],
    error: &TransportError<std::io::Error>,
) -> bool {
    let is_v6 = |at: &Multiaddr| address::ip(at).is_some_and(|ip| ip.is_ipv6());
    let in_use = reason(error).contains("in use");
    is_v6(address) && !in_use && !all.iter().all(is_v6)
}

fn reason(error: &TransportError<std::io::Error>) -> String {
    match error {
        TransportError::MultiaddrNotSupported(_) => {
            "this kind of address is not supported, use for example /ip4/0.0.0.0/tcp/9740"
                .to_owned()
        }
        TransportError::Other(error) => error.to_string(),
    }
}
