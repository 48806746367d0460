//! What all orders share: whom to ask, the plans that were offered, and every order that is not over, as it is stored.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cambista_protocol::words::SwapId;
use tokio::sync::Notify;

use super::record::{OrderTask, OrderWish};
use super::view::PlanView;
use crate::handle::{EngineError, EngineHandle};
use crate::ports::{Clock, Entropy, Makers};
use crate::record::OrderRecord;

/// Plans kept to be agreed to.
const MOST_OFFERED: usize = 64;
/// So long (seconds) after its quotes have expired a plan may still be agreed to: what was shown still limits everything,
/// and firm quotes are asked for anew.
const PLAN_SECS: u64 = 300;

/// A plan that waits for the user's word.
#[derive(Clone, Debug)]
pub(super) struct Offered {
    pub(super) plan: PlanView,
    pub(super) wish: OrderWish,
}

/// What all orders share.
pub(super) struct Shared {
    pub(super) engine: EngineHandle,
    pub(super) makers: Arc<dyn Makers>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    /// Wakes every order: one of them was changed from outside.
    pub(super) wake: Notify,
    offered: Mutex<VecDeque<Offered>>,
    records: Mutex<BTreeMap<SwapId, OrderRecord>>,
    /// One change is written at a time, so that none overtakes another on its way to the disk.
    saving: tokio::sync::Mutex<()>,
}

/// Nothing here is left half changed by a panic elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(
        engine: EngineHandle,
        makers: Arc<dyn Makers>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        stored: Vec<OrderRecord>,
    ) -> Self {
        let records = stored
            .into_iter()
            .filter(|record| record.task.is_some())
            .map(|record| (record.id, record))
            .collect();
        Self {
            engine,
            makers,
            clock,
            entropy,
            wake: Notify::new(),
            offered: Mutex::default(),
            records: Mutex::new(records),
            saving: tokio::sync::Mutex::new(()),
        }
    }

    /// The orders that are not over.
    pub(super) fn open(&self) -> Vec<SwapId> {
        let records = lock(&self.records);
        let open = |record: &&OrderRecord| record.task.as_ref().is_some_and(|task| !task.ended);
        records.values().filter(open).map(|r| r.id).collect()
    }

    pub(super) fn get(&self, id: SwapId) -> Option<OrderRecord> {
        lock(&self.records).get(&id).cloned()
    }

    /// The order with this whole id (hex).
    pub(super) fn named(&self, id: &str) -> Option<SwapId> {
        let wanted = id.to_ascii_lowercase();
        let records = lock(&self.records);
        records.keys().find(|id| id.to_string() == wanted).copied()
    }

    /// Writes a new order down.
    pub(super) async fn add(&self, record: OrderRecord) -> Result<(), EngineError> {
        let _saving = self.saving.lock().await;
        self.engine.save_order(record.clone()).await?;
        lock(&self.records).insert(record.id, record);
        Ok(())
    }

    /// Changes an order and writes it down before anybody sees the change.
    pub(super) async fn update(
        &self,
        id: SwapId,
        change: impl FnOnce(&mut OrderTask),
    ) -> Result<(), EngineError> {
        let _saving = self.saving.lock().await;
        let Some(mut record) = self.get(id) else {
            return Ok(());
        };
        let Some(task) = &mut record.task else {
            return Ok(());
        };
        let before = task.clone();
        change(task);
        if *task == before {
            return Ok(());
        }
        task.revision = task.revision.saturating_add(1);
        let over = task.ended;
        self.engine.save_order(record.clone()).await?;
        if over {
            // Whoever wants to see it has it from the store.
            lock(&self.records).remove(&id);
        } else {
            lock(&self.records).insert(id, record);
        }
        self.wake.notify_waiters();
        Ok(())
    }

    /// Keeps a plan for a while.
    pub(super) fn offered(&self, offered: Offered) {
        let mut all = lock(&self.offered);
        all.push_back(offered);
        let old = all.len().saturating_sub(MOST_OFFERED);
        all.drain(..old);
    }

    /// The plan with this id, once.
    pub(super) fn take_offered(&self, id: &str) -> Option<Offered> {
        let now = self.clock.now();
        let mut all = lock(&self.offered);
        all.retain(|offered| offered.plan.valid_until.saturating_add(PLAN_SECS) >= now);
        let place = all.iter().position(|offered| offered.plan.id == id)?;
        all.remove(place)
    }
}
