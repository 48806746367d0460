//! Swaps leave memory once nothing more is expected to happen to them, and come back when something does.
//!
//! Archived is only what no event within the promised depth of reorganisations could still change, and what no payment,
//! no message and no wish is left for. Everything else of a swap stays as it is stored, and what it is found by (its
//! script, its hashes, its id, its heights) is asked of the store: a deposit a year late is still taken home.

use std::collections::HashSet;

use bitcoin::{ScriptBuf, Transaction};
use cambista_protocol::swap::{Event, Funding, Htlc, Leg, Outcome, Payment, Swap};
use cambista_protocol::words::{Direction, Side, SwapId};
use tracing::info;

use crate::desk::earned_by;
use crate::engine::Core;
use crate::live::Live;
use crate::ports::{Archived, Chain, Commit, PortError, Ports, Sought, Store};
use crate::scripts::unused;

/// A swap with anything on the chain stays in memory for so many blocks after the last thing that happened to it: a day,
/// far beyond the six that are promised to be safe.
pub(crate) const WATCH: u32 = 144;
/// One of a stranger that came to nothing, with nothing on the chain: they cost nobody anything and must not pile up.
pub(crate) const WATCH_NOTHING: u32 = 6;
/// So many blocks later such a swap is forgotten for good, if not even its payment ever came: whoever asks for a price may
/// open some thirty a minute, and the disk must not fill with them. Nothing can come of it any more: its invoice has long
/// expired, no output was ever shown to anybody, and a payment on its hash goes back as one that belongs to no swap.
const FORGET_AFTER: u32 = 2_016;
/// Swaps forgotten with one block at most: more than can be opened while it is found.
const MOST_FORGOTTEN: usize = 1_024;
/// Swaps archived in one write at most, and so many writes at a time: Lightning waits for its block meanwhile.
const MOST_AT_ONCE: usize = 256;
const MOST_WRITES: usize = 4;

/// The last height at which anything happened to a swap, if nothing more is expected to happen to it.
pub(crate) fn over(live: &Live, height: u32) -> Option<u32> {
    let outcome = live.swap.outcome()?;
    // A loss is looked into by a person: it stays where it is seen.
    if outcome == Outcome::Lost || !live.outbox.is_empty() || live.busy.is_busy() {
        return None;
    }
    let settled = live.events.iter().map(|event| event.height).max()?;
    let watch = if came_to_nothing(live) {
        WATCH_NOTHING
    } else {
        WATCH
    };
    let deep = |at: u32| at.saturating_add(watch) <= height;
    if !deep(settled) {
        return None;
    }
    let refund = live.record.deal.refund_height;
    // Some wishes come only with T.
    let wishes = [height, height.max(refund)].map(|at| live.swap.wishes(at));
    let at_rest = wishes.iter().all(Vec::is_empty) && payments_are_final(&live.swap);
    // What is not in a block is found by its script when it ever gets into one.
    let mut confirmed = live.swap.outputs().iter().filter(|o| o.confirmed.is_some());
    let buried = confirmed.all(|o| o.spent.and_then(|s| s.confirmed).is_some_and(deep));
    (at_rest && buried).then_some(settled)
}

/// Whether it is a maker's swap of which no byte ever left this node and nothing was ever seen on the chain.
fn came_to_nothing(live: &Live) -> bool {
    unused(live).is_some()
        && live
            .funder()
            .is_some_and(|f| f.funding() == Funding::Abandoned)
}

/// Whether not even its payment ever came.
fn was_never_paid(live: &Live) -> bool {
    let paid = |event: &Event| matches!(event, Event::Held { .. } | Event::FundingBuilt { .. });
    came_to_nothing(live)
        && live.fundings.is_empty()
        && !live.events.iter().any(|kept| paid(&kept.event))
}

fn payments_are_final(swap: &Swap) -> bool {
    [Leg::Swap, Leg::Prepay].into_iter().all(|leg| match swap {
        Swap::Payer(payer) => payer.payment(leg) != Payment::InFlight,
        Swap::Funder(funder) => !matches!(funder.htlc(leg), Htlc::Held(_) | Htlc::Claiming(_)),
    })
}

/// What a swap is found by once it has left memory.
fn archived(live: &Live, settled: u32) -> Archived {
    let (record, deal) = (&live.record, &live.record.deal);
    let done = live.swap.outcome() == Some(Outcome::Done);
    let maker = record.side == Side::Maker;
    let unused = unused(live).is_some();
    Archived {
        swap: record.id,
        settled,
        side: record.side,
        direction: deal.direction,
        script: deal.script_pubkey.clone(),
        hashes: deal.hashes().collect(),
        taker: (done && maker).then(|| live.peer.peer_id.clone()),
        node: match (maker, deal.direction) {
            _ if !done => None,
            (false, _) => Some(record.maker),
            (true, Direction::In) => Some(deal.payee),
            (true, Direction::Out) => None,
        },
        destination: record.destination.clone(),
        unused,
        nothing: was_never_paid(live),
        earned: earned_by(live),
    }
}

impl<P: Ports> Core<P> {
    /// Archives what is over.
    pub(crate) fn archive_due(&mut self) -> Result<(), PortError> {
        let height = self.height;
        for _ in 0..MOST_WRITES {
            let due: Vec<Archived> = self
                .order
                .iter()
                .filter_map(|id| {
                    let live = self.swaps.get(id)?;
                    over(live, height).map(|settled| archived(live, settled))
                })
                .take(MOST_AT_ONCE)
                .collect();
            if due.is_empty() {
                return Ok(());
            }
            let gone: HashSet<SwapId> = due.iter().map(|archived| archived.swap).collect();
            let commit = Commit {
                archive: due,
                now: self.now(),
                ..Commit::default()
            };
            self.ports.store().commit(&commit)?;
            for archived in &commit.archive {
                self.partners.note(archived);
            }
            info!(swaps = gone.len(), "archived");
            self.let_go(&gone);
        }
        Ok(())
    }

