//! One run: begin a swap, let things go wrong, let them heal, and see how it ended.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bitcoin::Transaction;
use cambista_engine::ports::PeerAddress;
use cambista_engine::{
    AskAmount, AskFor, Engine, EngineHandle, MakerContact, MakerPolicy, SidePolicy, StartSwap,
};
use cambista_protocol::money::Price;
use cambista_protocol::words::Direction;

use crate::chain::BASE;
use crate::node::{Node, Shared, lock, node_id};
use crate::plan::Plan;
use crate::world::{Faults, MAKER, NAMES, TAKER, World};

/// Rounds in which everything works until every swap must have ended (blocks).
const HEALED: u32 = 700;
/// The deepest reorganisation: what is buried stays.
const DEEPEST: u32 = 5;
/// A side is away for so many blocks in all where it matters.
const AWAY: u32 = 9;

/// Both nodes and the hand that moves the world.
pub(crate) struct Run {
    pub(crate) shared: Shared,
    pub(crate) nodes: [Option<Arc<Node>>; 2],
    handles: [Option<EngineHandle>; 2],
    paths: [PathBuf; 2],
    down_until: [u32; 2],
    away: [u32; 2],
    plan: Plan,
    began: u32,
}

impl Run {
    pub(crate) fn new(seed: u64, folder: &std::path::Path, treason: u32) -> Self {
        let mut world = World::new(seed);
        let mut plan = Plan::new(&mut world.rng);
        plan.faults.treason = treason;
        let first = world.chain.blocks[0].block_hash();
        for side in &mut world.sides {
            side.view.push((BASE, first));
            side.tip_time = world.now;
        }
        for side in &mut world.lightning.sides {
            side.height = BASE;
        }
        world.note(format!("{plan:?}"));
        Self {
            shared: Arc::new(Mutex::new(world)),
            nodes: [None, None],
            handles: [None, None],
            paths: NAMES.map(|name| folder.join(name)),
            down_until: [0, 0],
            away: [0, 0],
            plan,
            began: BASE,
        }
    }

