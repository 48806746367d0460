//! The one task that owns every swap.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bitcoin::OutPoint;
use bitcoin::ScriptBuf;
use cambista_protocol::swap::{Effect, Event};
use cambista_protocol::words::SwapId;
use tokio::sync::{mpsc, watch};
use tracing::{error, info};

use crate::advance::Job;
use crate::archive::read_back;
use crate::desk::{Desk, Partners};
use crate::handle::{EngineHandle, Input, MakerPolicy};
use crate::internal::Internal;
use crate::live::Live;
use crate::order::CalledOff;
use crate::ports::{Chain, Clock, PortError, Ports, Sought, Store, Wallet};
use crate::sweeper::Sweeper;
use crate::taker::HeldQuotes;

/// Inputs that wait while the engine works; senders wait when it is full.
const QUEUE: usize = 256;
/// After so many swaps read at a start, those that are over are archived.
const ARCHIVE_EVERY: usize = 256;
/// Between two looks at what has not worked yet.
const TICK: Duration = Duration::from_secs(5);

/// The engine's beginning; see [`Engine::start`].
#[derive(Debug)]
pub struct Engine;

impl Engine {
    /// Loads every swap, repeats the claims that may have been lost, and spawns the engine's task.
    ///
    /// To be called once Lightning is loaded and before it is given blocks or peers.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn start<P: Ports>(ports: Arc<P>, policy: MakerPolicy) -> Result<EngineHandle, PortError> {
        let (inputs, queue) = mpsc::channel(QUEUE);
        let (changes, changed) = watch::channel(0);
        let (failed, failure) = watch::channel(None);
        let best_block = ports.store().best_block()?;
        let mut core = Core::load(ports, policy, inputs.clone(), changes, best_block)?;
        core.repeat_claims();
        let handle = EngineHandle::new(inputs, changed, failure, best_block);
        tokio::spawn(async move {
            if let Err(reason) = core.run(queue).await {
                error!(%reason, "the engine stops: its state could not be stored");
                let _ = failed.send(Some(reason.to_string()));
            }
        });
        Ok(handle)
    }
}

/// Everything the engine's task owns.
pub(crate) struct Core<P> {
    pub(crate) ports: Arc<P>,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) changes: watch::Sender<u64>,
    pub(crate) height: u32,
    pub(crate) swaps: HashMap<SwapId, Live>,
    /// Oldest first.
    pub(crate) order: Vec<SwapId>,
    pub(crate) by_hash: HashMap<[u8; 32], SwapId>,
    pub(crate) by_script: HashMap<ScriptBuf, SwapId>,
    /// Outpoints at contract scripts.
    pub(crate) by_outpoint: HashMap<OutPoint, SwapId>,
    /// First inputs of fundings.
    pub(crate) by_first_input: HashMap<OutPoint, SwapId>,
    pub(crate) quotes: HeldQuotes,
    pub(crate) desk: Desk,
    pub(crate) called_off: CalledOff,
    /// Addresses of swaps that ended before anything was paid to anybody: to be used again.
    pub(crate) spare_scripts: Vec<ScriptBuf>,
    pub(crate) jobs: VecDeque<Job>,
    pub(crate) sweeper: Sweeper,
    pub(crate) partners: Partners,
    /// The highest place of a swap so far.
    last_place: u64,
    /// Whether wishes are acted on: not before the node around the engine runs.
    pub(crate) awake: bool,
}