    /// Forgets what strangers opened long ago and never paid.
    pub(crate) fn forget_due(&mut self) -> Result<(), PortError> {
        let Some(before) = self.height.checked_sub(FORGET_AFTER) else {
            return Ok(());
        };
        let sought = Sought::Nothing(before, MOST_FORGOTTEN);
        let found = self.ports.store().find(sought)?;
        let forget: Vec<SwapId> = found
            .into_iter()
            .map(|(_, id)| id)
            .filter(|id| !self.swaps.contains_key(id))
            .collect();
        if forget.is_empty() {
            return Ok(());
        }
        info!(
            swaps = forget.len(),
            "opened long ago and never paid: forgotten"
        );
        let commit = Commit {
            forget,
            now: self.now(),
            ..Commit::default()
        };
        self.ports.store().commit(&commit).map(|_| ())
    }

    /// Batches whose swaps have all ended are not read at a start any more.
    pub(crate) fn close_batches(&mut self) -> Result<(), PortError> {
        let swaps = &self.swaps;
        let over = |id| swaps.get(&id).is_none_or(Live::ended);
        let batches_over = self.sweeper.forget(over);
        if batches_over.is_empty() {
            return Ok(());
        }
        let commit = Commit {
            batches_over,
            now: self.now(),
            ..Commit::default()
        };
        self.ports.store().commit(&commit).map(|_| ())
    }

    /// Takes swaps out of memory and out of everything that is watched.
    fn let_go(&mut self, gone: &HashSet<SwapId>) {
        self.swaps.retain(|id, _| !gone.contains(id));
        self.order.retain(|id| !gone.contains(id));
        self.by_hash.retain(|_, id| !gone.contains(id));
        self.by_script.retain(|_, id| !gone.contains(id));
        let mut watched = Vec::new();
        for index in [&mut self.by_outpoint, &mut self.by_first_input] {
            index.retain(|outpoint, id| {
                let keep = !gone.contains(id);
                if !keep {
                    watched.push(*outpoint);
                }
                keep
            });
        }
        for outpoint in watched {
            let other = self.by_outpoint.contains_key(&outpoint)
                || self.by_first_input.contains_key(&outpoint);
            if !other {
                self.ports.chain().unwatch_mempool(outpoint);
            }
        }
    }

    /// Brings a swap back into memory if it is archived: something may happen to it. Whoever does this lets it go again
    /// by [`Self::put_back`] when nothing did. Says whether there is such a swap.
    pub(crate) fn recall(&mut self, id: SwapId) -> Result<bool, PortError> {
        if self.swaps.contains_key(&id) {
            return Ok(true);
        }
        let Some(mut live) = read_back(&*self.ports, id)? else {
            return Ok(false);
        };
        live.archived = true;
        self.adopt(live);
        Ok(true)
    }

    /// Lets go of a swap that was brought back and to which nothing happened: the store still has it as archived.
    pub(crate) fn put_back(&mut self, id: SwapId) {
        if self.swaps.get(&id).is_some_and(|live| live.archived) {
            self.let_go(&HashSet::from([id]));
        }
    }

    /// Brings back the archived swaps whose scripts these transactions pay. Gives their names, for [`Self::put_back`].
    pub(crate) fn recall_paid(&mut self, txs: &[Transaction]) -> Result<Vec<SwapId>, PortError> {
        let scripts: Vec<&ScriptBuf> = txs
            .iter()
            .flat_map(|tx| &tx.output)
            .map(|out| &out.script_pubkey)
            .filter(|script| script.is_p2tr() && !self.by_script.contains_key(*script))
            .collect();
        if scripts.is_empty() {
            return Ok(Vec::new());
        }
        self.recall_all(Sought::Paid(&scripts))
    }

    /// Brings back the archived swaps a reorganisation down to `fork` reaches.
    pub(crate) fn recall_above(&mut self, fork: u32) -> Result<Vec<SwapId>, PortError> {
        self.recall_all(Sought::SettledAbove(fork))
    }

    fn recall_all(&mut self, sought: Sought<'_>) -> Result<Vec<SwapId>, PortError> {
        let found = self.ports.store().find(sought)?;
        let mut back = Vec::with_capacity(found.len());
        for (_, id) in found {
            if !self.swaps.contains_key(&id) && self.recall(id)? {
                info!(swap = %id.short(), "an archived swap is looked at again");
                back.push(id);
            }
        }
        Ok(back)
    }

    /// The swap with this payment hash, whether it is in memory or archived.
    pub(crate) fn with_hash(&self, hash: &[u8; 32]) -> Result<Option<SwapId>, PortError> {
        if let Some(id) = self.by_hash.get(hash) {
            return Ok(Some(*id));
        }
        let found = self.ports.store().find(Sought::Hash(*hash))?;
        Ok(found.first().map(|(_, id)| *id))
    }
}

/// A swap as it is stored.
pub(crate) fn read_back<P: Ports>(ports: &P, id: SwapId) -> Result<Option<Live>, PortError> {
    let Some(stored) = ports.store().swap(id)? else {
        return Ok(None);
    };
    let live = Live::load(stored, ports.keys()).map_err(|error| {
        let id = id.short();
        PortError(format!("the stored swap {id} makes no contract: {error}"))
    })?;
    Ok(Some(live))
}
