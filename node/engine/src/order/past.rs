//! Orders as they are stored: those that are over do not stay in memory.

use std::sync::Arc;

use cambista_protocol::words::{Side, SwapId};
use tracing::warn;

use super::view::OrderView;
use crate::engine::Core;
use crate::handle::{EngineError, Reply};
use crate::ports::{PortError, Ports, Sought, Store};
use crate::record::OrderRecord;
use crate::view::SwapView;
use crate::views::{MOST_LISTED, between, read_view};

impl<P: Ports> Core<P> {
    /// Every order of this node that is open and the latest others, newest first. What has to be read is read beside the
    /// engine.
    pub(crate) fn list_orders(
        &self,
        most: usize,
        reply: Reply<Vec<OrderView>>,
    ) -> Result<(), PortError> {
        let store = self.ports.store();
        let mut records = store.latest_orders(most.min(MOST_LISTED))?;
        let older: Vec<OrderRecord> = store
            .orders()?
            .into_iter()
            .rev()
            .filter(|open| records.iter().all(|record| record.id != open.id))
            .collect();
        records.extend(older);
        // Swaps may be older than the orders listed and still be open: theirs are listed as well.
        for live in self.swaps.values().filter(|live| !live.ended()) {
            let record = &live.record;
            let listed = || records.iter().any(|order| order.id == record.order);
            if record.side == Side::Taker && !listed() {
                records.extend(store.order(record.order)?);
            }
        }
        let mut all = Vec::with_capacity(records.len());
        for record in records {
            let swaps = store.find(Sought::Of(record.id))?;
            let swaps = swaps.into_iter().map(|(_, id)| {
                let live = self.swaps.get(&id);
                (id, live.map(|live| self.show(live)))
            });
            all.push((record, swaps.collect::<Vec<(SwapId, Option<SwapView>)>>()));
        }
        let (ports, height) = (Arc::clone(&self.ports), self.height);
        tokio::spawn(async move {
            let mut list = Vec::with_capacity(all.len());
            for (record, swaps) in all {
                let mut views = Vec::with_capacity(swaps.len());
                for (id, view) in swaps {
                    if view.is_some() {
                        views.extend(view);
                        continue;
                    }
                    match read_view(&*ports, height, id) {
                        Ok(view) => views.extend(view),
                        Err(error) => warn!(swap = %id.short(), %error, "a swap could not be read"),
                    }
                    tokio::task::yield_now().await;
                }
                list.extend(OrderView::of_record(&record, views));
            }
            list.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
            let _ = reply.send(list);
        });
        Ok(())
    }

    /// One order by its id or the beginning of it.
    pub(crate) fn find_order(
        &self,
        wanted: &str,
    ) -> Result<Result<OrderView, EngineError>, PortError> {
        let store = self.ports.store();
        let found = match between(wanted) {
            Some((first, last)) => store.orders_between(first, last)?,
            None => Vec::new(),
        };
        let none = || {
            EngineError::NotFound("there is no such order: `cambista orders` lists them".to_owned())
        };
        let id = match found.as_slice() {
            [id] => *id,
            [] => return Ok(Err(none())),
            _ => {
                return Ok(Err(EngineError::Invalid(
                    "several orders begin like this: give more of the id".to_owned(),
                )));
            }
        };
        let Some(record) = store.order(id)? else {
            return Ok(Err(none()));
        };
        let swaps = self.parts(id)?.into_iter().map(|part| part.view).collect();
        Ok(OrderView::of_record(&record, swaps).ok_or_else(none))
    }
}

impl OrderView {
    /// Of an order that may be the record of a swap that was started by itself.
    fn of_record(record: &OrderRecord, mut swaps: Vec<SwapView>) -> Option<Self> {
        if record.task.is_some() {
            return Some(Self::of(record, swaps));
        }
        swaps.truncate(1);
        swaps.pop().map(Self::of_swap)
    }
}
