//! What reaches a node: blocks, spends in the mempool, Lightning's events; and what moves between the nodes.

use std::collections::BTreeSet;

use bitcoin::{OutPoint, Transaction};

use crate::run::Run;
use crate::world::{MAKER, NAMES, TAKER};

/// A rate nobody pays: the block is empty.
const NOBODY: u64 = 1 << 40;

impl Run {
    /// Gives a side blocks it has not seen.
    pub(crate) async fn sync(&self, who: usize, most: u32) {
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
    pub(crate) async fn events(&self, who: usize) {
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

    pub(crate) fn travel(&self) {
        let up = [self.is_up(TAKER), self.is_up(MAKER)];
        let mut world = self.world();
        let world = &mut *world;
        let route = world.faults.route;
        let fails = world.rng.percent(route);
        let late = if world.faults.parts > 1 { 30 } else { 0 };
        let rng = &mut world.rng;
        world.lightning.travel(up, || fails, || rng.percent(late));
    }

    pub(crate) fn write(&self, who: usize) {
        if self.is_up(who) {
            self.world().lightning.write(who);
        }
    }

    pub(crate) fn mine(&self, clearing: u64, patient: bool) {
        let mut world = self.world();
        let seconds = u64::from(world.rng.range(60, 1_500));
        world.now += seconds;
        let (now, empty) = (world.now, world.faults.empty);
        let clearing = if world.rng.percent(empty) {
            NOBODY
        } else {
            clearing
        };
        world.chain.mine(clearing, now, patient);
        let height = world.chain.height();
        world.lightning.expire(height);
    }

    pub(crate) async fn mempool(&self) {
        for who in [TAKER, MAKER] {
            let Some(handle) = self.handle(who) else {
                continue;
            };
            let (news, lost) = self.mempool_news(who);
            for tx in news {
                if handle.spent_in_mempool(tx).await.is_err() {
                    break;
                }
            }
            for outpoint in lost {
                if handle.lost_from_mempool(outpoint).await.is_err() {
                    break;
                }
            }
        }
    }

    /// What spends an output a side watches, and the outputs whose spend is gone without a block.
    fn mempool_news(&self, who: usize) -> (Vec<Transaction>, Vec<OutPoint>) {
        let mut world = self.world();
        let world = &mut *world;
        let side = &mut world.sides[who];
        let mut spent = BTreeSet::new();
        let mut news = Vec::new();
        for waiting in &world.chain.mempool {
            let inputs = waiting.tx.input.iter().map(|input| input.previous_output);
            let hits: Vec<OutPoint> = inputs.filter(|at| side.watched.contains(at)).collect();
            if !hits.is_empty() {
                news.push(waiting.tx.clone());
                spent.extend(hits);
            }
        }
        let gone = side.spent.difference(&spent);
        let lost = gone.filter(|at| world.chain.utxos.contains_key(at));
        let lost = lost.copied().collect();
        side.spent = spent;
        (news, lost)
    }

    pub(crate) fn release(&self, all: bool) {
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
}
