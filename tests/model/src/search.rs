//! Breadth first over every reachable world.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use crate::setup::Setup;
use crate::world::{Model, World};

/// What a search found.
#[derive(Debug)]
pub struct Found {
    /// Worlds visited.
    pub states: usize,
    /// Worlds at the end of time.
    pub ends: usize,
    /// Ends in which the chain and Lightning both changed hands.
    pub swapped: usize,
    /// The first violation: what is wrong, and the shortest way there.
    pub violation: Option<(String, Vec<String>)>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (states, ends, swapped) = (self.states, self.ends, self.swapped);
        write!(f, "{states} states, {ends} ends, {swapped} of them swapped")?;
        if let Some((what, steps)) = &self.violation {
            write!(f, "\n{what}")?;
            for step in steps {
                write!(f, "\n  {step}")?;
            }
        }
        Ok(())
    }
}

/// A world, the number of the one it came from, and which of that one's steps led here.
type Visited = (World, usize, usize);

/// Visits every world of a setup, up to `most` of them, and stops at the first violation.
///
/// # Errors
/// When there are more worlds than `most`: nothing is shown then.
pub fn search(setup: &Setup, most: usize) -> Result<Found, String> {
    let mut model = Model::new(setup.clone());
    let first = model.first();
    let mut known: HashSet<World, BuildHasherDefault<Mix>> = HashSet::default();
    let mut queue: Vec<Visited> = vec![(first, 0, 0)];
    known.insert(first);
    let mut found = Found {
        states: 0,
        ends: 0,
        swapped: 0,
        violation: None,
    };
    let mut at = 0;
    while let Some((world, ..)) = queue.get(at).copied() {
        let (steps, end) = model.steps(&world);
        let mut moved = end;
        for (number, step) in steps.iter().enumerate() {
            let next = model.take(&world, step);
            moved |= next != world;
            if known.insert(next) {
                queue.push((next, at, number));
            }
        }
        if end {
            found.ends += 1;
            found.swapped += usize::from(model.swapped(&world));
        }
        let judged = if moved {
            model.judge(&world, end)
        } else {
            Err("nothing can happen any more before the end".to_owned())
        };
        if let Err(what) = judged {
            found.violation = Some((what, trace(&mut model, &queue, at)));
            break;
        }
        if queue.len() > most {
            return Err(format!("more than {most} states"));
        }
        at += 1;
    }
    found.states = queue.len();
    Ok(found)
}

fn trace(model: &mut Model, queue: &[Visited], end: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut at = end;
    while at != 0 {
        let Some((world, parent, number)) = queue.get(at).copied() else {
            break;
        };
        let before = queue.get(parent).map(|(world, ..)| *world);
        let steps = before.map(|w| model.steps(&w).0).unwrap_or_default();
        if let Some(step) = steps.get(number) {
            lines.push(format!("at {}: {step}", world.tip));
        }
        at = parent;
    }
    lines.reverse();
    lines
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
