//! Advancing a swap: store the event and its effects in one commit, then act.

use bitcoin::{Amount, Transaction};
use cambista_protocol::swap::{Effect, Event};
use cambista_protocol::words::SwapId;
use tracing::info;

use crate::engine::Core;
use crate::handle::Input;
use crate::internal::Internal;
use crate::live::Live;
use crate::ports::{
    Clock, Commit, NewSwap, OutboxItem, PortError, Ports, Store, StoredEvent, Wallet,
};

/// An event waiting to be taken, with what belongs into the same commit.
pub(crate) struct Job {
    pub(crate) id: SwapId,
    pub(crate) event: Event,
    pub(crate) funding: Option<(Transaction, Amount)>,
}

impl<P: Ports> Core<P> {
    pub(crate) fn now(&self) -> u64 {
        self.ports.clock().now()
    }

    /// Queues an event; [`Self::drain`] takes it.
    pub(crate) fn push(&mut self, id: SwapId, event: Event) {
        self.jobs.push_back(Job {
            id,
            event,
            funding: None,
        });
    }

    /// Takes an event and everything that follows from it.
    pub(crate) async fn happened(&mut self, id: SwapId, event: Event) -> Result<(), PortError> {
        self.push(id, event);
        self.drain().await
    }

    /// Takes queued events until none is left.
    pub(crate) async fn drain(&mut self) -> Result<(), PortError> {
        while let Some(job) = self.jobs.pop_front() {
            self.advance(job, None).await?;
        }
        Ok(())
    }

    /// One step of one swap: stored first, acted on afterwards.
    pub(crate) async fn advance(
        &mut self,
        job: Job,
        new: Option<NewSwap>,
    ) -> Result<(), PortError> {
        let now = self.now();
        let height = self.height;
        let Some(live) = self.swaps.get_mut(&job.id) else {
            return Ok(());
        };
        let before = live.swap.outcome();
        let mut stored: Vec<OutboxItem> = Vec::new();
        let mut kept = None;
        let store = self.ports.store();
        live.swap = live
            .swap
            .step(job.event, height)
            .save(|event, height, effects| {
                let commit = Commit {
                    new,
                    event: Some((job.id, event.clone(), height, effects.to_vec())),
                    funding: job.funding.clone().map(|(tx, fee)| (job.id, tx, fee)),
                    now,
                    ..Commit::default()
                };
                let rows = store.commit(&commit)?;
                stored = pair(rows, effects);
                kept = Some(StoredEvent {
                    event: event.clone(),
                    height,
                    at: now,
                });
                Ok::<(), PortError>(())
            })?;
        let Some(event_kept) = kept else {
            return Ok(());
        };
        info!(swap = %job.id.short(), height, event = event_name(&event_kept.event), "swap advanced");

        // What stood in the way no longer does, unless it is why the swap ends.
        if before.is_none() && !explains_an_end(&event_kept.event) {
            live.trouble = None;
        }
        live.archived = false;
        live.events.push(event_kept);
        live.fundings.extend(job.funding);
        live.outbox.extend(stored.iter().copied());
        live.version = live.version.saturating_add(1);
        if before.is_none()
            && let Some(outcome) = live.swap.outcome()
        {
            info!(swap = %job.id.short(), ?outcome, "swap ended");
            if live.funder().is_some() {
                // Inputs of versions that were replaced are free again; those that were spent are gone.
                for (tx, _) in &live.fundings {
                    self.ports.wallet().release(tx);
                }
            }
        }
        if before.is_none() && self.swaps.get(&job.id).is_some_and(Live::ended) {
            self.learn_from(job.id);
            self.spare_script(job.id);
        }
        self.index(job.id);
        for item in stored {
            self.run_effect(job.id, item);
        }
        self.retire_claims(job.id)?;
        self.grant_wishes(job.id, false).await?;
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
        Ok(())
    }

    /// Marks outbox items as done.
    pub(crate) fn done(&mut self, id: SwapId, items: &[i64]) -> Result<(), PortError> {
        if items.is_empty() {
            return Ok(());
        }
        let commit = Commit {
            done: items.to_vec(),
            now: self.now(),
            ..Commit::default()
        };
        self.ports.store().commit(&commit)?;
        if let Some(live) = self.swaps.get_mut(&id) {
            live.outbox.retain(|item| !items.contains(&item.id));
            for item in items {
                live.busy.saying.remove(item);
            }
        }
        Ok(())
    }

    /// Runs work beside the engine and brings its result back as an input.
    pub(crate) fn beside<F>(&self, work: F)
    where
        F: Future<Output = Internal> + Send + 'static,
    {
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            let internal = work.await;
            // An engine that is gone needs no results: everything is derived again at the next start.
            let _ = inputs.send(Input::Internal(internal)).await;
        });
    }
}

fn pair(rows: Vec<i64>, effects: &[Effect]) -> Vec<OutboxItem> {
    rows.into_iter()
        .zip(effects)
        .map(|(id, effect)| OutboxItem {
            id,
            effect: *effect,
        })
        .collect()
}

/// Whether the reason noted for this event is the reason the swap ends.
const fn explains_an_end(event: &Event) -> bool {
    matches!(
        event,
        Event::PaymentFailed { .. } | Event::FundingImpossible | Event::Block
    )
}

/// The event without its contents: logs carry no secrets.
const fn event_name(event: &Event) -> &'static str {
    match event {
        Event::Opened => "opened",
        Event::Block => "block",
        Event::Reorg { .. } => "reorg",
        Event::OutputSeen { .. } => "output seen",
        Event::OutputSpent { .. } => "output spent",
        Event::FundingConflict { .. } => "funding conflict",
        Event::PaymentSettled { .. } => "payment settled",
        Event::PaymentFailed { .. } => "payment failed",
        Event::ClaimReady { .. } => "claim ready",
        Event::Held { .. } => "payment held",
        Event::Claimed { .. } => "payment claimed",
        Event::Dropped { .. } => "payment dropped",
        Event::FundingBuilt { .. } => "funding built",
        Event::FundingImpossible => "funding impossible",
        Event::HoldDurable => "hold durable",
        Event::FundingBumped { .. } => "funding bumped",
        Event::PeerKey { .. } => "key handed over",
        Event::PeerPreimage { .. } => "preimage received",
        Event::Cancelled => "cancelled",
        Event::PeerWithdrew => "peer withdrew",
    }
}
