//! What a seed means: one swap and what goes wrong with it.

use bitcoin::Amount;
use cambista_protocol::words::Direction;

use crate::rng::Rng;
use crate::world::{Faults, TAKER, Tongue};

/// The side that is not honest, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rogue {
    pub(crate) who: usize,
    pub(crate) tongue: Tongue,
    /// Whether it lies from the first word.
    pub(crate) lies: bool,
    /// In percent of steps: it does something no engine does.
    pub(crate) moves: u32,
}

impl Rogue {
    fn new(rng: &mut Rng) -> Self {
        let some = |rng: &mut Rng, percent, most| {
            if rng.percent(percent) {
                rng.range(1, most)
            } else {
                0
            }
        };
        let mut rogue = Self {
            who: usize::from(rng.percent(50)),
            tongue: Tongue {
                silent: some(rng, 30, 60),
                twisted: some(rng, 60, 60),
                hushed: some(rng, 40, 90),
                crooked: 0,
            },
            lies: rng.percent(20),
            moves: some(rng, 85, 25),
        };
        if rng.percent(10) {
            rogue.tongue.silent = 100;
        }
        if rogue.lies || rng.percent(10) {
            rogue.tongue.crooked = rng.range(1, 60);
        }
        rogue
    }
}

/// One run's swap and its troubles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) direction: Direction,
    pub(crate) amount: Amount,
    pub(crate) refund_delta: u32,
    pub(crate) faults: Faults,
    /// N, when the taker says it.
    pub(crate) confirmations: Option<u32>,
    /// Whether the funding comes from another wallet.
    pub(crate) external: bool,
    pub(crate) rogue: Option<Rogue>,
    /// Whether the opening itself is troubled.
    pub(crate) rough_opening: bool,
    /// Blocks that are found while things go wrong.
    pub(crate) trouble: u32,
    pub(crate) crashes: u32,
    pub(crate) reorgs: u32,
    pub(crate) fee_changes: u32,
    pub(crate) cancels: u32,
    /// Rounds without faults before them: 0 is none, each is a block.
    pub(crate) calm: u32,
    /// Actions between two blocks, about.
    pub(crate) pace: u32,
}

impl Plan {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let direction = if rng.percent(50) {
            Direction::Out
        } else {
            Direction::In
        };
        let mut plan = Self {
            direction,
            amount: Amount::from_sat(u64::from(rng.range(100_000, 2_000_000))),
            refund_delta: rng.range(96, 150),
            faults: Faults::default(),
            confirmations: None,
            external: false,
            rogue: None,
            rough_opening: false,
            trouble: 0,
            crashes: 0,
            reorgs: 0,
            fee_changes: 0,
            cancels: 0,
            calm: 0,
            pace: 12,
        };
        if direction == Direction::Out && rng.percent(50) {
            plan.confirmations = Some(rng.range(1, 6));
        }
        if direction == Direction::In && rng.percent(25) {
            plan.external = true;
            plan.refund_delta = rng.range(144, 200);
        }
        if rng.percent(8) {
            return plan;
        }
        if rng.percent(35) {
            plan.rogue = Some(Rogue::new(rng));
        }
        plan.trouble = match rng.range(0, 3) {
            0 => rng.range(3, 10),
            1 | 2 => rng.range(10, 40),
            _ => rng.range(90, 200),
        };
        plan.pace = rng.range(8, 60);
        if rng.percent(40) {
            plan.calm = rng.range(1, 6);
        }
        plan.rough_opening = rng.percent(20);
        if rng.percent(60) {
            plan.crashes = rng.range(1, 6);
        }
        if rng.percent(40) {
            plan.reorgs = rng.range(1, 4);
        }
        if rng.percent(40) {
            plan.fee_changes = rng.range(1, 8);
        }
        if rng.percent(12) {
            plan.cancels = 1;
        }
        if plan.rogue.is_some_and(|rogue| rogue.who == TAKER) {
            // Whoever opens with lies opens nothing.
            plan.rough_opening = false;
        }
        let faults = &mut plan.faults;
        let parts = if rng.percent(40) { rng.range(2, 4) } else { 1 };
        let empty = if rng.percent(30) { rng.range(1, 20) } else { 0 };
        if rng.percent(50) {
            *faults = Faults {
                lost: rng.range(0, 60),
                delayed: rng.range(0, 60),
                doubled: rng.range(0, 30),
                broadcast: rng.range(0, 30),
                route: if rng.percent(10) { 50 } else { 0 },
                withhold: rng.range(0, 6),
                ..Faults::default()
            };
        }
        (faults.parts, faults.empty) = (parts, empty);
        // A side that cannot be reached at all.
        if rng.percent(15) {
            faults.lost = 100;
        }
        // A funding that does not confirm.
        if rng.percent(20) {
            faults.stuck = rng.range(5, 70);
        }
        // A side whose node takes no transactions for a while.
        if rng.percent(5) {
            faults.broadcast = 100;
            plan.trouble = plan.trouble.min(12);
        }
        plan
    }
}
