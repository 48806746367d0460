//! Breadth first over every reachable world.

use std::collections::HashMap;
use std::fmt;

use crate::actions::Step;
use crate::setup::Setup;
use crate::world::{Model, World};

/// What a search found.
pub struct Found {
    /// Worlds visited.
    pub states: usize,
    /// Ends reached.
    pub ends: usize,
    /// Ends in which the chain and Lightning both changed hands.
    pub swapped: usize,
    /// The first violation: what is wrong, and the shortest way there.
    pub violation: Option<(String, Vec<String>)>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} states, {} ends, {} of them swapped",
            self.states, self.ends, self.swapped
        )?;
        if let Some((what, steps)) = &self.violation {
            write!(f, "\n{what}")?;
            for step in steps {
                write!(f, "\n  {step}")?;
            }
        }
        Ok(())
    }
}

/// Visits every world of a setup, up to `most` of them, and stops at the first violation.
///
/// # Errors
/// When there are more worlds than `most`: nothing is shown then.
pub fn search(setup: &Setup, most: usize) -> Result<Found, String> {
    let mut model = Model::new(setup.clone());
    let first = model.first();
    let mut known: HashMap<World, ()> = HashMap::new();
    let mut queue: Vec<(World, usize, Option<Step>)> = vec![(first, 0, None)];
    known.insert(first, ());
    let mut found = Found {
        states: 0,
        ends: 0,
        swapped: 0,
        violation: None,
    };
    let mut at = 0;
    while let Some((world, ..)) = queue.get(at).copied() {
        let steps = model.steps(&world);
        let end = steps.is_empty();
        if end {
            found.ends += 1;
            found.swapped += usize::from(model.swapped(&world));
        }
        if let Err(what) = model.judge(&world, end) {
            found.violation = Some((what, trace(&queue, at)));
            break;
        }
        for step in steps {
            let next = model.take(&world, &step);
            if known.insert(next, ()).is_none() {
                queue.push((next, at, Some(step)));
            }
        }
        if queue.len() > most {
            return Err(format!("more than {most} states"));
        }
        at += 1;
    }
    found.states = queue.len();
    Ok(found)
}

fn trace(queue: &[(World, usize, Option<Step>)], end: usize) -> Vec<String> {
    let mut steps = Vec::new();
    let mut at = end;
    while let Some((world, parent, Some(step))) = queue.get(at) {
        steps.push(format!("at {}: {step}", world.tip));
        at = *parent;
    }
    steps.reverse();
    steps
}
