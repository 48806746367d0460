//! Setting the swarm up.

use std::{sync::Arc, time::Duration};

use libp2p::{Swarm, TransportError, identity::Keypair, swarm};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout},
};

use super::{
    behaviour::Behaviour,
    bootstrap::Bootstrap,
    config::NetworkConfig,
    driver::{Driver, Starting},
    error::NetworkError,
    handle::NetworkHandle,
    handler::Handler,
    offers,
    peers::View,
    transport,
    work::Work,
};

/// Calls from handles that wait for the swarm's attention.
const COMMANDS: usize = 64;
/// How long an idle connection is kept. Connections of the gossip mesh are never idle; the others
/// stay for the next message of a swap or the next quote.
const IDLE: Duration = Duration::from_secs(120);
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
        let bootstrap = Bootstrap::new(&config.bootstrap, local, Instant::now())?;

        let behaviour = Behaviour::new(&config, &key, &topic)?;
        let settings = swarm::Config::with_tokio_executor().with_idle_connection_timeout(IDLE);
        let mut swarm = Swarm::new(transport::build(&key)?, behaviour, local, settings);
        let (ready, listening) = oneshot::channel();
        let mut starting = Starting::new(ready);
        for address in &config.listen {
            let listener = swarm.listen_on(address.clone());
            let listener = listener.map_err(|e| NetworkError::Listen {
                address: address.clone(),
                reason: reason(&e),
            })?;
            starting.listeners.insert(listener, address.clone());
        }
        for address in &config.external {
            swarm.add_external_address(address.clone());
        }

        let view = Arc::new(View::default());
        let (commands, received) = mpsc::channel(COMMANDS);
        let (alive, stopped) = watch::channel(());
        let (work, done) = Work::new(handler);
        let mut driver = Driver {
            swarm,
            topic,
            network: config.network,
            limits: config.limits,
            commands: received,
            work,
            done,
            requests: Default::default(),
            dials: Default::default(),
            bootstrap,
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
            external: config.external,
            commands,
            view,
            stopped,
        };

        let first = config.listen.first().cloned();
        let result = match timeout(LISTEN_TIMEOUT, listening).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(NetworkError::Setup("it stopped at once".to_owned())),
            Err(_) => Err(NetworkError::Listen {
                address: first.unwrap_or_else(libp2p::Multiaddr::empty),
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

fn reason(error: &TransportError<std::io::Error>) -> String {
    match error {
        TransportError::MultiaddrNotSupported(_) => {
            "this kind of address is not supported, use for example /ip4/0.0.0.0/tcp/9740"
                .to_owned()
        }
        TransportError::Other(error) => error.to_string(),
    }
}
