//! The live stream: observer first, then everybody else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bitcoin::BlockHash;
use lightning::chain::{BestBlock, Listen};

use super::cursor::{self, Cursor, Step};
use super::{BlockId, Chain, ChainError, Fees, Observer, Stop, stopped};

/// How long bitcoind is left to wait for a new block before it is asked anew. It does not notice when we hang up, and
/// keeps one of its few threads busy until then.
const WAIT: Duration = Duration::from_secs(3);
/// How often a bitcoind is asked that cannot be told which block we know, and so could let one slip by while waiting.
const SHORT_WAIT: Duration = Duration::from_secs(1);
/// Pause after a failure.
const BACKOFF: Duration = Duration::from_secs(1);
/// How often bitcoind's own sync state is looked at.
const HEALTH_EVERY: Duration = Duration::from_secs(15);

/// Somebody who is told of blocks after the observer, and where it stands.
pub struct Follower {
    /// Who it is, for messages.
    pub name: &'static str,
    /// The last block it has seen.
    pub best: BestBlock,
    /// Whom to tell.
    pub listen: Arc<dyn Listen + Send + Sync>,
}

impl Follower {
    /// A follower that stands at `best`.
    pub fn new(name: &'static str, best: BestBlock, listen: Arc<dyn Listen + Send + Sync>) -> Self {
        Self { name, best, listen }
    }

    fn cursor(&self) -> Cursor {
        Cursor {
            height: self.best.height,
            hash: self.best.block_hash,
        }
    }
}

/// Observer and followers, all at the same block. [`Following::run`] keeps them at the tip.
pub struct Following {
    chain: Arc<Chain>,
    observer: Arc<dyn Observer>,
    place: Cursor,
    followers: Vec<Follower>,
    fees: Option<Arc<Fees>>,
}

impl Chain {
    /// Brings the observer to the tip, then every follower, in the order given, to where the observer stands.
    ///
    /// # Errors
    /// When bitcoind does not answer, or does not know a block one of them stands at.
    pub async fn follow(
        self: &Arc<Self>,
        observer: Arc<dyn Observer>,
        followers: Vec<Follower>,
    ) -> Result<Following, ChainError> {
        let place = match observer.best_block() {
            Some((height, hash)) => Cursor { height, hash },
            None => self.best().await?.into(),
        };
        let mut following = Following {
            chain: self.clone(),
            observer,
            place,
            followers,
            fees: None,
        };
        following.advance().await?;
        Ok(following)
    }
}

impl Following {
    /// From now on these are asked anew before anybody hears of a new block, so that what a block causes pays the rate of
    /// that block and not of the one before.
    #[must_use]
    pub fn with_fees(mut self, fees: Arc<Fees>) -> Self {
        self.fees = Some(fees);
        self
    }

    /// Follows the chain until told to stop. Failures are kept in [`Chain::status`] and tried again without end; a block
    /// that was begun is finished before this returns.
    pub async fn run(mut self, mut stop: Stop) {
        let mut looked = None;
        let mut failed = false;
        while !*stop.borrow() {
            let turn = async {
                if std::mem::take(&mut failed) {
                    tokio::time::sleep(BACKOFF).await;
                } else {
                    self.wait().await?;
                }
                Ok::<(), ChainError>(())
            };
            // Waiting may be cut short; a block that was begun is finished.
            let waited = tokio::select! {
                () = stopped(&mut stop) => break,
                waited = turn => waited,
            };
            let done = match waited {
                Ok(()) => self.poll(&mut looked).await,
                Err(err) => Err(err),
            };
            match done {
                Ok(()) => self.chain.note_success(),
                // Nobody may be told of a block the observer has not seen, and nothing will bring it back.
                Err(ChainError::WatcherGone) => return stopped(&mut stop).await,
                Err(err) => {
                    self.chain.note_failure(&err);
                    failed = true;
                }
            }
        }
    }

    /// Returns when bitcoind has another best block than ours, or after a while.
    async fn wait(&self) -> Result<(), ChainError> {
        let rpc = &self.chain.rpc;
        match rpc.wait_for_new_block(WAIT, Some(&self.place.hash)).await {
            // An older bitcoind knows one argument only.
            Err(err) if err.is_usage() => rpc.wait_for_new_block(SHORT_WAIT, None).await?,
            waited => waited?,
        }
        Ok(())
    }

    async fn poll(&mut self, looked: &mut Option<Instant>) -> Result<(), ChainError> {
        let best: BlockHash = self.chain.rpc.best_block_hash().await?;
        let behind =
            best != self.place.hash || self.followers.iter().any(|f| f.cursor() != self.place);
        // Who hears of a block also asks how many more there are.
        if behind || looked.is_none_or(|at| at.elapsed() >= HEALTH_EVERY) {
            self.chain.refresh_health().await?;
            *looked = Some(Instant::now());
        }
        if !behind {
            return Ok(());
        }
        if let Some(fees) = &self.fees {
            fees.refresh_soon().await;
        }
        self.advance().await
    }

    /// One step of the observer at a time, and after each of them whatever of it the followers lack: with everybody at the
    /// same place a block is fetched once.
    async fn advance(&mut self) -> Result<(), ChainError> {
        let chain = self.chain.clone();
        loop {
            // While followers are behind, the observer goes to the tip alone: nobody is told a block it has not seen.
            let together = self.followers.iter().all(|f| f.cursor() == self.place);
            match cursor::step(&chain.rpc, self.place, "swap watcher").await? {
                Step::Back(fork) => {
                    self.observer.disconnected(fork).await?;
                    if together {
                        self.followers
                            .iter_mut()
                            .for_each(|follower| follower.back(fork));
                    }
                    self.place = fork.into();
                }
                Step::Forward(block, id) => {
                    self.observer.connected(&block, id.height).await?;
                    self.place = id.into();
                    if together {
                        self.followers
                            .iter_mut()
                            .for_each(|follower| follower.forward(&block, id));
                        chain.set_tip(id);
                    }
                }
                Step::AtTip(tip) => {
                    if !together {
                        self.pull_followers().await?;
                        continue;
                    }
                    chain.set_tip(tip);
                    return Ok(());
                }
            }
            chain.note_success();
        }
    }

    /// Brings every follower to where the observer stands. Ends early when the observer's block left the chain.
    async fn pull_followers(&mut self) -> Result<(), ChainError> {
        for follower in &mut self.followers {
            while follower.cursor() != self.place {
                match cursor::step(&self.chain.rpc, follower.cursor(), follower.name).await? {
                    Step::Back(fork) => follower.back(fork),
                    Step::Forward(block, id) if id.height <= self.place.height => {
                        // A block of another branch than the observer's: it must hear of that first.
                        if !self
                            .chain
                            .rpc
                            .header(&self.place.hash)
                            .await
                            .map(|h| h.in_best_chain())?
                        {
                            return Ok(());
                        }
                        follower.forward(&block, id);
                    }
                    Step::Forward(..) | Step::AtTip(_) => return Ok(()),
                }
            }
        }
        Ok(())
    }
}

impl Follower {
    fn forward(&mut self, block: &bitcoin::Block, id: BlockId) {
        self.listen.block_connected(block, id.height);
        self.best = id.best();
    }

    fn back(&mut self, fork: BlockId) {
        self.listen.blocks_disconnected(fork.best());
        self.best = fork.best();
    }
}
