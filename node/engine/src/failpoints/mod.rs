//! Where a test may have the node killed: before and after everything that is stored, and between an effect and its mark.
//!
//! Only with the feature `failpoints`, which no build people run has. The node is told of a folder by an environment
//! variable; with none, nothing here does anything. At each point it looks into the folder's file `armed`; a point that is
//! armed and not yet noted in the file `fired` is noted there, durably, and then the process is gone by SIGKILL, as in a
//! power cut. So one swap can die at every transition of its life in turn, once each.

mod gate;
mod kinds;
mod points;

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use cambista_protocol::swap::Effect;
use cambista_protocol::words::SwapId;

use crate::ports::{Commit, StoredSwap};
use crate::record::SwapRecord;
use kinds::EffectKind;
use points::{Point, Step, When, Whose, steps};

#[cfg(not(debug_assertions))]
compile_error!("failpoints are for tests: they do not belong into a release build");

/// What has to be known of the swaps to say whose point it is.
#[derive(Default)]
struct Known {
    swaps: HashMap<SwapId, Whose>,
    /// By row in the outbox.
    effects: HashMap<i64, (SwapId, Effect)>,
}

impl Known {
    fn add(&mut self, record: &SwapRecord) {
        let whose = Whose {
            direction: record.deal.direction,
            role: record.role,
        };
        self.swaps.insert(record.id, whose);
    }
}

fn known() -> MutexGuard<'static, Known> {
    static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The store has read a swap.
pub fn loaded(swap: Option<&StoredSwap>) {
    let mut known = known();
    if let Some(swap) = swap {
        known.add(&swap.record);
        for item in &swap.outbox {
            known.effects.insert(item.id, (swap.record.id, item.effect));
        }
    }
}

/// The engine starts.
pub(crate) fn starts() {
    gate::list();
}

/// Nothing of this commit is stored yet.
pub fn before(commit: &Commit) {
    let passed = {
        let mut known = known();
        if let Some(new) = &commit.new {
            known.add(&new.record);
        }
        passed(&known, commit, When::Before)
    };
    gate::pass(&passed);
}

/// The commit is stored, its effects in these rows, and nothing has followed from it.
pub fn after(commit: &Commit, rows: &[i64]) {
    let passed = {
        let mut known = known();
        if let Some((id, _, _, effects)) = &commit.event {
            for (row, effect) in rows.iter().zip(effects) {
                known.effects.insert(*row, (*id, *effect));
            }
        }
        passed(&known, commit, When::After)
    };
    gate::pass(&passed);
}

/// An effect was set going; it is not marked as done.
pub(crate) fn begun(row: i64) {
    let point = {
        let known = known();
        known.effects.get(&row).and_then(|(id, effect)| {
            Some(Point {
                whose: Some(*known.swaps.get(id)?),
                step: Step::Effect(EffectKind::of(*effect)),
                when: When::Begun,
            })
        })
    };
    let passed: Vec<_> = point.into_iter().map(|p| (p, String::new())).collect();
    gate::pass(&passed);
}

fn passed(known: &Known, commit: &Commit, when: When) -> Vec<(Point, String)> {
    steps(commit, |row| known.effects.get(&row).copied())
        .into_iter()
        .filter_map(|(id, step, with)| {
            let whose = match id {
                Some(id) => Some(*known.swaps.get(&id)?),
                None => None,
            };
            Some((Point { whose, step, when }, with))
        })
        .collect()
}
