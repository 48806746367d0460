//! Plans and orders made up.

use cambista_engine::order::{FailedMaker, OrderView, PlanView, PlannedSwap};
use cambista_protocol::words::SwapId;

use super::fake_swaps::{DONE, FAILED, MAKER, quote, swap};

/// A plan of one swap.
pub(crate) fn plan() -> PlanView {
    let quote = quote();
    PlanView {
        id: "77".repeat(32),
        direction: "out".into(),
        amount_sat: quote.amount_sat,
        send_sat: quote.send_sat,
        receive_sat: quote.receive_sat,
        maker_fee_sat: quote.maker_fee_sat,
        prepay_sat: quote.prepay_sat,
        miner_fee_sat: quote.miner_fee_sat,
        routing_fee_sat: quote.routing_fee_sat,
        total_sat: quote.total_sat,
        max_miner_fee_sat: quote.max_miner_fee_sat,
        max_routing_fee_sat: quote.max_routing_fee_sat,
        worst_total_sat: quote.worst_total_sat,
        worst_if_failed_sat: 400,
        locked_blocks: quote.locked_blocks,
        locked_hours: quote.locked_hours,
        valid_until: quote.valid_until,
        swaps: vec![PlannedSwap {
            max_miner_fee_sat: quote.max_miner_fee_sat,
            max_routing_fee_sat: quote.max_routing_fee_sat,
            confirmations: quote.confirmations,
            quote,
        }],
    }
}

/// An order of one swap.
pub(crate) fn order(version: u64) -> OrderView {
    let swap = swap(version);
    let done = version == DONE;
    OrderView {
        id: swap.order.clone(),
        direction: swap.direction.clone(),
        amount_sat: swap.amount_sat,
        state: match (swap.ended, done) {
            (false, _) => "running",
            (true, true) => "done",
            (true, false) => "failed",
        }
        .into(),
        ended: swap.ended,
        done_sat: if done { swap.amount_sat } else { 0 },
        open_sat: if swap.ended { 0 } else { swap.amount_sat },
        failed: Vec::new(),
        stuck: None,
        max_cost_sat: Some(1_900),
        max_loss_sat: Some(400),
        cost: swap.cost,
        received_sat: swap.received_sat.unwrap_or(0),
        money: swap.money.clone(),
        next: swap.next.clone(),
        label: swap.label.clone(),
        created_at: swap.created_at,
        version,
        swaps: vec![swap],
    }
}

/// An order that was split, of which one part had to be given up.
pub(crate) fn split_order() -> OrderView {
    let (mut first, mut second) = (swap(DONE), swap(FAILED));
    (first.amount_sat, second.amount_sat) = (150_000, 100_000);
    second.id = SwapId([0xef; 32]).to_string();
    OrderView {
        state: "partly_done".into(),
        done_sat: 150_000,
        failed: vec![FailedMaker {
            maker: MAKER.into(),
            reason: "the maker refuses".into(),
            at: 1_795_341_740,
        }],
        stuck: Some("no other maker takes it on".into()),
        money: "150 000 sat are swapped; 100 000 sat are where they were before".into(),
        next: "nothing: the order has ended, because no other maker takes it on".into(),
        swaps: vec![first, second],
        ..order(DONE)
    }
}
