//! Orders: what a user asks for is covered by one swap or by several, and what fails before its end is tried again with
//! other makers, within what the user agreed to.

mod begin;
mod called_off;
mod limits;
mod look;
mod parts;
mod past;
mod plan;
mod record;
mod run;
mod shared;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;

use bitcoin::Amount;
use cambista_protocol::words::{Direction, Side, SwapId};

pub use record::{Agreed, Failed, OrderTask, OrderWish};
pub use view::{FailedMaker, OrderView, PlanView, Planned, PlannedSwap, Started};

pub(crate) use called_off::CalledOff;
pub(crate) use parts::OrderPart;

use crate::cost;
use crate::handle::{EngineError, EngineHandle, Means};
use crate::ports::{Clock, Entropy, Makers, PortError, Wanted};
use crate::record::OrderRecord;
use crate::view::QuoteView;
use limits::{Allotted, Budget, allot};
use plan::{Answers, Covering, cover};
use run::Runner;
use shared::{Offered, Shared};

/// Orders that may be open at a time.
const MOST_OPEN: usize = 32;
/// So many orders that are over are listed.
const MOST_LISTED: usize = 500;
/// An order shows room for losing up to this many times what its own quotes could lose: whom it ends up with is not known.
const LOSS_ROOM: u64 = 2;

/// The orders of a node. Cheap to clone.
#[derive(Clone)]
pub struct Orders {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Orders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Orders(..)")
    }
}

impl Orders {
    /// Takes up the orders that were stored and are not over. To be called once the engine is awake.
    #[must_use]
    pub fn start(
        engine: EngineHandle,
        makers: Arc<dyn Makers>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        stored: Vec<OrderRecord>,
    ) -> Self {
        let shared = Arc::new(Shared::new(engine, makers, clock, entropy, stored));
        for id in shared.open() {
            tokio::spawn(Runner::resume(Arc::clone(&shared), id).run());
        }
        Self { shared }
    }

    /// The engine below.
    #[must_use]
    pub fn engine(&self) -> &EngineHandle {
        &self.shared.engine
    }

    /// Looks for the cheapest way to do what is wished. Nothing begins.
    ///
    /// # Errors
    /// When the wish cannot be meant, nobody offers it, or nothing can begin now.
    pub async fn plan(&self, wish: OrderWish) -> Result<Planned, EngineError> {
        let answers = self.cover(&wish, wish.parts()).await?;
        if !answers.offered {
            return Err(EngineError::Refused(if self.several(&wish) {
                format!(
                    "no single maker covers {} sat now, several together might{}; nothing was begun",
                    wish.amount_sat,
                    because(&wish)
                )
            } else {
                self.nobody(&wish)
            }));
        }
        let budget = Budget {
            cost_sat: wish
                .max_fee_sat
                .map(|sat| i64::try_from(sat).unwrap_or(i64::MAX)),
            miner_sat: wish.max_miner_fee_sat,
            routing_sat: wish.max_routing_fee_sat,
            ..Budget::default()
        };
        let mut planned = Planned {
            quotes: answers.whole.clone(),
            refused: answers.refused.clone(),
            ..Planned::default()
        };
        if answers.best.is_empty() {
            planned.no_plan = Some(no_way(&wish, &answers));
            return Ok(planned);
        }
        let quotes: Vec<&QuoteView> = answers.best.iter().collect();
        match allot(&quotes, &budget) {
            Err(why) => planned.no_plan = Some(why),
            Ok(allotted) => planned.plan = Some(self.offer(wish, &answers, &allotted)),
        }
        Ok(planned)
    }

    /// Why there is nobody to ask.
    fn nobody(&self, wish: &OrderWish) -> String {
        let wanted = Wanted {
            direction: wish.direction,
            amount_sat: wish.amount_sat,
            max_parts: wish.parts(),
            only: &wish.makers,
            except: &[],
            limit: 1,
            newcomers_turn: false,
        };
        match self.shared.makers.resting_until(&wanted) {
            Some(until) => {
                let secs = until.saturating_sub(self.shared.clock.now());
                left_alone(wish.direction, wish.amount_sat, secs)
            }
            None => nobody(wish),
        }
    }

