//! One run: begin a swap, let things go wrong, let them heal, and see how it ended.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use cambista_engine::EngineHandle;

use crate::chain::BASE;
use crate::check;
use crate::deposits::{self, Deposit};
use crate::floor;
use crate::node::{Node, Shared, lock};
use crate::plan::Plan;
use crate::treason::Treason;
use crate::world::{Faults, MAKER, NAMES, TAKER, Tongue, World};

/// Rounds in which everything works until every swap must have ended (blocks).
const HEALED: u32 = 700;

/// Both nodes and the hand that moves the world.
pub(crate) struct Run {
    pub(crate) shared: Shared,
    pub(crate) nodes: [Option<Arc<Node>>; 2],
    pub(crate) handles: [Option<EngineHandle>; 2],
    pub(crate) paths: [PathBuf; 2],
    pub(crate) down_until: [u32; 2],
    pub(crate) away: [u32; 2],
    pub(crate) plan: Plan,
    pub(crate) deposits: Vec<Deposit>,
    pub(crate) began: u32,
}

impl Run {
    pub(crate) fn new(seed: u64, folder: &std::path::Path, treason: Option<Treason>) -> Self {
        let mut world = World::new(seed);
        let plan = Plan::new(&mut world.rng);
        world.treason = treason;
        world.lightning.hides = treason == Some(Treason::DustHidden);
        let first = world.chain.blocks[0].block_hash();
        for side in &mut world.sides {
            side.view.push((BASE, first));
            side.tip_time = world.now;
        }
        for side in &mut world.lightning.sides {
            side.height = BASE;
        }
        let deposits = if plan.external {
            let payer_honest = plan.rogue.is_none_or(|rogue| rogue.who == TAKER);
            deposits::plan(&mut world.rng, plan.refund_delta, !payer_honest)
        } else {
            Vec::new()
        };
        world.rogue = plan.rogue.map(|rogue| rogue.who);
        world.note(format!("{plan:?} {deposits:?}"));
        Self {
            shared: Arc::new(Mutex::new(world)),
            nodes: [None, None],
            handles: [None, None],
            paths: NAMES.map(|name| folder.join(name)),
            down_until: [0, 0],
            away: [0, 0],
            plan,
            deposits,
            began: BASE,
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.shared)
    }

    pub(crate) fn range(&self, low: u32, high: u32) -> u32 {
        self.world().rng.range(low, high)
    }

    pub(crate) fn either(&self) -> usize {
        usize::from(self.world().rng.percent(50))
    }

    pub(crate) fn height(&self) -> u32 {
        self.world().chain.height()
    }

    pub(crate) fn is_up(&self, who: usize) -> bool {
        self.nodes[who].as_ref().is_some_and(|node| node.is_alive())
    }

    pub(crate) fn handle(&self, who: usize) -> Option<EngineHandle> {
        self.handles[who].clone().filter(|_| self.is_up(who))
    }

    pub(crate) async fn tick(&self, who: usize) {
        if let Some(handle) = self.handle(who) {
            handle.wake().await;
        }
    }

    /// Whether the swaps of everybody honest have ended, as stored.
    fn ended(&self) -> bool {
        [TAKER, MAKER].into_iter().all(|who| {
            let node = self.nodes[who].as_ref().filter(|node| node.is_alive());
            let over = node.is_some_and(|node| {
                let kept = node.mirror();
                kept.swaps()
                    .iter()
                    .all(|kept| kept.swap.outcome().is_some())
            });
            over || !self.world().is_honest(who)
        })
    }

    /// What must be true at every moment.
    fn look(&self) {
        self.pay_late();
        let mut world = self.world();
        let tip = world.chain.tip();
        let moved = world.looked_at.replace(tip) != Some(tip);
        if moved && let Err(reason) = check::conserved(&world) {
            world.wrong_once(reason);
        }
        for node in self.nodes.iter().flatten().filter(|node| node.is_alive()) {
            if world.is_honest(node.who) {
                let kept = node.mirror();
                for kept in kept.swaps() {
                    check::exposed(&mut world, node.who, kept);
                }
                if moved {
                    floor::keeps_its_own(&mut world, node.who, kept.swaps());
                }
            }
        }
    }

    pub(crate) async fn healed_round(&mut self) -> Result<(), String> {
        self.restart().await?;
        self.deposit();
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
        self.look();
        Ok(())
    }

    /// Everything that may go wrong does, for a number of blocks.
    async fn trouble(&mut self) -> Result<(), String> {
        let rogue = self.plan.rogue;
        {
            let mut world = self.world();
            world.faults = self.plan.faults;
            world.tongue = rogue.map(|rogue| rogue.tongue).unwrap_or_default();
        }
        let mut until = self.height() + self.plan.trouble;
        let mut looked = self.height();
        while self.height() < until {
            self.restart().await?;
            if self.height() > looked + 3 {
                looked = self.height();
                // Nothing is left that could go wrong but what is buried already.
                if self.ended() {
                    until = until.min(looked + 10);
                }
            }
            self.deposit();
            self.step().await;
            if rogue.is_some_and(|rogue| self.world().rng.percent(rogue.moves)) {
                self.mischief().await;
            }
            self.settle().await;
            self.notice();
            self.look();
        }
        Ok(())
    }

    fn heal(&mut self) {
        let mut world = self.world();
        world.faults = Faults::default();
        world.tongue = Tongue::default();
        world.note("healed");
        for side in &mut world.sides {
            side.fuse = None;
        }
        world.chain.set_floor(1);
        drop(world);
        self.down_until = [0, 0];
    }

    /// All of it. Returns whether everybody honest ended.
    pub(crate) async fn whole(&mut self) -> Result<bool, String> {
        for who in [MAKER, TAKER] {
            self.start(who).await?;
        }
        if self.plan.rough_opening {
            self.world().faults = self.plan.faults;
            self.arm(TAKER);
        }
        if let Some(rogue) = self.plan.rogue.filter(|rogue| rogue.lies) {
            self.world().tongue = rogue.tongue;
        }
        self.open().await;
        for _ in 0..self.plan.calm {
            self.healed_round().await?;
        }
        self.trouble().await?;
        self.heal();
        let mut rest = 8;
        for _ in 0..HEALED {
            self.healed_round().await?;
            if self.ended() {
                if rest == 0 {
                    self.afterwards().await?;
                    return Ok(true);
                }
                rest -= 1;
            }
        }
        Ok(false)
    }
}
