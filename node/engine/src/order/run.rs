//! Carrying an order out: its swaps are begun (`begin`) and watched, and for what failed other makers are looked for (`look`).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bitcoin::secp256k1::PublicKey;
use cambista_protocol::words::{Direction, SwapId};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::info;

use super::means;
use super::parts::{OrderPart, Tally};
use super::record::OrderTask;
use super::shared::Shared;
use super::view::PlannedSwap;
use crate::handle::EngineError;
use crate::record::OrderRecord;
use crate::view::QuoteView;

/// Between two looks when nothing is heard.
pub(super) const LOOK: Duration = Duration::from_secs(5);
/// So long an order taken up after a restart waits for the market to be there again.
pub(super) const PATIENCE: Duration = Duration::from_secs(180);
/// So long (seconds) after it was agreed to an order begins new swaps: its owner may have other wishes by then.
const FRESH_SECS: u64 = 86_400;
/// The quotes an order's swaps began on, by the swaps' ids.
pub(super) type Begun = HashMap<String, QuoteView>;

/// One order at work.
pub(super) struct Runner {
    pub(super) shared: Arc<Shared>,
    pub(super) id: SwapId,
    /// Planned on firm quotes and not begun yet.
    queue: Vec<PlannedSwap>,
    pub(super) begun: Begun,
    /// Is told once the first swaps have begun, or nothing can.
    tell: Option<oneshot::Sender<Begun>>,
    /// Until then a market that is empty may only not be there yet.
    pub(super) patient_until: Option<Instant>,
    /// Swaps that were asked to end.
    cancelled: HashSet<String>,
}

/// What one look at an order came to.
pub(super) enum Step {
    /// Something changed: look again.
    Again,
    /// Nothing to do until something happens.
    Wait,
    /// It is over.
    Over,
}

impl Runner {
    /// A new order that begins with these swaps.
    pub(super) fn begin(
        shared: Arc<Shared>,
        id: SwapId,
        queue: Vec<PlannedSwap>,
    ) -> (Self, oneshot::Receiver<Begun>) {
        let (tell, told) = oneshot::channel();
        let runner = Self {
            shared,
            id,
            queue,
            begun: HashMap::new(),
            tell: Some(tell),
            patient_until: None,
            cancelled: HashSet::new(),
        };
        (runner, told)
    }

    /// An order that was under way when the node stopped.
    pub(super) fn resume(shared: Arc<Shared>, id: SwapId) -> Self {
        Self {
            shared,
            id,
            queue: Vec::new(),
            begun: HashMap::new(),
            tell: None,
            patient_until: Some(Instant::now() + PATIENCE),
            cancelled: HashSet::new(),
        }
    }