impl<P: Ports> Core<P> {
    fn load(
        ports: Arc<P>,
        policy: MakerPolicy,
        inputs: mpsc::Sender<Input>,
        changes: watch::Sender<u64>,
        best_block: Option<(u32, bitcoin::BlockHash)>,
    ) -> Result<Self, PortError> {
        let mut core = Self {
            height: best_block.map_or_else(|| ports.chain().tip().height, |(height, _)| height),
            inputs,
            changes,
            swaps: HashMap::new(),
            order: Vec::new(),
            by_hash: HashMap::new(),
            by_script: HashMap::new(),
            by_outpoint: HashMap::new(),
            by_first_input: HashMap::new(),
            quotes: HeldQuotes::default(),
            desk: Desk::new(policy),
            called_off: CalledOff::default(),
            spare_scripts: Vec::new(),
            jobs: VecDeque::new(),
            sweeper: Sweeper::load(ports.store().batches()?),
            partners: Partners::default(),
            last_place: 0,
            awake: false,
            ports,
        };
        #[cfg(feature = "failpoints")]
        crate::failpoints::starts();
        let kept = core.ports.store().find(Sought::Kept)?;
        let latest = core.ports.store().find(Sought::Latest(1))?;
        let places = kept.iter().chain(&latest).map(|(place, _)| *place);
        core.last_place = places.max().unwrap_or(0);
        let mut more = 0_usize;
        for (_, id) in kept {
            let Some(live) = read_back(&*core.ports, id)? else {
                continue;
            };
            if !live.ended() && live.funder().is_some() {
                for (tx, _) in &live.fundings {
                    core.ports.wallet().reserve(tx);
                }
            }
            core.adopt(live);
            // A store written before swaps were archived may hold thousands that are over.
            more += 1;
            if more >= ARCHIVE_EVERY && best_block.is_some() {
                more = 0;
                core.archive_due()?;
            }
            if !core.swaps.contains_key(&id) {
                continue;
            }
            // A crash in the middle of a block leaves events of a block that may never be seen again.
            if best_block.is_some() {
                core.push(id, Event::Reorg { fork: core.height });
            }
        }
        core.collect_spare_scripts()?;
        info!(
            swaps = core.order.len(),
            height = core.height,
            "swaps loaded"
        );
        Ok(core)
    }

    /// Takes a swap into the indexes.
    pub(crate) fn adopt(&mut self, mut live: Live) {
        let id = live.id();
        if live.place == 0 {
            live.place = self.last_place.saturating_add(1);
        }
        self.last_place = self.last_place.max(live.place);
        for hash in live.record.deal.hashes() {
            self.by_hash.insert(hash, id);
        }
        self.by_script
            .insert(live.record.deal.script_pubkey.clone(), id);
        let at = self.order.partition_point(|other| {
            let other = self.swaps.get(other);
            other.is_some_and(|other| other.place < live.place)
        });
        self.order.insert(at, id);
        self.swaps.insert(id, live);
        self.index(id);
    }

    /// Brings the indexes of what is watched up to a swap's state.
    pub(crate) fn index(&mut self, id: SwapId) {
        let Some(live) = self.swaps.get(&id) else {
            return;
        };
        if let Some(input) = live.first_input() {
            // A payer has its funding from a peer, who may name any input: it never takes the place of one of ours.
            if live.funder().is_some() {
                self.by_first_input.insert(input, id);
            } else {
                self.by_first_input.entry(input).or_insert(id);
            }
            // A funding that is thrown out of the mempool is to be sent again at once. What is watched for a swap's output
            // stays so: no peer that names it as its input may turn off the watch for a secret.
            let its = self.by_first_input.get(&input) == Some(&id);
            if its && !self.by_outpoint.contains_key(&input) {
                if live.ended() {
                    self.ports.chain().unwatch_mempool(input);
                } else {
                    self.ports.chain().watch_mempool(input);
                }
            }
        }
        for output in live.swap.outputs().iter() {
            let settled = output
                .buried_spend(&live.record.deal.locks, self.height)
                .is_some();
            let known = self.by_outpoint.insert(output.outpoint, id).is_some();
            if settled {
                self.ports.chain().unwatch_mempool(output.outpoint);
            } else if !known {
                self.ports.chain().watch_mempool(output.outpoint);
            }
        }
    }

    /// Lightning may have lost a claim in a crash; saying it again does no harm.
    fn repeat_claims(&mut self) {
        for id in self.order.clone() {
            let Some(live) = self.swaps.get(&id) else {
                continue;
            };
            let claims: Vec<_> = live
                .outbox
                .iter()
                .filter(|item| matches!(item.effect, Effect::Claim(_)))
                .copied()
                .collect();
            for item in claims {
                self.run_effect(id, item);
            }
        }
    }

    async fn run(&mut self, mut queue: mpsc::Receiver<Input>) -> Result<(), PortError> {
        let mut tick = self.ports.clock().passes(TICK);
        self.drain().await?;
        loop {
            tokio::select! {
                input = queue.recv() => match input {
                    None => return Ok(()),
                    Some(Input::Stop { reply }) => {
                        self.claim_before_leaving().await?;
                        let _ = reply.send(());
                        return Ok(());
                    }
                    Some(input) => self.take(input).await?,
                },
                () = &mut tick => {
                    self.tick().await?;
                    tick = self.ports.clock().passes(TICK);
                }
            }
        }
    }

