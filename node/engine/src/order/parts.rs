//! An order's swaps, and what they leave of its amount and its limits.

use bitcoin::secp256k1::PublicKey;
use cambista_protocol::swap::{Event, Funding, Outcome};
use cambista_protocol::words::{Direction, SwapId};

use super::limits::{Budget, owed, reserved};
use super::record::OrderTask;
use crate::archive::read_back;
use crate::engine::Core;
use crate::live::Live;
use crate::ports::{Clock, Commit, PortError, Ports, Sought, Store};
use crate::record::OrderRecord;
use crate::view::SwapView;

/// A swap of an order, with what the order must know of it.
#[derive(Clone, Debug)]
pub(crate) struct OrderPart {
    /// As it is shown.
    pub(crate) view: SwapView,
    /// Its maker.
    pub(crate) maker: PublicKey,
    /// How it ended.
    pub(crate) outcome: Option<Outcome>,
    /// Whether the user called it off.
    pub(crate) cancelled: bool,
    /// `in`: its funding is built, and the coins for it are set aside.
    pub(crate) funded: bool,
    /// The limit on its miner fee (sat).
    pub(crate) miner_limit_sat: u64,
    /// The limit on its routing (sat).
    pub(crate) routing_limit_sat: u64,
    /// The most it may add to the order's cost if it works (sat).
    pub(crate) worst_sat: i64,
    /// The most it may cost if it fails (sat).
    pub(crate) worst_loss_sat: u64,
}

impl<P: Ports> Core<P> {
    /// Writes an order down in place of what was written of it before.
    pub(crate) fn save_order(&mut self, order: OrderRecord) -> Result<(), PortError> {
        self.called_off.note(&order);
        let commit = Commit {
            order: Some(order),
            now: self.ports.clock().now(),
            ..Commit::default()
        };
        self.ports.store().commit(&commit)?;
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
        Ok(())
    }

    /// The swaps of an order, oldest first.
    pub(crate) fn parts(&self, order: SwapId) -> Result<Vec<OrderPart>, PortError> {
        let mut parts = Vec::new();
        for (_, id) in self.ports.store().find(Sought::Of(order))? {
            match self.swaps.get(&id) {
                Some(live) => parts.push(part(live, self.show(live))),
                None => {
                    let live = read_back(&*self.ports, id)?;
                    parts.extend(live.map(|live| part(&live, self.show(&live))));
                }
            }
        }
        Ok(parts)
    }
}

fn part(live: &Live, view: SwapView) -> OrderPart {
    let record = &live.record;
    let limits = record.limits;
    let both = limits
        .max_miner_fee_sat
        .saturating_add(limits.max_routing_fee_sat);
    let prepay = record.deal.prepay_amount.to_sat();
    OrderPart {
        view,
        maker: record.maker,
        outcome: live.swap.outcome(),
        cancelled: live.events.iter().any(|e| e.event == Event::Cancelled),
        funded: live
            .funder()
            .is_none_or(|funder| funder.funding() != Funding::None),
        miner_limit_sat: limits.max_miner_fee_sat,
        routing_limit_sat: limits.max_routing_fee_sat,
        worst_sat: owed(record.maker_fee_sat).saturating_add_unsigned(both),
        worst_loss_sat: match record.deal.direction {
            Direction::Out if prepay == 0 => 0,
            Direction::Out => prepay.saturating_add(limits.max_routing_fee_sat / 4),
            Direction::In => limits.max_miner_fee_sat.saturating_mul(2),
        },
    }
}

impl OrderPart {
    /// Whether it covers its share of the order, or still may.
    fn stands(&self) -> bool {
        !self.view.ended || self.outcome == Some(Outcome::Done)
    }

    /// Whether it failed, and not because the user wanted it to.
    pub(crate) fn failed(&self) -> bool {
        !self.stands() && !self.cancelled
    }
}

/// What an order's swaps leave of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Not covered by any swap that stands, nor called off (sat).
    pub(crate) left_sat: u64,
    /// Swaps that have not ended.
    pub(crate) open: usize,
    /// Swaps that stand: open or done.
    pub(crate) standing: usize,
    /// Whether one of them gave and did not get.
    pub(crate) lost: bool,
    cost_sat: i64,
    loss_sat: u64,
    miner_sat: u64,
    routing_sat: u64,
}

