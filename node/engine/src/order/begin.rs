//! Beginning the swaps of an order.

use bitcoin::Amount;
use cambista_protocol::money::Msat;
use cambista_protocol::words::Direction;
use tracing::info;

use super::record::OrderTask;
use super::run::Runner;
use super::view::PlannedSwap;
use crate::handle::{EngineError, StartSwap};
use crate::record::OrderRecord;
use crate::view::QuoteView;

impl Runner {
    /// Begins these swaps side by side. A maker that does not keep its word is not asked again.
    pub(super) async fn begin_all(
        &mut self,
        record: &OrderRecord,
        task: &OrderTask,
        swaps: Vec<PlannedSwap>,
    ) -> Result<(), EngineError> {
        let mut starting = tokio::task::JoinSet::new();
        for swap in swaps {
            let engine = self.shared.engine.clone();
            let request = request(record, task, &swap);
            starting.spawn(async move { (engine.start(request).await, swap.quote) });
        }
        while let Some(answer) = starting.join_next().await {
            let (result, quote) = answer.map_err(|_| EngineError::Stopped)?;
            match result {
                Ok(id) => {
                    self.begun.insert(id.to_string(), quote);
                }
                Err(error @ EngineError::Stopped) => return Err(error),
                // It did not begin because it was called off, which is not the maker's fault.
                Err(_) if self.called_off() => {}
                // The quote went out of use here, which is not the maker's fault: another is asked for.
                Err(EngineError::NotFound(_)) => {}
                Err(EngineError::Invalid(why)) => self.stuck(why).await?,
                Err(error) => self.failed(&quote, error.to_string()).await?,
            }
        }
        Ok(())
    }

    async fn failed(&mut self, quote: &QuoteView, reason: String) -> Result<(), EngineError> {
        let now = self.shared.clock.now();
        let Ok(maker) = quote.maker.parse() else {
            return Ok(());
        };
        info!(order = %self.id.short(), maker = %quote.maker, %reason, "a maker dropped out");
        // A quote that ran out while others were being begun says nothing of its maker.
        if quote.valid_until < now {
            return Ok(());
        }
        self.shared
            .update(self.id, |task| task.fail(maker, reason, now))
            .await
    }
}

fn request(record: &OrderRecord, task: &OrderTask, swap: &PlannedSwap) -> StartSwap {
    let wish = &task.wish;
    let out = wish.direction == Direction::Out;
    StartSwap {
        quote_id: swap.quote.id.clone(),
        destination: wish.destination.clone(),
        max_miner_fee: Some(Amount::from_sat(swap.max_miner_fee_sat)),
        max_routing_fee: Msat::from_sat(swap.max_routing_fee_sat),
        max_fee: None,
        first_hops: wish.first_hops.clone(),
        last_hop: wish.last_hop,
        confirmations: wish.confirmations.filter(|_| out),
        least_confirmations: if out { swap.confirmations } else { 0 },
        label: wish.label.clone(),
        order: Some(record.id),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{order, quote};
    use super::*;

    #[test]
    fn only_what_the_user_said_of_confirmations_is_final() {
        let (record, mut task) = order(false);
        task.wish.direction = Direction::Out;
        let swap = PlannedSwap {
            quote: quote("aa", 300_000),
            max_miner_fee_sat: 1,
            max_routing_fee_sat: 1,
            confirmations: 2,
        };
        let by_amount = request(&record, &task, &swap);
        assert_eq!(by_amount.confirmations, None);
        assert_eq!(by_amount.least_confirmations, 2);
        task.wish.confirmations = Some(2);
        assert_eq!(request(&record, &task, &swap).confirmations, Some(2));
    }
}
