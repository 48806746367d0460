//! What people and programs are shown of an order, before it begins and while it goes on.

use bitcoin::Amount;
use cambista_protocol::words::Direction;
use serde::{Deserialize, Serialize};

use crate::handle::NoQuote;
use crate::record::OrderRecord;
use crate::view::{CostView, QuoteView, SwapView};
use crate::words::Sats;

/// One swap of a plan, with the limits it would run under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedSwap {
    /// The firm quote.
    pub quote: QuoteView,
    /// The most its own transaction may pay to miners (sat).
    pub max_miner_fee_sat: u64,
    /// The most routing may cost (sat).
    pub max_routing_fee_sat: u64,
    /// Confirmations it waits for.
    pub confirmations: u32,
}

/// A way to cover an amount, firm for a short time. Nothing has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanView {
    /// Names the plan on this node (hex).
    pub id: String,
    /// `out` or `in`.
    pub direction: String,
    /// The amount of all swaps together (sat).
    pub amount_sat: u64,
    /// The swaps, largest first.
    pub swaps: Vec<PlannedSwap>,
    /// What leaves the purse before routing (sat).
    pub send_sat: u64,
    /// What arrives (sat).
    pub receive_sat: u64,
    /// The makers' fees (sat).
    pub maker_fee_sat: i64,
    /// What is at risk with the makers (sat).
    pub prepay_sat: u64,
    /// Estimated miner fees of this side's transactions (sat).
    pub miner_fee_sat: u64,
    /// Estimated routing fees (sat).
    pub routing_fee_sat: u64,
    /// All of it together (sat).
    pub total_sat: i64,
    /// The limit on miner fees (sat).
    pub max_miner_fee_sat: u64,
    /// The limit on routing (sat).
    pub max_routing_fee_sat: u64,
    /// The most it may cost if it works, whichever makers it ends up with (sat). What a maker pays is not taken off: it counts
    /// once its swap is done. Of several swaps `in`, with room for what one that fails costs while the others go on.
    pub worst_total_sat: i64,
    /// The most that may be lost by swaps that fail (sat).
    pub worst_if_failed_sat: u64,
    /// How long money may be locked if a maker goes silent (blocks).
    pub locked_blocks: u32,
    /// The same in hours, at ten minutes a block.
    pub locked_hours: u32,
    /// Unix seconds.
    pub valid_until: u64,
}

/// The answers to a wish.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// The cheapest way to cover it; none when there is none, or none within the limits.
    pub plan: Option<PlanView>,
    /// Why there is no plan, for a person.
    pub no_plan: Option<String>,
    /// Firm quotes for all of it by one maker each, the one expected to cost least first.
    pub quotes: Vec<QuoteView>,
    /// Who gave none.
    pub refused: Vec<NoQuote>,
}

/// A maker that is not asked again in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedMaker {
    /// The maker's Lightning node (hex).
    pub maker: String,
    /// Why, for a person.
    pub reason: String,
    /// Unix seconds.
    pub at: u64,
}

/// An order as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderView {
    /// Full id (hex).
    pub id: String,
    /// `out` or `in`.
    pub direction: String,
    /// What was asked for (sat).
    pub amount_sat: u64,
    /// One word: `looking` for makers, `running`, `done`, `partly_done`, `failed`, `cancelled`.
    pub state: String,
    /// Whether it is over.
    pub ended: bool,
    /// Swapped so far (sat).
    pub done_sat: u64,
    /// In swaps under way (sat).
    pub open_sat: u64,
    /// Its swaps, oldest first.
    pub swaps: Vec<SwapView>,
    /// Makers that are not asked again, and why.
    pub failed: Vec<FailedMaker>,
    /// Why the rest stays undone.
    pub stuck: Option<String>,
    /// The most it may cost if it works (sat); none for a swap that was started by itself.
    pub max_cost_sat: Option<i64>,
    /// The most that may be lost by swaps that fail (sat); none for a swap that was started by itself.
    pub max_loss_sat: Option<u64>,
    /// What its swaps have cost so far.
    pub cost: CostView,
    /// What has arrived (sat).
    pub received_sat: u64,
    /// One sentence: where the money is now.
    pub money: String,
    /// One sentence: what happens next.
    pub next: String,
    /// A name the user gave.
    pub label: Option<String>,
    /// Unix seconds.
    pub created_at: u64,
    /// Grows with every change: for waiting.
    pub version: u64,
}

/// An order that has begun, with the quotes its first swaps began on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// The order.
    pub order: OrderView,
    /// The quotes of the swaps that have begun, by the order of `order.swaps`.
    pub quotes: Vec<QuoteView>,
}

impl OrderView {
    /// Of an order and its swaps, oldest first.
    pub(super) fn of(record: &OrderRecord, swaps: Vec<SwapView>) -> Self {
        let mut view = Self::bare(
            record.id.to_string(),
            record.direction,
            record.amount_sat,
            record.created_at,
        );
        view.add(swaps);
        let Some(task) = &record.task else {
            return view.told(true, None);
        };
        view.failed = task
            .failed
            .iter()
            .map(|failed| FailedMaker {
                maker: failed.maker.to_string(),
                reason: failed.reason.clone(),
                at: failed.at,
            })
            .collect();
        view.stuck.clone_from(&task.stuck);
        view.max_cost_sat = Some(task.agreed.max_cost_sat);
        view.max_loss_sat = Some(task.agreed.max_loss_sat);
        view.label.clone_from(&task.wish.label);
        view.version = view.version.saturating_add(task.revision);
        view.told(task.wish.receive, Some((task.ended, task.cancelled)))
    }