    /// Whether there are makers for parts of what no single one offers.
    fn several(&self, wish: &OrderWish) -> bool {
        let wanted = Wanted {
            direction: wish.direction,
            amount_sat: wish.amount_sat,
            max_parts: cambista_market::plan::MAX_PARTS,
            only: &[],
            except: &[],
            limit: 2,
            newcomers_turn: false,
        };
        let offers = self.shared.makers.candidates(&wanted);
        wish.parts() == 1 && wish.makers.is_empty() && offers.is_ok_and(|all| all.len() > 1)
    }

    async fn cover(&self, wish: &OrderWish, max_parts: usize) -> Result<Answers, EngineError> {
        let covering = Covering {
            wish,
            amount_sat: wish.amount_sat,
            max_parts,
            except: &[],
            max_locked: None,
            max_loss: None,
        };
        cover(&self.shared.engine, &*self.shared.makers, covering).await
    }

    /// Keeps a plan to be agreed to.
    fn offer(&self, wish: OrderWish, answers: &Answers, allotted: &[Allotted]) -> PlanView {
        let id = SwapId(self.shared.entropy.bytes32());
        let plan = plan_view(id, &wish, answers, allotted);
        self.shared.offered(Offered {
            plan: plan.clone(),
            wish,
        });
        plan
    }

    /// Begins what was planned. Returns once the first swaps have begun.
    ///
    /// # Errors
    /// When there is no such plan any more, or nothing could begin.
    pub async fn accept(&self, plan_id: &str) -> Result<Started, EngineError> {
        let offered = self.shared.take_offered(plan_id).ok_or_else(|| {
            EngineError::NotFound(
                "this plan is not known here, was used or is too old: ask for a new one; nothing began"
                    .into(),
            )
        })?;
        if self.shared.open().len() >= MOST_OPEN {
            return Err(EngineError::Refused(format!(
                "{MOST_OPEN} orders are open already; nothing began"
            )));
        }
        let Offered { plan, wish } = offered;
        self.shared
            .engine
            .check_means(means(&wish, plan.swaps.iter().map(|swap| &swap.quote)))
            .await?;
        let record = OrderRecord {
            id: SwapId(self.shared.entropy.bytes32()),
            direction: wish.direction,
            amount_sat: plan.amount_sat,
            side: Side::Taker,
            created_at: self.shared.clock.now(),
            task: Some(OrderTask::new(
                wish,
                Agreed {
                    max_cost_sat: plan.worst_total_sat,
                    max_loss_sat: plan.worst_if_failed_sat,
                    max_locked_blocks: plan.locked_blocks,
                },
            )),
        };
        let id = record.id;
        self.shared.add(record).await?;
        let (runner, begun) = Runner::begin(Arc::clone(&self.shared), id, plan.swaps);
        tokio::spawn(runner.run());
        let mut quotes = begun.await.map_err(|_| EngineError::Stopped)?;
        let order = self.order(&id.to_string()).await?;
        if order.swaps.is_empty() && order.ended {
            let why = order
                .stuck
                .unwrap_or_else(|| "it was called off".to_owned());
            return Err(EngineError::Refused(format!("{why}; nothing began")));
        }
        let quotes = order
            .swaps
            .iter()
            .filter_map(|swap| quotes.remove(&swap.id))
            .collect();
        Ok(Started { order, quotes })
    }