    /// Works until the order is over or the engine has stopped.
    pub(super) async fn run(mut self) {
        let mut changes = self.shared.engine.changes();
        let shared = Arc::clone(&self.shared);
        loop {
            let woken = shared.wake.notified();
            // Taken before the look, so that no change in between is missed.
            changes.borrow_and_update();
            match self.step().await {
                Ok(Step::Again) => continue,
                Ok(Step::Wait) => {}
                Ok(Step::Over) => break,
                // What is under way is taken up again at the next start.
                Err(_) => return,
            }
            self.tell();
            tokio::select! {
                changed = changes.changed() => if changed.is_err() {
                    return;
                },
                () = woken => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        self.tell();
    }

    fn tell(&mut self) {
        if let Some(tell) = self.tell.take() {
            let _ = tell.send(std::mem::take(&mut self.begun));
        }
    }

    async fn step(&mut self) -> Result<Step, EngineError> {
        let parts = self.shared.engine.order_parts(self.id).await?;
        self.learn(&parts).await?;
        let Some(record) = self.shared.get(self.id) else {
            return Ok(Step::Over);
        };
        let Some(task) = record.task.clone() else {
            return Ok(Step::Over);
        };
        let tally = Tally::of(record.amount_sat, task.wish.receive, &parts);
        if task.cancelled {
            self.call_off(&parts).await?;
        }
        if let Some(why) = halted(&task, tally.lost) {
            self.stuck(why).await?;
            return Ok(Step::Again);
        }
        if tally.left_sat == 0 || task.cancelled || task.stuck.is_some() {
            if tally.open > 0 {
                return Ok(Step::Wait);
            }
            self.shared
                .update(self.id, |task| task.ended = true)
                .await?;
            info!(order = %self.id.short(), left_sat = tally.left_sat, "order over");
            return Ok(Step::Over);
        }
        // Coins for one funding are chosen when the one before has its own.
        let unfunded = |part: &OrderPart| !part.view.ended && !part.funded;
        let into = task.wish.direction == Direction::In;
        if into && parts.iter().any(unfunded) {
            return Ok(Step::Wait);
        }
        let now = self.shared.clock.now();
        self.queue.retain(|swap| swap.quote.valid_until > now);
        if !self.covers(&task, tally.left_sat) {
            if let Some(why) = over(&record, &task, parts.len(), now) {
                self.stuck(why).await?;
                return Ok(Step::Again);
            }
            match self.look(&record, &task, &tally).await? {
                Some(queue) => self.queue = queue,
                None => return self.waiting(&task).await,
            }
        }
        let next: Vec<PlannedSwap> = if into {
            self.queue.drain(..1).collect()
        } else {
            self.queue.drain(..).collect()
        };
        let needs = means(&task.wish, next.iter().map(|swap| &swap.quote));
        if let Err(error) = self.shared.engine.check_means(needs).await {
            if matches!(error, EngineError::Stopped) {
                return Err(error);
            }
            if tally.open > 0 {
                // What is under way may give channels and coins back.
                return Ok(Step::Wait);
            }
            self.stuck(error.to_string()).await?;
            return Ok(Step::Again);
        }
        // Makers took their time to answer: it may have been called off meanwhile.
        if !self.called_off() {
            self.begin_all(&record, &task, next).await?;
        }
        Ok(Step::Again)
    }

    /// Whether nothing more is wanted as of now.
    pub(super) fn called_off(&self) -> bool {
        let task = self.shared.get(self.id).and_then(|record| record.task);
        task.is_none_or(|task| task.cancelled || task.ended)
    }

    /// Whether what is planned is what is left.
    fn covers(&self, task: &OrderTask, left_sat: u64) -> bool {
        let planned: u64 = self.queue.iter().map(|swap| swap.quote.amount_sat).sum();
        !self.queue.is_empty() && (planned == left_sat || task.wish.receive)
    }

    /// Makers whose swaps failed are not asked again; what they leave undone may be tried with others.
    async fn learn(&mut self, parts: &[OrderPart]) -> Result<(), EngineError> {
        let Some(task) = self.shared.get(self.id).and_then(|record| record.task) else {
            return Ok(());
        };
        let new: Vec<(PublicKey, String)> = parts
            .iter()
            .filter(|part| part.failed() && !task.has_failed(&part.maker))
            .map(|part| (part.maker, part.view.money.clone()))
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        let now = self.shared.clock.now();
        self.shared
            .update(self.id, |task| {
                for (maker, reason) in new {
                    task.fail(maker, reason, now);
                }
                task.stuck = None;
            })
            .await
    }

    async fn call_off(&mut self, parts: &[OrderPart]) -> Result<(), EngineError> {
        for part in parts.iter().filter(|part| !part.view.ended) {
            if !part.cancelled && self.cancelled.insert(part.view.id.clone()) {
                let answer = self.shared.engine.cancel(&part.view.id).await;
                if let Err(error @ EngineError::Stopped) = answer {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    pub(super) async fn stuck(&mut self, why: String) -> Result<(), EngineError> {
        // Whether nothing began at all is said by the order as a whole.
        let why = why
            .trim_end_matches("; nothing began")
            .trim_end_matches("; nothing was begun")
            .to_owned();
        info!(order = %self.id.short(), reason = %why, "nothing more is begun");
        self.shared
            .update(self.id, |task| task.stuck = Some(why))
            .await
    }
}

/// Why nothing more is begun from now on, whatever is planned already. What lost one swap may lose the next as well.
fn halted(task: &OrderTask, lost: bool) -> Option<String> {
    (lost && task.stuck.is_none()).then(|| {
        "one of its swaps was lost: this side gave and did not get; look at it and at your node before you begin anew"
            .to_owned()
    })
}

/// Why no other maker is looked for, whoever there is.
fn over(record: &OrderRecord, task: &OrderTask, begun: usize, now: u64) -> Option<String> {
    if task.wish.external && begun > 0 {
        return Some(
            "a deposit from outside is asked for once: begin anew when you are ready to send"
                .to_owned(),
        );
    }
    (now.saturating_sub(record.created_at) > FRESH_SECS)
        .then(|| "the order is more than a day old".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tests::order;
    use super::*;

    #[test]
    fn an_order_stops_once_a_swap_was_lost() {
        let (_, mut task) = order(false);
        assert_eq!(halted(&task, false), None);
        task.stuck = halted(&task, true);
        assert!(task.stuck.is_some());
        // It is said once.
        assert_eq!(halted(&task, true), None);
    }

    #[test]
    fn new_swaps_begin_for_a_day_and_a_deposit_is_asked_for_once() {
        let (record, task) = order(false);
        assert_eq!(over(&record, &task, 3, 1_000 + FRESH_SECS), None);
        assert!(over(&record, &task, 0, 1_001 + FRESH_SECS).is_some());
        let (record, task) = order(true);
        // A maker that refused before anything had begun is still replaced.
        assert_eq!(over(&record, &task, 0, 1_000), None);
        assert!(over(&record, &task, 1, 1_000).is_some());
    }
}
