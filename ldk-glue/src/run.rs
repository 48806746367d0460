//! Running and stopping.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lightning_background_processor::{
    GossipSync, NO_LIQUIDITY_MANAGER, NO_ONION_MESSENGER, process_events_async_with_kv_store_sync,
};

use crate::chain::{Follower, Observer, stopped};
use crate::errors::StartError;
use crate::events::EventSink;
use crate::handler::Handler;
use crate::network::{keep_announced, keep_connected};
use crate::node::Node;
use crate::save::SavedMonitors;

impl Node {
    /// Brings everything to the tip and sets the node going: the observer first, then the wallet and LDK, then events,
    /// peers and new blocks. Returns when all of it runs.
    ///
    /// # Errors
    /// [`StartError`]. The node cannot be run again then: load it anew.
    pub async fn run(
        self: &Arc<Self>,
        observer: Arc<dyn Observer>,
        events: Arc<dyn EventSink>,
    ) -> Result<(), StartError> {
        if self.started.swap(true, Ordering::AcqRel) {
            return Err(StartError::AlreadyStarted);
        }
        // LDK broadcasts while it catches up, so this runs first.
        let broadcaster = Arc::clone(&self.broadcaster);
        self.inner
            .vital("broadcasting", broadcaster.run(self.inner.told()));
        self.watch_wallet();
        let started = self.start(observer, events).await;
        if started.is_err() {
            self.stop().await;
        }
        started
    }

    async fn start(
        self: &Arc<Self>,
        observer: Arc<dyn Observer>,
        events: Arc<dyn EventSink>,
    ) -> Result<(), StartError> {
        let (outer, chain) = (&self.outer, &self.chain);
        let following = chain
            .follow(Arc::clone(&observer), self.followers())
            .await?
            .with_fees(Arc::clone(&self.fees));
        self.update_reserve();
        self.update_fees();
        self.monitors.archive_fully_resolved_channel_monitors();
        self.inner
            .vital("Lightning", background(Arc::clone(self), events));
        outer.vital("following the chain", following.run(outer.told()));
        let fees = Arc::clone(&self.fees);
        outer.vital("fee estimation", fees.run(chain.watch_tip(), outer.told()));
        let mempool = Arc::clone(&self.mempool);
        let announced = mempool.listen(Arc::clone(&observer), outer.told());
        outer.vital("hearing of transactions", announced);
        let mempool = Arc::clone(&self.mempool);
        outer.vital("watching the mempool", mempool.run(observer, outer.told()));
        let lookup = Arc::clone(&self.lookup).run(
            Arc::clone(&self.rpc),
            Arc::clone(&self.graph),
            Arc::clone(&self.gossip),
            Arc::clone(&self.peers),
            outer.told(),
        );
        outer.vital("checking gossip", lookup);
        self.listen().await?;
        let node = || Arc::clone(self);
        outer.vital("reconnecting", keep_connected(node(), outer.told()));
        outer.vital("announcing", keep_announced(node(), outer.told()));
        Ok(())
    }

    /// Who hears of blocks after the observer, in this order.
    fn followers(&self) -> Vec<Follower> {
        let wallet = Arc::clone(&self.wallet);
        let manager = Arc::clone(&self.manager);
        let sweeper = Arc::clone(&self.sweeper);
        vec![
            Follower::new("wallet", wallet.best_block(), wallet),
            Follower::new("channels", manager.current_best_block(), manager),
            Follower::new(
                "channel monitors",
                self.monitors_at.best(),
                Arc::new(SavedMonitors {
                    monitors: Arc::clone(&self.monitors),
                    store: Arc::clone(&self.store),
                }),
            ),
            Follower::new("sweeper", sweeper.current_best_block(), sweeper),
        ]
    }

    /// A wallet that cannot save is as bad as channels that cannot.
    fn watch_wallet(&self) {
        let mut failure = self.wallet.failure();
        let mut stop = self.inner.told();
        let fatal = self.fatal.clone();
        self.inner.vital("watching the wallet", async move {
            let failed = tokio::select! {
                failed = failure.wait_for(Option::is_some) => {
                    failed.ok().and_then(|reason| reason.clone())
                }
                () = stopped(&mut stop) => return,
            };
            if let Some(reason) = failed {
                fatal.fail(reason);
            }
            stopped(&mut stop).await;
        });
    }