    /// Every order of this node that is open and the latest others, newest first; a swap that was started by itself is one
    /// too.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn orders(&self) -> Result<Vec<OrderView>, EngineError> {
        self.shared.engine.orders(MOST_LISTED).await
    }

    /// One order by its id or an unambiguous beginning of it.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub async fn order(&self, id: &str) -> Result<OrderView, EngineError> {
        self.shared.engine.order(id).await
    }

    /// Calls an order off: nothing new is begun, and its swaps end as far as they still can. The answer says what that
    /// means for the money.
    ///
    /// # Errors
    /// When there is no such order or it is over.
    pub async fn cancel(&self, id: &str) -> Result<String, EngineError> {
        let order = self.order(id).await?;
        if order.ended {
            return Err(EngineError::Refused(
                "this order has ended; there is nothing to cancel".into(),
            ));
        }
        if let Some(id) = self.shared.named(&order.id) {
            self.shared.update(id, |task| task.cancelled = true).await?;
        }
        let order = self.order(&order.id).await?;
        let mut said = Vec::new();
        for swap in order.swaps.iter().filter(|swap| !swap.ended) {
            let words = match self.shared.engine.cancel(&swap.id).await {
                Ok(words) => words,
                Err(error @ EngineError::Stopped) => return Err(error),
                Err(error) => error.to_string(),
            };
            said.push(format!(
                "swap {}: {words}",
                swap.id.get(..8).unwrap_or_default()
            ));
        }
        if said.is_empty() {
            said.push("cancelled: nothing more is begun".to_owned());
        }
        Ok(said.join(". "))
    }
}

/// What swaps on these quotes need at the same time.
fn means<'a>(wish: &OrderWish, quotes: impl Iterator<Item = &'a QuoteView>) -> Means {
    let (mut lightning, mut chain) = (0_u64, 0_u64);
    for quote in quotes {
        let (over, on) = match wish.direction {
            Direction::Out => (quote.send_sat, 0),
            Direction::In if wish.external => (quote.receive_sat, 0),
            Direction::In => (quote.receive_sat, quote.amount_sat),
        };
        lightning = lightning.saturating_add(over);
        chain = chain.saturating_add(on);
    }
    Means {
        direction: wish.direction,
        lightning: Amount::from_sat(lightning),
        chain: Amount::from_sat(chain),
    }
}

/// Confirmations of one swap: the more the whole order is worth, the longer each of its swaps waits.
fn confirmations(wish: &OrderWish, order_sat: u64, quote: &QuoteView) -> u32 {
    match (wish.direction, wish.confirmations) {
        (Direction::In, _) => quote.confirmations,
        (Direction::Out, Some(wished)) => wished,
        (Direction::Out, None) => {
            cost::confirmations(Amount::from_sat(order_sat)).max(quote.confirmations)
        }
    }
}

fn planned(
    wish: &OrderWish,
    order_sat: u64,
    quotes: &[QuoteView],
    allotted: &[Allotted],
) -> Vec<PlannedSwap> {
    let mut swaps: Vec<PlannedSwap> = quotes
        .iter()
        .zip(allotted)
        .map(|(quote, own)| PlannedSwap {
            confirmations: confirmations(wish, order_sat, quote),
            max_miner_fee_sat: own.miner_sat,
            max_routing_fee_sat: own.routing_sat,
            quote: quote.clone(),
        })
        .collect();
    swaps.sort_by(|a, b| (b.quote.amount_sat, &a.quote.id).cmp(&(a.quote.amount_sat, &b.quote.id)));
    swaps
}

