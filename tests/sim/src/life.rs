//! A node's life: it starts, it is let work, it crashes, it starts again.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use cambista_engine::{Engine, MakerPolicy, SidePolicy};
use cambista_protocol::money::Price;
use cambista_protocol::words::Direction;

use crate::node::Node;
use crate::run::Run;
use crate::world::{MAKER, NAMES, TAKER};

/// A side is away for so many blocks in all where it matters.
const AWAY: u32 = 9;

/// Lets every other task that can run do so. Unlike tokio's own way to yield it leaves the timers alone.
async fn others() {
    let mut first = true;
    poll_fn(|context| {
        if std::mem::replace(&mut first, false) {
            context.waker().wake_by_ref();
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}

impl Run {
    /// Lets both engines work until nothing moves any more.
    pub(crate) async fn settle(&self) {
        let (mut last, mut calm) = (self.world().activity, 0);
        while calm < 8 {
            others().await;
            let now = self.world().activity;
            calm = if now == last { calm + 1 } else { 0 };
            last = now;
        }
        self.bury_the_dead();
    }

    pub(crate) fn bury_the_dead(&self) {
        for node in self.nodes.iter().flatten().filter(|node| !node.is_alive()) {
            let mut world = self.world();
            let side = &mut world.sides[node.who];
            side.handle = None;
        }
    }

    /// Takes notice of crashes: memory is lost, Lightning forgets what it did not write.
    pub(crate) fn notice(&mut self) {
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
            side.spent.clear();
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
    pub(crate) async fn start(&mut self, who: usize) -> Result<(), String> {
        let node = Arc::new(Node::new(self.shared.clone(), who, &self.paths[who])?);
        let policy = MakerPolicy {
            enabled: who == MAKER,
            out: Some(side_policy()),
            into: Some(side_policy()),
            refund_delta: self.plan.refund_delta,
            external_ppm: Some(500),
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

    pub(crate) async fn restart(&mut self) -> Result<(), String> {
        for who in [TAKER, MAKER] {
            self.notice();
            if self.nodes[who].is_none() && self.height() >= self.down_until[who] {
                self.start(who).await?;
            }
        }
        Ok(())
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
        lean_ppm: 0,
    }
}
