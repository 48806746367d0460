//! Orders that were called off while they were at work: no swap of theirs begins any more, however far its opening has come.

use std::collections::HashSet;

use cambista_protocol::words::SwapId;

use crate::handle::EngineError;
use crate::record::OrderRecord;

/// The orders that were called off and are not over yet. Whoever called one off was told that nothing more is begun.
#[derive(Clone, Debug, Default)]
pub(crate) struct CalledOff(HashSet<SwapId>);

impl CalledOff {
    /// Notes how an order stands now.
    pub(super) fn note(&mut self, order: &OrderRecord) {
        match &order.task {
            Some(task) if task.cancelled && !task.ended => {
                self.0.insert(order.id);
            }
            // Once it is over nobody begins anything for it.
            _ => {
                self.0.remove(&order.id);
            }
        }
    }

    /// Whether a swap of this order may begin.
    ///
    /// # Errors
    /// When the order was called off.
    pub(crate) fn check(&self, order: SwapId) -> Result<(), EngineError> {
        if self.0.contains(&order) {
            return Err(EngineError::Refused(
                "the order was called off; nothing began".into(),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use cambista_protocol::words::{Direction, Side};

    use super::super::tests::wish;
    use super::super::{Agreed, OrderTask};
    use super::*;

    #[test]
    fn no_swap_of_an_order_begins_once_it_is_called_off() {
        let agreed = Agreed {
            max_cost_sat: 1,
            max_loss_sat: 1,
            max_locked_blocks: 1,
        };
        let mut task = OrderTask::new(wish(Direction::Out, 300_000), agreed);
        let order = |task: &OrderTask| OrderRecord {
            id: SwapId([1; 32]),
            direction: Direction::Out,
            amount_sat: 300_000,
            side: Side::Taker,
            created_at: 1_000,
            task: Some(task.clone()),
        };
        let mut off = CalledOff::default();
        off.note(&order(&task));
        assert_eq!(off.check(SwapId([1; 32])), Ok(()));
        task.cancelled = true;
        off.note(&order(&task));
        assert!(off.check(SwapId([1; 32])).is_err());
        assert_eq!(off.check(SwapId([2; 32])), Ok(()));
        // Nothing is kept of orders that are over.
        task.ended = true;
        off.note(&order(&task));
        assert!(off.0.is_empty());
    }
}