    /// Of a swap that was started by itself.
    pub(super) fn of_swap(swap: SwapView) -> Self {
        let direction = if swap.direction == "in" {
            Direction::In
        } else {
            Direction::Out
        };
        let mut view = Self::bare(
            swap.order.clone(),
            direction,
            swap.amount_sat,
            swap.created_at,
        );
        view.label.clone_from(&swap.label);
        view.add(vec![swap]);
        view.told(true, None)
    }

    fn bare(id: String, direction: Direction, amount_sat: u64, created_at: u64) -> Self {
        Self {
            id,
            direction: direction.to_string(),
            amount_sat,
            state: String::new(),
            ended: false,
            done_sat: 0,
            open_sat: 0,
            swaps: Vec::new(),
            failed: Vec::new(),
            stuck: None,
            max_cost_sat: None,
            max_loss_sat: None,
            cost: CostView::default(),
            received_sat: 0,
            money: String::new(),
            next: String::new(),
            label: None,
            created_at,
            version: 0,
        }
    }

    fn add(&mut self, swaps: Vec<SwapView>) {
        for swap in &swaps {
            if !swap.ended {
                self.open_sat = self.open_sat.saturating_add(swap.amount_sat);
            } else if swap.outcome.as_deref() == Some("done") {
                self.done_sat = self.done_sat.saturating_add(swap.amount_sat);
            }
            let (sum, own) = (&mut self.cost, &swap.cost);
            sum.maker_fee_sat = sum.maker_fee_sat.saturating_add(own.maker_fee_sat);
            sum.miner_fee_sat = sum.miner_fee_sat.saturating_add(own.miner_fee_sat);
            sum.routing_fee_msat = sum.routing_fee_msat.saturating_add(own.routing_fee_msat);
            sum.prepay_sat = sum.prepay_sat.saturating_add(own.prepay_sat);
            sum.lost_sat = sum.lost_sat.saturating_add(own.lost_sat);
            sum.total_sat = sum.total_sat.saturating_add(own.total_sat);
            let received = swap.received_sat.unwrap_or(0);
            self.received_sat = self.received_sat.saturating_add(received);
            self.version = self.version.saturating_add(swap.version);
        }
        self.swaps = swaps;
    }

    /// Says how it stands. `exact`: one swap is all of it, whatever its amount. `task`: whether it is over and whether it
    /// was called off.
    fn told(mut self, exact: bool, task: Option<(bool, bool)>) -> Self {
        let (ended, cancelled) = task.unwrap_or((self.open_sat == 0, false));
        self.ended = ended;
        let all = self.done_sat > 0 && (exact || self.done_sat >= self.amount_sat);
        self.state = match (ended, self.done_sat) {
            (false, _) if self.open_sat == 0 => "looking",
            (false, _) => "running",
            (true, _) if all => "done",
            (true, 0) if cancelled => "cancelled",
            (true, 0) => "failed",
            (true, _) => "partly_done",
        }
        .to_owned();
        self.money = self.money();
        self.next = self.next();
        self
    }

    fn money(&self) -> String {
        let sats = |sat: u64| Sats(Amount::from_sat(sat));
        let mut said = Vec::new();
        if self.done_sat > 0 {
            said.push(format!("{} are swapped", sats(self.done_sat)));
        }
        if self.open_sat > 0 {
            said.push(format!("{} are in swaps under way", sats(self.open_sat)));
        }
        let lost = self
            .swaps
            .iter()
            .filter(|swap| swap.outcome.as_deref() == Some("lost"))
            .fold(0_u64, |sum, swap| sum.saturating_add(swap.amount_sat));
        if lost > 0 {
            said.push(format!("{} are lost", sats(lost)));
        }
        let rest = self
            .amount_sat
            .saturating_sub(lost)
            .saturating_sub(self.done_sat)
            .saturating_sub(self.open_sat);
        if rest > 0 && self.state != "done" {
            said.push(format!("{} are where they were before", sats(rest)));
        }
        match self.cost.prepay_sat {
            0 => {}
            lost => said.push(format!(
                "{lost} sat of prepay went to makers that had funded"
            )),
        }
        said.join("; ")
    }

    fn next(&self) -> String {
        match (self.ended, self.state.as_str(), &self.stuck) {
            (true, "done", _) => "nothing: the order is done".to_owned(),
            (true, _, Some(why)) => format!("nothing: the order has ended, because {why}"),
            (true, ..) => "nothing: the order has ended".to_owned(),
            (false, "looking", _) => "other makers are being asked".to_owned(),
            (false, _, Some(why)) => {
                format!("the swaps under way go on; nothing more is begun, because {why}")
            }
            (false, ..) => "the swaps under way go on by themselves".to_owned(),
        }
    }
}
