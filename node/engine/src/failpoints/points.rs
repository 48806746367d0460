//! Points by name: `out funder event held before`.

use std::fmt;

use cambista_protocol::swap::Effect;
use cambista_protocol::words::{Direction, Role, SwapId};

use super::kinds::{BatchKind, ChangeKind, EffectKind, EventKind, Reach};
use crate::ports::{Commit, StoredSweep};

/// What a swap is to this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whose {
    pub(super) direction: Direction,
    pub(super) role: Role,
}

/// When, seen from what is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Before it is stored.
    Before,
    /// It is stored; nothing has followed from it.
    After,
    /// An effect was set going, or had its whole effect where that is at once; not marked as done.
    Begun,
}

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Event(EventKind),
    /// Before and after are those of the mark that it is done.
    Effect(EffectKind),
    Change(ChangeKind),
    Batch(BatchKind),
    /// The block up to which the engine has seen everything; no swap's.
    BestBlock,
}

/// A point. Its text is its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    /// None for what is no swap's.
    pub(super) whose: Option<Whose>,
    pub(super) step: Step,
    pub(super) when: When,
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction {
            Direction::Out => "out",
            Direction::In => "in",
        };
        let role = match self.role {
            Role::Payer => "payer",
            Role::Funder => "funder",
        };
        write!(f, "{direction} {role}")
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.whose {
            Some(whose) => write!(f, "{whose} ")?,
            None => f.write_str("node ")?,
        }
        match self.step {
            Step::Event(kind) => write!(f, "event {}", kind.word())?,
            Step::Effect(kind) => write!(f, "effect {}", kind.word())?,
            Step::Change(kind) => write!(f, "change {}", kind.word())?,
            Step::Batch(kind) => write!(f, "change {}", kind.word())?,
            Step::BestBlock => f.write_str("change best-block")?,
        }
        f.write_str(match self.when {
            When::Before => " before",
            When::After => " after",
            When::Begun => " begun",
        })
    }
}

/// Every point there is.
pub(super) fn all() -> Vec<Point> {
    let mut points = Vec::new();
    let mut add = |whose, step, whens: &[When]| {
        points.extend(whens.iter().map(|when| Point {
            whose,
            step,
            when: *when,
        }));
    };
    let stored = [When::Before, When::After];
    let run = [When::Begun, When::Before, When::After];
    for direction in [Direction::Out, Direction::In] {
        for role in [Role::Payer, Role::Funder] {
            let whose = Whose { direction, role };
            for kind in EventKind::ALL.iter().filter(|k| whose.reaches(k.reach())) {
                add(Some(whose), Step::Event(*kind), &stored);
            }
            for kind in EffectKind::ALL.iter().filter(|k| whose.reaches(k.reach())) {
                add(Some(whose), Step::Effect(*kind), &run);
            }
            for kind in ChangeKind::ALL.iter().filter(|k| whose.reaches(k.reach())) {
                add(Some(whose), Step::Change(*kind), &stored);
            }
        }
    }
    for kind in BatchKind::ALL.iter().filter(|k| k.reach() == Reach::Node) {
        add(None, Step::Batch(*kind), &stored);
    }
    add(None, Step::BestBlock, &stored);
    points
}

impl Whose {
    fn reaches(self, reach: Reach) -> bool {
        let out = self.direction == Direction::Out;
        match reach {
            Reach::Both => true,
            Reach::Payer => self.role == Role::Payer,
            Reach::Funder => self.role == Role::Funder,
            Reach::PayerOut => self.role == Role::Payer && out,
            Reach::FunderOut => self.role == Role::Funder && out,
            Reach::Node => false,
        }
    }
}

/// What a commit stores, with the swap it is of and, for an event, the effects that come with it. Every part of the
/// commit is taken out by name: a new one does not compile here.
pub(super) fn steps(
    commit: &Commit,
    effect_of: impl Fn(i64) -> Option<(SwapId, Effect)>,
) -> Vec<(Option<SwapId>, Step, String)> {
    let Commit {
        new,
        event,
        funding,
        sweeps,
        batch,
        done,
        best_block,
        // Only where ended swaps and batches are looked up from now on, if at all: nothing of them changes.
        archive: _,
        forget: _,
        batches_over: _,
        // An order keeps no state of its swaps: what it still has to cover follows from theirs.
        order: _,
        now: _,
    } = commit;
    let mut steps = Vec::new();
    let mut add = |id, step, with| steps.push((id, step, with));
    if let Some(new) = new {
        add(
            Some(new.record.id),
            Step::Change(ChangeKind::NewSwap),
            String::new(),
        );
    }
    if let Some((id, event, _, effects)) = event {
        let with: Vec<&str> = effects.iter().map(|e| EffectKind::of(*e).word()).collect();
        add(Some(*id), Step::Event(EventKind::of(event)), with.join("+"));
    }
    if let Some((id, _, _)) = funding {
        add(Some(*id), Step::Change(ChangeKind::Funding), String::new());
    }
    for StoredSweep { swap_id, tx, .. } in sweeps {
        add(
            Some(*swap_id),
            Step::Change(ChangeKind::of_sweep(tx)),
            String::new(),
        );
    }
    if let Some(batch) = batch {
        add(
            None,
            Step::Batch(BatchKind::of(&batch.event)),
            String::new(),
        );
    }
    for row in done {
        if let Some((id, effect)) = effect_of(*row) {
            add(
                Some(id),
                Step::Effect(EffectKind::of(effect)),
                String::new(),
            );
        }
    }
    if best_block.is_some() {
        add(None, Step::BestBlock, String::new());
    }
    steps
}