impl Tally {
    /// Of these swaps of an order for so much.
    pub(crate) fn of(amount_sat: u64, exact: bool, parts: &[OrderPart]) -> Self {
        let mut tally = Self {
            left_sat: amount_sat,
            ..Self::default()
        };
        for part in parts {
            let spent = &part.view.cost;
            let standing = part.stands();
            if standing || part.cancelled {
                // With an exact amount to receive one swap is all of it, however much it carries.
                let share = if exact {
                    amount_sat
                } else {
                    part.view.amount_sat
                };
                tally.left_sat = tally.left_sat.saturating_sub(share);
            }
            tally.standing += usize::from(standing);
            if part.view.ended {
                tally.cost_sat = tally.cost_sat.saturating_add(spent.total_sat);
                tally.miner_sat = tally.miner_sat.saturating_add(spent.miner_fee_sat);
                let routing = spent.routing_fee_msat.div_ceil(1_000);
                tally.routing_sat = tally.routing_sat.saturating_add(routing);
                if !standing {
                    let mut lost = u64::try_from(spent.total_sat).unwrap_or(0);
                    if part.outcome == Some(Outcome::Lost) {
                        tally.lost = true;
                        lost = lost.saturating_add(part.view.amount_sat);
                    }
                    tally.loss_sat = tally.loss_sat.saturating_add(lost);
                }
            } else {
                tally.open += 1;
                tally.cost_sat = tally.cost_sat.saturating_add(reserved(
                    part.view.direction == "in",
                    part.worst_sat,
                    part.worst_loss_sat,
                ));
                tally.miner_sat = tally.miner_sat.saturating_add(part.miner_limit_sat);
                tally.routing_sat = tally.routing_sat.saturating_add(part.routing_limit_sat);
                tally.loss_sat = tally.loss_sat.saturating_add(part.worst_loss_sat);
            }
        }
        tally
    }

