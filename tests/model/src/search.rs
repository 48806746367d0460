//! The model as stateright explores it: breadth first over every reachable world.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::Hasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use stateright::{Checker, HasDiscoveries, Property};

use crate::actions::Step;
use crate::claims::{Outcomes, Rule};
use crate::setup::Setup;
use crate::world::{Model, World};

/// What a search found.
#[derive(Debug)]
pub struct Found {
    /// Worlds visited.
    pub states: usize,
    /// Steps taken.
    pub steps: usize,
    /// The longest way from the beginning.
    pub depth: usize,
    /// Worlds at the end of time.
    pub ends: usize,
    /// Ends in which the chain and Lightning both changed hands.
    pub swapped: usize,
    /// Every way it ended, for each side that is honest.
    pub outcomes: BTreeSet<String>,
    /// The first violation: what is wrong, and a way there.
    pub violation: Option<(String, Vec<String>)>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (states, steps, depth) = (self.states, self.steps, self.depth);
        let (ends, swapped) = (self.ends, self.swapped);
        write!(
            f,
            "{states} states, {steps} steps, depth {depth}, {ends} ends, {swapped} of them swapped"
        )?;
        for outcome in &self.outcomes {
            write!(f, ", {outcome}")?;
        }
        if let Some((what, steps)) = &self.violation {
            write!(f, "\n{what}")?;
            for step in steps {
                write!(f, "\n  {step}")?;
            }
        }
        Ok(())
    }
}

/// A step and where it leads.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Taken {
    step: Step,
    next: World,
}

/// A world as it was looked at last: stateright asks for its properties one by one, and then for its steps.
struct Seen {
    world: World,
    ways: Vec<Taken>,
}

/// What is behind the lock: production steps are computed once and kept.
struct Held {
    model: Model,
    last: Option<Seen>,
    /// The first world that broke a rule, and how. After it no other is reported, so the way there is the shortest.
    first: Option<(World, Rule, String)>,
    /// How it ended so far, each once.
    outcomes: Vec<Outcomes>,
}

/// The model behind stateright's trait.
struct Swap {
    held: Mutex<Held>,
    ends: AtomicUsize,
    swapped: AtomicUsize,
}

impl Swap {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen<T>(&self, world: &World, look: impl FnOnce(&Seen) -> T) -> T {
        let mut held = self.held();
        let held = &mut *held;
        let kept = held.last.take().filter(|seen| seen.world == *world);
        let seen = match kept {
            Some(seen) => seen,
            None => self.visit(held, world),
        };
        look(held.last.insert(seen))
    }

    fn visit(&self, held: &mut Held, world: &World) -> Seen {
        let model = &mut held.model;
        let (steps, end) = model.steps(world);
        let ways: Vec<Taken> = steps
            .into_iter()
            .filter_map(|step| {
                let next = model.take(world, &step);
                (next != *world).then_some(Taken { step, next })
            })
            .collect();
        if end {
            self.ends.fetch_add(1, Ordering::Relaxed);
            let swapped = usize::from(model.swapped(world));
            self.swapped.fetch_add(swapped, Ordering::Relaxed);
            let outcomes = model.outcomes(world);
            if !held.outcomes.contains(&outcomes) {
                held.outcomes.push(outcomes);
            }
        }
        if held.first.is_none() {
            let judged = if end || !ways.is_empty() {
                model.judge(world, end)
            } else {
                let text = "nothing can happen any more before the end";
                Err((Rule::Ends, text.to_owned()))
            };
            held.first = judged.err().map(|(rule, text)| (*world, rule, text));
        }
        Seen {
            world: *world,
            ways,
        }
    }

    fn keeps(&self, world: &World, rule: Rule) -> bool {
        self.seen(world, |_| ());
        let held = self.held();
        let first = held.first.as_ref();
        first.is_none_or(|(at, broken, _)| at != world || *broken != rule)
    }
}

impl stateright::Model for Swap {
    type State = World;
    type Action = Taken;

    fn init_states(&self) -> Vec<World> {
        vec![self.held().model.first()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Taken>) {
        self.seen(world, |seen| actions.extend(&seen.ways));
    }

    fn next_state(&self, _: &World, taken: Taken) -> Option<World> {
        Some(taken.next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nobody honest loses", |m: &Self, w| m.keeps(w, Rule::Loss)),
            Property::always("nothing leaves before its decision is stored", |m, w| {
                m.keeps(w, Rule::Decision)
            }),
            Property::always("R never leaves after an abort", |m, w| {
                m.keeps(w, Rule::Abort)
            }),
            Property::always("every swap ends, and nothing is stuck", |m, w| {
                m.keeps(w, Rule::Ends)
            }),
        ]
    }
}

/// Visits every world of a setup, up to `most` of them, and stops at the first violation.
///
/// # Errors
/// When there are more worlds than `most`: nothing is shown then.
pub fn search(setup: &Setup, most: usize) -> Result<Found, String> {
    use stateright::Model as _;
    let swap = Swap {
        held: Mutex::new(Held {
            model: Model::new(setup.clone()),
            last: None,
            first: None,
            outcomes: Vec::new(),
        }),
        ends: AtomicUsize::new(0),
        swapped: AtomicUsize::new(0),
    };
    // Steps lead to known worlds most of the time; more than this many of them and there are too many worlds.
    let bound = most.saturating_mul(64);
    let checker = swap
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .target_state_count(bound)
        .spawn_bfs()
        .join();
    let swap = checker.model();
    let mut found = Found {
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        ends: swap.ends.load(Ordering::Relaxed),
        swapped: swap.swapped.load(Ordering::Relaxed),
        outcomes: swap.held().outcomes.iter().map(in_words).collect(),
        violation: None,
    };
    for path in checker.discoveries().into_values() {
        let what = swap.held().first.clone();
        let lines = path.into_vec().into_iter().filter_map(|(world, taken)| {
            taken.map(|taken| format!("at {}: {}", world.tip, taken.step))
        });
        found.violation = what.map(|(_, _, what)| (what, lines.collect()));
    }
    if found.violation.is_none() && (found.states > most || found.steps >= bound) {
        return Err(format!("more than {most} states"));
    }
    Ok(found)
}

/// Such as "Done/TakenBack", the payer's first; a side that is not honest has none.
fn in_words(outcomes: &Outcomes) -> String {
    outcomes
        .map(|outcome| outcome.map_or_else(|| "-".to_owned(), |outcome| format!("{outcome:?}")))
        .join("/")
}

/// A quick hash: nobody attacks this table.
#[derive(Default)]
pub(crate) struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n));
    }

    fn write_u16(&mut self, n: u16) {
        self.write_u64(u64::from(n));
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    fn write_isize(&mut self, n: isize) {
        self.write_u64(n.unsigned_abs() as u64);
    }
}
