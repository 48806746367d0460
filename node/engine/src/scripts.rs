//! The addresses swaps pay back to. A swap that was opened and never paid leaves its address to the next one: who opens
//! swaps and walks away must not drive the wallet beyond the addresses it looks for after a restore.

use std::collections::HashSet;

use bitcoin::ScriptBuf;
use cambista_protocol::swap::Outcome;
use cambista_protocol::words::{Side, SwapId};

use crate::engine::Core;
use crate::live::Live;
use crate::ports::{PortError, Ports, Store, Wallet};

/// The most spare addresses kept; more than swaps are open at a time.
const MOST: usize = 256;

impl<P: Ports> Core<P> {
    /// An address of this wallet for a maker's swap: a spare one if there is one.
    pub(crate) fn own_script(&mut self) -> Result<ScriptBuf, PortError> {
        match self.spare_scripts.pop() {
            Some(script) => Ok(script),
            None => self.ports.wallet().fresh_script(),
        }
    }

    /// Keeps the address of a swap that has just ended, if nothing can ever have been paid to it.
    pub(crate) fn spare_script(&mut self, id: SwapId) {
        let script = self.swaps.get(&id).and_then(unused);
        if let Some(script) = script
            && self.spare_scripts.len() < MOST
            && !self.spare_scripts.contains(&script)
        {
            self.spare_scripts.push(script);
        }
    }

    /// After a start: the addresses no swap has used that still may.
    pub(crate) fn collect_spare_scripts(&mut self) -> Result<(), PortError> {
        let archived = self.ports.store().spare_scripts()?;
        let taken: HashSet<&ScriptBuf> = self
            .swaps
            .values()
            .filter(|live| unused(live).is_none())
            .map(|live| &live.record.destination)
            .collect();
        let mut spare: Vec<ScriptBuf> = Vec::new();
        let mut seen = HashSet::new();
        for script in self.swaps.values().filter_map(unused).chain(archived) {
            if spare.len() < MOST && !taken.contains(&script) && seen.insert(script.clone()) {
                spare.push(script);
            }
        }
        self.spare_scripts = spare;
        Ok(())
    }
}

/// The address of a maker's swap that ended with nothing ever at its contract.
pub(crate) fn unused(live: &Live) -> Option<ScriptBuf> {
    let clean = live.record.side == Side::Maker
        && live.swap.outcome() == Some(Outcome::NothingHappened)
        && live.swap.outputs().iter().next().is_none()
        && live.sweeps.is_empty();
    clean.then(|| live.record.destination.clone())
}
