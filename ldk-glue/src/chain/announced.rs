//! Hearing of every transaction in the moment bitcoind takes it.
//!
//! Looking at the mempool twice a second misses what comes and goes in between: a peer can show its secret in a claim and
//! have it thrown out again at once. Where bitcoind announces transactions (`zmqpubrawtx`), none is missed.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bitcoin::Transaction;
use bitcoin::consensus::encode;

use super::{ChainError, Mempool, Observer, Stop, stopped};
use crate::rpc::zmq::Subscription;

/// How long after a failure it is tried again.
const PAUSE: Duration = Duration::from_secs(2);
/// How long after an answer that bitcoind announces nothing it is asked again: only a restart of bitcoind changes that.
const SELDOM: Duration = Duration::from_secs(60);

impl Mempool {
    /// Tells the observer of spends of watched outpoints as bitcoind announces them, if it does, until told to stop.
    pub async fn listen(self: Arc<Self>, observer: Arc<dyn Observer>, mut stop: Stop) {
        loop {
            let pause = tokio::select! {
                () = stopped(&mut stop) => return,
                pause = self.hear(observer.as_ref()) => pause,
            };
            let Some(pause) = pause else {
                return stopped(&mut stop).await;
            };
            tokio::select! {
                () = stopped(&mut stop) => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Returns how long to wait before the next try; none when there is nobody to tell any more.
    async fn hear(&self, observer: &dyn Observer) -> Option<Duration> {
        let address = match self.rpc.announces_transactions().await {
            Ok(Some(address)) => address,
            Ok(None) => return Some(SELDOM),
            Err(_) => return Some(PAUSE),
        };
        match self.hear_from(&address, observer).await {
            Err(Ended::Nobody) => None,
            Err(Ended::Broken(error)) => {
                tracing::debug!(%error, address, "bitcoind's announcements ended; connecting again");
                Some(PAUSE)
            }
            Ok(never) => match never {},
        }
    }

    async fn hear_from(
        &self,
        address: &str,
        observer: &dyn Observer,
    ) -> Result<std::convert::Infallible, Ended> {
        let mut announced = Subscription::open(address, "rawtx").await?;
        tracing::info!(address, "every transaction bitcoind takes is looked at");
        loop {
            let raw = announced.next().await?;
            let Ok(tx) = encode::deserialize::<Transaction>(&raw) else {
                return Err(io::Error::from(io::ErrorKind::InvalidData).into());
            };
            if self.is_news(&tx) {
                match observer
                    .spent_in_mempool(&tx)
                    .await
                    .map_err(ChainError::from)
                {
                    Ok(()) => self.was_told(&tx),
                    Err(_) => return Err(Ended::Nobody),
                }
            }
        }
    }
}

enum Ended {
    Nobody,
    Broken(io::Error),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}