    /// Ends everything, saving LDK's state a last time. Payments that are held stay held.
    pub async fn stop(&self) {
        self.outer.end().await;
        // From here on nothing may change what is saved last.
        self.gate.close();
        if self.log.fell_behind() {
            // Nothing of it is worth saving, and what LDK held when it stopped itself stays locked.
            return;
        }
        // What LDK held when one of its calls broke off stays locked, and whoever comes to it breaks off as well: here on
        // a thread of its own, so that the node still ends with its reason told.
        let peers = Arc::clone(&self.peers);
        let parted = tokio::task::spawn_blocking(move || peers.disconnect_all_peers()).await;
        if parted.is_err() {
            tracing::error!(
                "Lightning broke off in the middle of something: nothing more of it is saved"
            );
            return;
        }
        self.inner.end().await;
        if self.started.load(Ordering::Acquire) {
            self.store.end();
        }
    }
}

/// How long LDK's loop waits before it looks at HTLCs that came in.
///
/// It is the only wait of the loop under ten seconds. LDK draws it at random (50 ms in the middle, 200 ms at most), to
/// hide which forwarded payment came from where; a fourth of that keeps the randomness and reports a held payment
/// sooner. Before the first look, LDK waits two seconds for peers to come back, but then also for two more seconds
/// if an HTLC comes in meanwhile: only the first of these waits is kept.
#[derive(Default)]
struct Pace {
    waited_for_peers: AtomicBool,
}

impl Pace {
    const FOR_PEERS: Duration = Duration::from_secs(2);

    fn shorten(&self, time: Duration) -> Duration {
        if time == Self::FOR_PEERS && !self.waited_for_peers.swap(true, Ordering::AcqRel) {
            time
        } else if time <= Self::FOR_PEERS {
            (time / 4).min(Duration::from_millis(50))
        } else {
            time
        }
    }
}

/// LDK's own loop: events, forwarding, saving, timers.
async fn background(node: Arc<Node>, sink: Arc<dyn EventSink>) {
    let handler = Arc::new(Handler {
        node: Arc::clone(&node),
        sink,
    });
    let stop = node.inner.told();
    let pace = Pace::default();
    let sleeper = move |time: Duration| -> Pin<Box<dyn Future<Output = bool> + Send>> {
        let time = pace.shorten(time);
        let mut stop = stop.clone();
        Box::pin(async move {
            tokio::select! {
                () = stopped(&mut stop) => true,
                () = tokio::time::sleep(time) => false,
            }
        })
    };
    let ended = process_events_async_with_kv_store_sync(
        Arc::clone(&node.store),
        move |event| {
            let handler = Arc::clone(&handler);
            async move { handler.handle(event).await }
        },
        Arc::clone(&node.monitors),
        Arc::clone(&node.manager),
        NO_ONION_MESSENGER,
        GossipSync::p2p(Arc::clone(&node.gossip)),
        Arc::clone(&node.peers),
        NO_LIQUIDITY_MANAGER,
        Some(Arc::clone(&node.sweeper)),
        Arc::clone(&node.log),
        Some(Arc::clone(&node.scorer)),
        sleeper,
        // Not a phone: no wake-up ten times a second.
        false,
        || SystemTime::now().duration_since(UNIX_EPOCH).ok(),
    )
    .await;
    if let Err(error) = ended {
        node.fatal.fail(format!(
            "Lightning state could not be saved ({error}); the node must stop. Repair the disk and start it again."
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_wait_for_peers_and_the_long_timers_keep_their_length() {
        let pace = Pace::default();
        let two = Duration::from_secs(2);
        let ping = Duration::from_secs(10);
        assert_eq!(pace.shorten(ping), ping);
        assert_eq!(pace.shorten(two), two);
        assert_eq!(pace.shorten(two), Duration::from_millis(50));
        let batch = Duration::from_millis(60);
        assert_eq!(pace.shorten(batch), Duration::from_millis(15));
    }
}
