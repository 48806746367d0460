//! What a swap's end says about its maker, and the proof of it where the maker broke its word.

use cambista_market::Lesson;
use cambista_market::fault::{Fault, Kind};
use cambista_protocol::swap::{Abort, Decision, Event, Funding, Outcome};
use cambista_protocol::words::{Side, SwapId};

use crate::bill;
use crate::engine::Core;
use crate::live::Live;
use crate::ports::Ports;

impl<P: Ports> Core<P> {
    /// A swap has just ended: what the taker learnt of the maker is told to whoever remembers it.
    pub(crate) fn learn_from(&self, id: SwapId) {
        let Some(live) = self.swaps.get(&id) else {
            return;
        };
        let Some(outcome) = live.swap.outcome() else {
            return;
        };
        if live.record.side != Side::Taker {
            return;
        }
        let kind = broken(live, self.height);
        if let Some(lesson) = lesson(live, outcome, kind, self.now()) {
            self.ports.learn(&live.record.maker, lesson);
        }
        if let Some(kind) = kind {
            let fault = Fault {
                kind,
                swap: id.to_string(),
                quote: live.record.quote.clone(),
                acceptance: live.record.acceptance.clone(),
                agreed_height: live.record.deal.agreed_height,
                noticed_height: self.height,
                noticed_at: self.now(),
            };
            self.ports.fault(&live.record.maker, fault);
        }
    }
}

/// What the end of a taker's swap teaches. A swap that this side gave up by itself teaches nothing.
fn lesson(live: &Live, outcome: Outcome, kind: Option<Kind>, now: u64) -> Option<Lesson> {
    let secs = now.saturating_sub(live.record.created_at);
    let amount_sat = live.record.deal.amount.to_sat();
    let total = bill::cost(live).total_sat;
    let cost_sat = u64::try_from(total).unwrap_or(0);
    match (outcome, kind) {
        (Outcome::Done, _) => Some(Lesson::Done {
            secs,
            amount_sat,
            cost_sat: total,
        }),
        (Outcome::Lost, _) => Some(Lesson::Failed {
            secs,
            cost_sat: amount_sat.saturating_add(cost_sat),
        }),
        (Outcome::NothingHappened, Some(_)) => Some(Lesson::Stalled { secs, cost_sat }),
        (Outcome::TakenBack | Outcome::PrepayKept, Some(_)) => {
            Some(Lesson::Failed { secs, cost_sat })
        }
        _ => None,
    }
}

/// How the maker broke its word, if it did. A swap that ended as agreed, or because of this side, breaks nobody's.
fn broken(live: &Live, height: u32) -> Option<Kind> {
    let deal = &live.record.deal;
    let outcome = live.swap.outcome()?;
    if matches!(outcome, Outcome::Done | Outcome::Lost) {
        return None;
    }
    let happened = |wanted: fn(&Event) -> bool| live.events.iter().any(|e| wanted(&e.event));
    let by_us = happened(|e| matches!(e, Event::Cancelled | Event::FundingImpossible));
    let over = height > deal.locks.fund_until(deal.agreed_height);
    if let Some(payer) = live.payer() {
        let funded = payer.funding().is_some();
        return match payer.decision() {
            // Our payment reached it, and it gave it back instead of funding.
            Decision::Aborted(Abort::PaymentFailed) if !funded && live.rejected => {
                Some(Kind::NotFunded)
            }
            Decision::Aborted(Abort::Withdrawn | Abort::TooLate) if !funded => {
                Some(Kind::NotFunded)
            }
            // Giving up on a maker that let its time pass is not our breaking off.
            Decision::Aborted(Abort::Cancelled) if !funded && over => Some(Kind::NotFunded),
            Decision::Aborted(Abort::Conflict) => Some(Kind::FundingWithdrawn),
            Decision::Aborted(Abort::Withdrawn) => Some(Kind::FundingWithdrawn),
            _ => None,
        };
    }
    let funder = live.funder()?;
    match funder.funding() {
        Funding::None | Funding::Built(_) | Funding::Abandoned if !by_us && over => {
            Some(Kind::NotPaid)
        }
        Funding::Published(_) | Funding::External if !by_us => Some(Kind::NotClaimed),
        _ => None,
    }
}