    fn world(&self) -> std::sync::MutexGuard<'_, World> {
        lock(&self.shared)
    }

    fn range(&self, low: u32, high: u32) -> u32 {
        self.world().rng.range(low, high)
    }

    fn either(&self) -> usize {
        usize::from(self.world().rng.percent(50))
    }

    fn height(&self) -> u32 {
        self.world().chain.height()
    }

    /// Lets both engines work until nothing moves any more.
    async fn settle(&self) {
        let (mut last, mut calm) = (self.world().activity, 0);
        while calm < 8 {
            tokio::task::yield_now().await;
            let now = self.world().activity;
            calm = if now == last { calm + 1 } else { 0 };
            last = now;
        }
        self.bury_the_dead();
    }

    fn bury_the_dead(&self) {
        for node in self.nodes.iter().flatten().filter(|node| !node.is_alive()) {
            let mut world = self.world();
            let side = &mut world.sides[node.who];
            side.handle = None;
        }
    }

    /// Takes notice of crashes: memory is lost, Lightning forgets what it did not write.
    fn notice(&mut self) {
        for who in [TAKER, MAKER] {
            if self.nodes[who].as_ref().is_none_or(|node| node.is_alive()) {
                continue;
            }
            self.nodes[who] = None;
            if let Some(handle) = self.handles[who].take() {
                tokio::spawn(async move { handle.stop().await });
            }
            let funder = (self.plan.direction == Direction::Out) == (who == MAKER);
            let patient = funder && who == TAKER;
            let mut world = self.world();
            world.lightning.crash(who);
            let side = &mut world.sides[who];
            side.handle = None;
            side.fuse = None;
            side.reserved.clear();
            side.watched.clear();
            let height = world.chain.height();
            let early = height + 30 + 12 + 42 < self.began + self.plan.refund_delta;
            let pause = match world.rng.range(0, 3) {
                0 | 1 => 0,
                2 => world.rng.range(0, 4),
                _ if early || patient => world.rng.range(5, 30),
                _ => world.rng.range(0, 4),
            };
            drop(world);
            let pause = if early || patient {
                pause
            } else {
                pause.min(AWAY.saturating_sub(self.away[who]))
            };
            if !early {
                self.away[who] += pause;
            }
            self.down_until[who] = height + pause;
        }
    }

    /// A process starts: claims again, the blocks it missed, Lightning's events, and only then wishes and peers.
    async fn start(&mut self, who: usize) -> Result<(), String> {
        let node = Arc::new(Node::new(self.shared.clone(), who, &self.paths[who])?);
        let policy = MakerPolicy {
            enabled: who == MAKER,
            out: Some(side_policy()),
            into: Some(side_policy()),
            refund_delta: self.plan.refund_delta,
            ..MakerPolicy::default()
        };
        self.nodes[who] = Some(node.clone());
        let engine = Engine::start(node.clone(), policy);
        let Ok(handle) = engine else {
            // It crashed while it was loading.
            return if node.is_alive() {
                Err(format!("{} does not load: {engine:?}", NAMES[who]))
            } else {
                Ok(())
            };
        };
        self.handles[who] = Some(handle.clone());
        if let Some((_, hash)) = handle.best_block() {
            let mut world = self.world();
            let mut view = Vec::new();
            let mut at = hash;
            while let Some((height, before)) = world.chain.known.get(&at).copied() {
                view.push((height, at));
                at = before;
            }
            view.reverse();
            world.sides[who].view = view;
        }
        self.sync(who, u32::MAX).await;
        self.events(who).await;
        handle.wake().await;
        if node.is_alive() {
            let mut world = self.world();
            world.note(format!("{} is up", NAMES[who]));
            world.sides[who].handle = Some(handle);
        }
        self.settle().await;
        Ok(())
    }

    fn is_up(&self, who: usize) -> bool {
        self.nodes[who].as_ref().is_some_and(|node| node.is_alive())
    }

    fn handle(&self, who: usize) -> Option<EngineHandle> {
        self.handles[who].clone().filter(|_| self.is_up(who))
    }

    /// Gives a side blocks it has not seen.
    async fn sync(&self, who: usize, most: u32) {
        for _ in 0..most {
            let Some(handle) = self.handle(who) else {
                return;
            };
            let (fork, next) = {
                let mut world = self.world();
                let world = &mut *world;
                let view = &world.sides[who].view;
                let on = view.iter().rposition(|(_, hash)| world.chain.is_on(hash));
                let Some(on) = on else { return };
                let (height, hash) = view[on];
                let fork = (on + 1 < view.len()).then_some((height, hash));
                let next = world
                    .chain
                    .block(height + 1)
                    .cloned()
                    .map(|b| (height + 1, b));
                if let Some((_, block)) = &next
                    && fork.is_none()
                {
                    world.sides[who].tip_time = u64::from(block.header.time);
                }
                (fork, next)
            };
            if let Some((height, hash)) = fork {
                let told = handle.disconnected(height, hash).await;
                if told.is_err() || !self.is_up(who) {
                    return;
                }
                let mut world = self.world();
                world.note(format!("{} disconnects to {height}", NAMES[who]));
                world.sides[who].view.retain(|(at, _)| *at <= height);
                world.lightning.sides[who].height = height;
                continue;
            }
            let Some((height, block)) = next else { return };
            let hash = block.block_hash();
            let told = handle.connected(block, height).await;
            if told.is_err() || !self.is_up(who) {
                return;
            }
            let mut world = self.world();
            world.sides[who].view.push((height, hash));
            world.lightning.block(who, height);
        }
    }

    /// Tells a side what its Lightning has to say.
    async fn events(&self, who: usize) {
        loop {
            let Some(handle) = self.handle(who) else {
                return;
            };
            let next = {
                let world = self.world();
                let events = &world.lightning.sides[who].events;
                let at = events.iter().position(|(_, taken)| !taken);
                at.map(|at| (at, events[at].0.clone()))
            };
            let Some((at, news)) = next else { return };
            if handle.lightning(news).await.is_err() || !self.is_up(who) {
                return;
            }
            if let Some(event) = self.world().lightning.sides[who].events.get_mut(at) {
                event.1 = true;
            }
        }
    }

    fn travel(&self) {
        let up = [self.is_up(TAKER), self.is_up(MAKER)];
        let mut world = self.world();
        let route = world.faults.route;
        let fails = world.rng.percent(route);
        world.lightning.travel(up, || fails);
    }

    fn write(&self, who: usize) {
        if self.is_up(who) {
            self.world().lightning.write(who);
        }
    }

    fn mine(&self, clearing: u64, patient: bool) {
        let mut world = self.world();
        let seconds = u64::from(world.rng.range(60, 1_500));
        world.now += seconds;
        let now = world.now;
        world.chain.mine(clearing, now, patient);
        if let Err(reason) = world.chain.conserved() {
            world.wrong(reason);
        }
    }

    async fn mempool(&self) {
        for who in [TAKER, MAKER] {
            let Some(handle) = self.handle(who) else {
                continue;
            };
            let news: Vec<Transaction> = {
                let world = self.world();
                let watched = &world.sides[who].watched;
                let all = world.chain.mempool.iter().map(|w| &w.tx);
                let hits = all.filter(|tx| {
                    let mut inputs = tx.input.iter();
                    inputs.any(|input| watched.contains(&input.previous_output))
                });
                hits.cloned().collect()
            };
            for tx in news {
                if handle.spent_in_mempool(tx).await.is_err() {
                    break;
                }
            }
        }
    }

    fn release(&self, all: bool) {
        let mut world = self.world();
        while !world.delayed.is_empty() {
            let last = u32::try_from(world.delayed.len()).unwrap_or(1) - 1;
            let at = usize::try_from(world.rng.range(0, last)).unwrap_or(0);
            let _ = world.delayed.swap_remove(at).send(());
            if !all {
                return;
            }
        }
    }

    /// Begins the swap. None when it was refused.
    async fn open(&mut self) {
        let Some(taker) = self.handle(TAKER) else {
            return;
        };
        let contact = MakerContact {
            node_id: node_id(&self.world(), MAKER),
            peer: PeerAddress {
                peer_id: NAMES[MAKER].to_owned(),
                addresses: Vec::new(),
            },
        };
        let ask = AskFor {
            direction: self.plan.direction,
            amount: AskAmount::Swap(self.plan.amount),
            destination: None,
            external: false,
        };
        let shared = self.shared.clone();
        let opening = tokio::spawn(async move {
            let quotes = taker.quotes(ask, vec![contact]).await;
            let quotes = quotes.map_err(|error| error.to_string())?;
            let quote = quotes.quotes.first();
            let quote = quote.ok_or_else(|| format!("no quote: {:?}", quotes.refused))?;
            lock(&shared).note(format!("quoted {quote:?}"));
            let request = StartSwap {
                quote_id: quote.id.clone(),
                ..StartSwap::default()
            };
            taker
                .start(request)
                .await
                .map_err(|error| error.to_string())
        });
        for _ in 0..100 {
            self.settle().await;
            self.notice();
            if opening.is_finished() {
                break;
            }
            self.release(true);
        }
        self.began = self.height();
        let text = if opening.is_finished() {
            format!("opened: {:?}", opening.await)
        } else {
            "the opening hangs".to_owned()
        };
        self.world().note(text);
    }

    async fn tick(&self, who: usize) {
        if let Some(handle) = self.handle(who) {
            handle.wake().await;
        }
    }

    async fn restart(&mut self) -> Result<(), String> {
        for who in [TAKER, MAKER] {
            self.notice();
            if self.nodes[who].is_none() && self.height() >= self.down_until[who] {
                self.start(who).await?;
            }
        }
        Ok(())
    }

    async fn step(&mut self) {
        let pace = self.plan.pace;
        let who = self.either();
        match self.range(0, pace + 8) {
            0 => {
                for who in [TAKER, MAKER] {
                    let behind = self.height() - self.world().seen(who);
                    if behind > 2 {
                        self.sync(who, 10).await;
                    }
                }
                let clearing = {
                    let mut world = self.world();
                    let rate = u32::try_from(world.rate).unwrap_or(1);
                    u64::from(world.rng.range(rate.div_ceil(2), rate))
                };
                self.mine(clearing, false);
            }
            1 | 2 => self.fees(),
            3 => self.reorganise(),
            4 => self.arm(who),
            5 => self.cancel(who).await,
            6 => self.release(false),
            7 => self.mempool().await,
            _ => match self.range(0, 3) {
                0 => self.sync(who, 2).await,
                1 => self.write(who),
                2 => {
                    self.travel();
                    self.events(who).await;
                }
                _ => self.tick(who).await,
            },
        }
        self.world().now += 5;
    }

    fn fees(&mut self) {
        if self.plan.fee_changes > 0 {
            self.plan.fee_changes -= 1;
            let mut world = self.world();
            world.rate = u64::from(world.rng.range(1, 40));
            let rate = world.rate;
            world.note(format!("rate {rate}"));
        }
    }

    fn reorganise(&mut self) {
        if self.plan.reorgs == 0 || self.height() < BASE + DEEPEST + 1 {
            return;
        }
        self.plan.reorgs -= 1;
        let mut world = self.world();
        let world = &mut *world;
        let depth = world.rng.range(1, DEEPEST);
        world.note(format!("reorganisation of {depth}"));
        world.chain.disconnect(depth, &mut world.rng);
        for _ in 0..=depth {
            world.now += 60;
            let clearing = u64::from(world.rng.range(1, 5)).min(world.rate);
            world.chain.mine(clearing, world.now, false);
        }
    }

    fn arm(&mut self, who: usize) {
        if self.plan.crashes > 0 && self.is_up(who) {
            self.plan.crashes -= 1;
            let mut world = self.world();
            world.sides[who].fuse = Some(world.rng.range(0, 30));
        }
    }

    async fn cancel(&mut self, who: usize) {
        let Some(handle) = self.handle(who).filter(|_| self.plan.cancels > 0) else {
            return;
        };
        self.plan.cancels -= 1;
        let swaps = handle.swaps().await.unwrap_or_default();
        for swap in swaps {
            let answer = handle.cancel(&swap.id).await;
            self.world()
                .note(format!("{} cancels: {answer:?}", NAMES[who]));
        }
    }

    async fn ended(&self) -> bool {
        for who in [TAKER, MAKER] {
            let Some(handle) = self.handle(who) else {
                return false;
            };
            let swaps = handle.swaps().await.unwrap_or_default();
            if swaps.iter().any(|swap| !swap.ended) {
                return false;
            }
        }
        true
    }

    async fn healed_round(&mut self) -> Result<(), String> {
        self.restart().await?;
        self.mine(1, true);
        for _ in 0..2 {
            for who in [TAKER, MAKER] {
                self.sync(who, u32::MAX).await;
                self.settle().await;
                self.events(who).await;
                self.write(who);
                self.settle().await;
            }
            self.travel();
            self.release(true);
            self.mempool().await;
            self.settle().await;
        }
        for who in [TAKER, MAKER] {
            self.tick(who).await;
            self.settle().await;
            self.events(who).await;
        }
        Ok(())
    }

    /// All of it. Returns whether both sides ended.
    pub(crate) async fn whole(&mut self) -> Result<bool, String> {
        for who in [MAKER, TAKER] {
            self.start(who).await?;
        }
        if self.plan.rough_opening {
            self.world().faults = self.plan.faults;
            self.arm(TAKER);
        }
        self.open().await;
        for _ in 0..self.plan.calm {
            self.healed_round().await?;
        }
        self.world().faults = self.plan.faults;
        let mut until = self.height() + self.plan.trouble;
        let mut looked = self.height();
        while self.height() < until {
            self.restart().await?;
            if self.height() > looked + 3 {
                looked = self.height();
                // Nothing is left that could go wrong but what is buried already.
                if self.ended().await {
                    until = until.min(looked + 10);
                }
            }
            self.step().await;
            self.settle().await;
            self.notice();
        }
        {
            let mut world = self.world();
            world.faults = Faults {
                treason: self.plan.faults.treason,
                ..Faults::default()
            };
            world.note("healed");
            for side in &mut world.sides {
                side.fuse = None;
            }
        }
        self.down_until = [0, 0];
        let mut rest = 8;
        for _ in 0..HEALED {
            self.healed_round().await?;
            if self.ended().await {
                if rest == 0 {
                    return Ok(true);
                }
                rest -= 1;
            }
        }
        Ok(false)
    }
}

fn side_policy() -> SidePolicy {
    SidePolicy {
        price: Price {
            base_sat: 100,
            ppm: 2_000,
        },
        min_sat: 50_000,
        max_sat: 5_000_000,
    }
}
