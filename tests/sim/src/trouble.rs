//! What goes wrong: one thing at a time, none of it beyond what the rules allow for.

use cambista_protocol::words::Role;

use crate::chain::BASE;
use crate::run::Run;
use crate::world::{MAKER, NAMES, TAKER};

/// The deepest reorganisation: what is buried stays.
const DEEPEST: u32 = 5;

impl Run {
    pub(crate) async fn step(&mut self) {
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
            3 => self.reorganise().await,
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

    /// The market moves: most of the time a little, at times to where a small swap is hardly worth its fees.
    pub(crate) fn fees(&mut self) {
        if self.plan.fee_changes == 0 {
            return;
        }
        self.plan.fee_changes -= 1;
        let mut world = self.world();
        let world = &mut *world;
        world.rate = u64::from(if world.rng.percent(20) {
            world.rng.range(40, 300)
        } else {
            world.rng.range(1, 40)
        });
        let half = u32::try_from(world.rate / 2).unwrap_or(1).max(1);
        let floor = if world.rng.percent(30) {
            world.rng.range(1, half)
        } else {
            1
        };
        world.chain.set_floor(u64::from(floor));
        let rate = world.rate;
        world.note(format!("rate {rate}, at least {floor}"));
    }

    /// Between honest sides anything that is not buried may be taken back; a rogue funder may double-spend what has fewer
    /// confirmations than the payer waits for.
    fn deepest(&self) -> u32 {
        let Some(rogue) = self.plan.rogue else {
            return DEEPEST;
        };
        let node = self.nodes[1 - rogue.who].as_ref();
        let payer_waits = node.and_then(|node| {
            let kept = node.mirror();
            let kept = kept.swaps().first()?;
            let payer = kept.record.role == Role::Payer;
            payer.then_some(kept.record.deal.confirmations)
        });
        payer_waits.map_or(DEEPEST, |n| n.saturating_sub(1).min(DEEPEST))
    }

    async fn reorganise(&mut self) {
        let deepest = self.deepest();
        if self.plan.reorgs == 0 || deepest == 0 || self.height() < BASE + DEEPEST + 1 {
            return;
        }
        self.plan.reorgs -= 1;
        let depth = {
            let mut world = self.world();
            let world = &mut *world;
            let depth = world.rng.range(1, deepest);
            world.note(format!("reorganisation of {depth}"));
            world.chain.disconnect(depth, &mut world.rng);
            depth
        };
        if self.plan.rogue.is_some() {
            self.mischief().await;
        }
        let mut world = self.world();
        let world = &mut *world;
        for _ in 0..=depth {
            world.now += 60;
            let clearing = u64::from(world.rng.range(1, 5)).min(world.rate);
            world.chain.mine(clearing, world.now, false);
        }
        let height = world.chain.height();
        world.lightning.expire(height);
    }

    pub(crate) fn arm(&mut self, who: usize) {
        if self.plan.crashes > 0 && self.is_up(who) {
            self.plan.crashes -= 1;
            let mut world = self.world();
            world.sides[who].fuse = Some(world.rng.range(0, 30));
        }
    }

    pub(crate) async fn cancel(&mut self, who: usize) {
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
}