    /// What may still be spent on new swaps.
    pub(crate) fn budget(&self, task: &OrderTask) -> Budget {
        let rest = |limit: Option<u64>, used: u64| limit.map(|limit| limit.saturating_sub(used));
        Budget {
            cost_sat: Some(task.agreed.max_cost_sat.saturating_sub(self.cost_sat)),
            miner_sat: rest(task.wish.max_miner_fee_sat, self.miner_sat),
            routing_sat: rest(task.wish.max_routing_fee_sat, self.routing_sat),
            loss_sat: Some(task.agreed.max_loss_sat.saturating_sub(self.loss_sat)),
            locked_blocks: Some(task.agreed.max_locked_blocks),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bitcoin::secp256k1::{Secp256k1, SecretKey};

    use super::super::record::Agreed;
    use super::super::tests::wish;
    use super::*;
    use crate::view::CostView;

    fn part(amount_sat: u64, outcome: Option<Outcome>, total_sat: i64) -> OrderPart {
        let key = SecretKey::from_slice(&[7; 32]).unwrap();
        let view = SwapView {
            id: String::new(),
            order: String::new(),
            direction: "out".into(),
            side: "taker".into(),
            role: "payer".into(),
            state: String::new(),
            ended: outcome.is_some(),
            outcome: None,
            amount_sat,
            received_sat: None,
            maker: String::new(),
            payment_hash: String::new(),
            swap_invoice_sat: amount_sat,
            prepay_sat: 0,
            refund_height: 0,
            confirmations: 1,
            contract_address: String::new(),
            destination: String::new(),
            funding_txid: None,
            spend_txid: None,
            deposit: None,
            locked_until: None,
            money: String::new(),
            next: String::new(),
            cost: CostView {
                miner_fee_sat: 300,
                routing_fee_msat: 1_001,
                total_sat,
                ..CostView::default()
            },
            label: None,
            created_at: 0,
            timeline: Vec::new(),
            version: 1,
        };
        OrderPart {
            view,
            maker: key.public_key(&Secp256k1::new()),
            outcome,
            cancelled: false,
            funded: true,
            miner_limit_sat: 900,
            routing_limit_sat: 100,
            worst_sat: 1_500,
            worst_loss_sat: 250,
        }
    }

    fn left(parts: &[OrderPart]) -> u64 {
        Tally::of(1_000_000, false, parts).left_sat
    }

    #[test]
    fn what_stands_covers_and_what_failed_is_left_again() {
        let open = part(400_000, None, 0);
        let done = part(300_000, Some(Outcome::Done), 700);
        let failed = part(300_000, Some(Outcome::TakenBack), 0);
        assert_eq!(left(&[]), 1_000_000);
        assert_eq!(left(&[open.clone(), done.clone()]), 300_000);
        assert_eq!(left(&[open.clone(), done.clone(), failed.clone()]), 300_000);
        let again = part(300_000, None, 0);
        assert_eq!(left(&[open, done, failed.clone(), again]), 0);
        // What the user called off is not wanted any more.
        let off = OrderPart {
            cancelled: true,
            ..failed
        };
        assert_eq!(left(&[off]), 700_000);
    }

    #[test]
    fn an_exact_amount_is_covered_by_its_one_swap_whatever_that_carries() {
        let tally = Tally::of(250_000, true, &[part(250_260, None, 0)]);
        assert_eq!((tally.left_sat, tally.open), (0, 1));
    }

    #[test]
    fn an_open_in_is_reserved_at_what_failing_costs_if_that_is_more() {
        let mut open = part(400_000, None, 0);
        open.view.direction = "in".into();
        let cost =
            |open: &OrderPart| Tally::of(1_000_000, false, std::slice::from_ref(open)).cost_sat;
        assert_eq!(cost(&open), 1_500);
        open.worst_loss_sat = 1_800;
        assert_eq!(cost(&open), 1_800);
        // What an `out` may lose has a limit of its own.
        open.view.direction = "out".into();
        assert_eq!(cost(&open), 1_500);
    }

    #[test]
    fn what_a_maker_pays_counts_once_its_swap_is_done() {
        let agreed = Agreed {
            max_cost_sat: 5_000,
            max_loss_sat: 1_000,
            max_locked_blocks: 228,
        };
        let task = OrderTask::new(wish(Direction::Out, 1_000_000), agreed);
        let done = part(300_000, Some(Outcome::Done), -2_000);
        let budget = Tally::of(1_000_000, false, &[done]).budget(&task);
        assert_eq!(budget.cost_sat, Some(7_000));
    }

    #[test]
    fn a_lost_swap_counts_with_its_amount() {
        let tally = |outcome| Tally::of(500_000, false, &[part(300_000, Some(outcome), 220)]);
        let lost = tally(Outcome::Lost);
        assert!(lost.lost);
        assert_eq!(lost.loss_sat, 300_220);
        for other in [Outcome::Done, Outcome::TakenBack, Outcome::PrepayKept] {
            assert!(!tally(other).lost);
        }
        assert_eq!(tally(Outcome::PrepayKept).loss_sat, 220);
    }

    #[test]
    fn new_swaps_get_what_the_others_leave_of_every_limit() {
        let agreed = Agreed {
            max_cost_sat: 5_000,
            max_loss_sat: 1_000,
            max_locked_blocks: 228,
        };
        let mut task = OrderTask::new(wish(Direction::Out, 1_000_000), agreed);
        task.wish.max_miner_fee_sat = Some(2_000);
        let open = part(400_000, None, 0);
        let done = part(300_000, Some(Outcome::Done), 700);
        let lost = part(300_000, Some(Outcome::PrepayKept), 220);
        let tally = Tally::of(1_000_000, false, &[open, done, lost]);
        let budget = tally.budget(&task);
        // The open one at its worst, the others at what they have really cost.
        assert_eq!(budget.cost_sat, Some(5_000 - 1_500 - 700 - 220));
        assert_eq!(budget.loss_sat, Some(1_000 - 250 - 220));
        assert_eq!(budget.miner_sat, Some(2_000 - 900 - 300 - 300));
        assert_eq!(budget.routing_sat, None);
        assert_eq!(budget.locked_blocks, Some(228));
    }
}