    async fn take(&mut self, input: Input) -> Result<(), PortError> {
        match input {
            Input::Ask { ask, makers, reply } => self.ask(ask, makers, reply),
            Input::Cancel { id, reply } => self.cancel(&id, reply).await?,
            Input::Start { request, reply } => self.start_swap(&request, reply),
            Input::Means { means, reply } => {
                let _ = reply.send(self.means(&means));
            }
            Input::SaveOrder { order, reply } => {
                self.save_order(*order)?;
                let _ = reply.send(());
            }
            Input::Parts { order, reply } => {
                let _ = reply.send(self.parts(order)?);
            }
            Input::Swaps { ended, reply } => {
                self.list(ended, reply)?;
            }
            Input::Orders { most, reply } => self.list_orders(most, reply)?,
            Input::Order { id, reply } => {
                let _ = reply.send(self.find_order(&id)?);
            }
            Input::Swap { id, reply } => {
                let _ = reply.send(self.find_view(&id));
            }
            Input::SetPolicy { policy, reply } => {
                self.set_policy(policy);
                let _ = reply.send(());
            }
            Input::Policy { reply } => {
                let _ = reply.send(self.desk.policy);
            }
            Input::Peer {
                from,
                protocol,
                body,
                reply,
            } => {
                let answer = self.peer_request(from, protocol, &body).await?;
                let _ = reply.send(answer);
            }
            Input::Connected {
                block,
                height,
                reply,
            } => {
                self.connected(&block, height).await?;
                let _ = reply.send(());
            }
            Input::Disconnected { fork, hash, reply } => {
                self.disconnected(fork, hash).await?;
                let _ = reply.send(());
            }
            Input::MempoolSpend { tx, reply } => {
                self.mempool_spend(&tx).await?;
                let _ = reply.send(());
            }
            Input::MempoolLost { outpoint, reply } => {
                self.mempool_lost(outpoint).await?;
                let _ = reply.send(());
            }
            Input::Lightning { news, reply } => {
                self.lightning_news(&news).await?;
                let _ = reply.send(());
            }
            Input::Wake { reply } => {
                self.wake().await?;
                let _ = reply.send(());
            }
            Input::Market(input) => self.market_input(input),
            Input::Internal(internal) => self.internal(internal).await?,
            Input::Stop { reply } => {
                let _ = reply.send(());
            }
        }
        self.sweep_due()
    }

    async fn internal(&mut self, internal: Internal) -> Result<(), PortError> {
        match internal {
            Internal::Quoted {
                held,
                refused,
                reply,
            } => self.quoted(held, refused, reply),
            Internal::Agreed { result, reply } => self.agreed(result, reply).await?,
            Internal::TermsAnswered { id, result, reply } => {
                self.terms_answered(id, result, reply).await?;
            }
            Internal::Written { id } => self.hold_written(id).await?,
            Internal::FundingSent { id, item } => self.funding_sent(id, item).await?,
            Internal::SweepRefused { id, txid, reason } => {
                self.sweep_refused(id, txid, reason).await?;
            }
            Internal::TakeBackSent { id, refused } => self.take_back_sent(id, refused),
            Internal::ClaimTested {
                id,
                outpoint,
                result,
            } => {
                self.claim_tested(id, outpoint, result).await?;
            }
            Internal::Done { id, items } => self.done(id, &items)?,
            Internal::NotSaid { id, item } => {
                if let Some(live) = self.swaps.get_mut(&id) {
                    live.busy.saying.remove(&item);
                }
            }
            Internal::PeerFundingSent { id, result } => self.peer_funding_sent(id, result).await?,
            Internal::Resumed { id, ok } => {
                if let Some(live) = self.swaps.get_mut(&id) {
                    live.busy.resuming = false;
                    live.busy.resumed = ok;
                }
            }
        }
        Ok(())
    }

    /// The node runs: everything that was under way when it stopped is taken up again.
    async fn wake(&mut self) -> Result<(), PortError> {
        self.awake = true;
        for id in self.order.clone() {
            if self.swaps.get(&id).is_some_and(|live| !live.ended()) {
                self.look_for_payments(id);
                self.grant_wishes(id, true).await?;
                self.drain().await?;
            }
        }
        self.tick().await
    }

    /// What has not worked yet is tried again.
    async fn tick(&mut self) -> Result<(), PortError> {
        if !self.awake {
            return Ok(());
        }
        let now = self.now();
        self.quotes.expire(now);
        self.desk.expire(now);
        for id in self.order.clone() {
            let busy = self
                .swaps
                .get(&id)
                .is_some_and(|l| !l.ended() || !l.outbox.is_empty());
            if busy {
                self.resume(id);
                self.run_outbox(id);
                self.grant_wishes(id, false).await?;
            }
        }
        self.drain().await?;
        self.sweep_due()
    }
}