fn plan_view(id: SwapId, wish: &OrderWish, answers: &Answers, allotted: &[Allotted]) -> PlanView {
    let best = &answers.best;
    let sum = |part: fn(&QuoteView) -> u64| -> u64 {
        best.iter()
            .fold(0, |sum, quote| part(quote).saturating_add(sum))
    };
    let signed = |part: fn(&QuoteView) -> i64| -> i64 {
        best.iter()
            .fold(0, |sum, quote| part(quote).saturating_add(sum))
    };
    let (mut worst, mut reserved, mut loss, mut most_loss) = (0_i64, 0_i64, 0_u64, 0_u64);
    for (quote, own) in best.iter().zip(allotted) {
        worst = worst.saturating_add(own.worst(quote));
        reserved = reserved.saturating_add(own.reserved(quote));
        loss = loss.saturating_add(own.worst_loss(quote));
        // Another maker's transactions may be a little larger: it may still take over.
        let others = answers.firm.iter().map(|other| own.worst_loss(other));
        most_loss = most_loss.saturating_add(others.fold(own.worst_loss(quote), u64::max));
    }
    let locked = best.iter().map(|q| q.locked_blocks).max().unwrap_or(0);
    let amount_sat = sum(|q| q.amount_sat);
    // Of several swaps one may fail while another goes on: who takes its place needs room beside what is reserved.
    if best.len() > 1 {
        let limit = wish.max_fee_sat.and_then(|sat| i64::try_from(sat).ok());
        worst = worst.max(limit.map_or(reserved, |limit| reserved.min(limit)));
    }
    PlanView {
        id: id.to_string(),
        direction: wish.direction.to_string(),
        amount_sat,
        swaps: planned(wish, amount_sat, best, allotted),
        send_sat: sum(|q| q.send_sat),
        receive_sat: sum(|q| q.receive_sat),
        maker_fee_sat: signed(|q| q.maker_fee_sat),
        prepay_sat: sum(|q| q.prepay_sat),
        miner_fee_sat: sum(|q| q.miner_fee_sat),
        routing_fee_sat: sum(|q| q.routing_fee_sat),
        total_sat: signed(|q| q.total_sat),
        max_miner_fee_sat: allotted.iter().map(|own| own.miner_sat).sum(),
        max_routing_fee_sat: allotted.iter().map(|own| own.routing_sat).sum(),
        worst_total_sat: worst,
        worst_if_failed_sat: most_loss.min(loss.saturating_mul(LOSS_ROOM)),
        locked_blocks: locked,
        locked_hours: best.iter().map(|q| q.locked_hours).max().unwrap_or(0),
        valid_until: best.iter().map(|q| q.valid_until).min().unwrap_or(0),
    }
}

/// What is said when all who offer a swap have failed a short while ago, and the first is asked again in so many seconds.
#[must_use]
pub fn left_alone(direction: Direction, amount_sat: u64, secs: u64) -> String {
    let minutes = secs.div_ceil(60).max(1);
    let unit = if minutes == 1 { "minute" } else { "minutes" };
    format!(
        "whoever offers a swap {direction} of {amount_sat} sat has failed a short while ago and is left alone: the first of \
         them for {minutes} more {unit}; `--maker ID` asks one of them anyway (`cambista makers` has the ids). Nothing was begun"
    )
}

fn nobody(wish: &OrderWish) -> String {
    let whom = match wish.makers.len() {
        0 => "no maker on the market offers",
        1 => "this maker does not offer",
        _ => "none of these makers offers",
    };
    format!(
        "{whom} a swap {} of {} sat; nothing was begun",
        wish.direction, wish.amount_sat
    )
}

/// Why it must be one swap, in brackets.
fn because(wish: &OrderWish) -> String {
    wish.single_because()
        .map(|because| format!(" ({because} is one swap)"))
        .unwrap_or_default()
}

/// Why firm quotes make no plan.
fn no_way(wish: &OrderWish, answers: &Answers) -> String {
    let amount = wish.amount_sat;
    let alone = wish.parts() == 1;
    let why = because(wish);
    let reason = answers
        .refused
        .last()
        .map(|none| format!(": {}", none.reason))
        .unwrap_or_default();
    let whom = if alone {
        "no single maker covers"
    } else {
        "no makers together cover"
    };
    format!("{whom} {amount} sat now{why}{reason}; nothing was begun")
}

impl From<PortError> for EngineError {
    fn from(error: PortError) -> Self {
        Self::Unavailable(error.0)
    }
}
