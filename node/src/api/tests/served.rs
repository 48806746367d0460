//! The made-up node served on a real socket, as the daemon does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::fake::Fake;
use crate::api::types::*;
use crate::api::{Backend, State, Swaps, serve};
use crate::client::{Client, ClientError};
use crate::datadir::DataDir;

/// The token of every test's node.
pub(crate) const TOKEN: &str = "0123456789abcdef";

/// A served node.
pub(crate) struct Served {
    pub(crate) node: Arc<Fake>,
    pub(crate) address: String,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) server: tokio::task::JoinHandle<std::io::Result<()>>,
    pub(crate) dir: DataDir,
    _temp: tempfile::TempDir,
}

/// Serves a node, the way the daemon does.
pub(crate) async fn served(change: impl FnOnce(&mut Fake)) -> Served {
    let mut node = Fake {
        asked: Mutex::default(),
        version: watch::Sender::new(1),
        no_makers: false,
        resting_until: None,
        refuse: false,
        limits: Limits::default(),
        payment: watch::Sender::new(PaymentState::Pending),
        payment_changes: watch::Sender::new(0),
        lock: Mutex::default(),
    };
    change(&mut node);
    let temp = tempfile::tempdir().unwrap();
    let dir = DataDir::at(temp.path().to_owned());
    node.lock = Mutex::new(Some(dir.lock().unwrap()));
    let node = Arc::new(node);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = watch::channel(false);
    let swaps: Arc<dyn Swaps> = node.clone();
    let backend: Arc<dyn Backend> = node.clone();
    let state = State::over(swaps, backend, TOKEN);
    let server = tokio::spawn(serve(listener, state, stopped));
    dir.write_api_token(TOKEN).unwrap();
    dir.write_api_address(&address).unwrap();
    Served {
        node,
        address,
        stop,
        server,
        dir,
        _temp: temp,
    }
}

/// Waits until somebody waits for news of this.
pub(crate) async fn listened_to<T>(news: &watch::Sender<T>) {
    while news.receiver_count() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

impl Served {
    /// Uses the blocking client beside the server.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Client) -> Result<T, ClientError> + Send + 'static,
    ) -> Result<T, ClientError> {
        let client = Client::open(&self.dir).unwrap();
        tokio::task::spawn_blocking(move || ask(&client))
            .await
            .unwrap()
    }

    /// The same for a call that must be refused.
    pub(crate) async fn refused<T: std::fmt::Debug + Send + 'static>(
        &self,
        ask: impl FnOnce(&Client) -> Result<T, ClientError> + Send + 'static,
    ) -> Problem {
        match self.call(ask).await {
            Err(ClientError::Problem(problem)) => *problem,
            other => panic!("not refused: {other:?}"),
        }
    }
}
