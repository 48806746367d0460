//! What tests of orders share, and what needs no engine to be seen.
#![allow(clippy::unwrap_used)]

use cambista_protocol::words::{Direction, Side, SwapId};

use super::limits::Allotted;
use super::plan::Answers;
use super::{Agreed, OrderTask, OrderWish, plan_view};
use crate::record::OrderRecord;
use crate::view::QuoteView;

/// A quote of this maker for so much, which costs nothing.
pub(super) fn quote(maker: &str, amount_sat: u64) -> QuoteView {
    QuoteView {
        id: format!("{maker}{amount_sat}"),
        direction: "out".into(),
        maker: maker.into(),
        amount_sat,
        send_sat: amount_sat,
        receive_sat: amount_sat,
        maker_fee_sat: 0,
        prepay_sat: 0,
        miner_fee_sat: 0,
        least_miner_fee_sat: 0,
        routing_fee_sat: 0,
        total_sat: 0,
        failure_cost_sat: 0,
        max_miner_fee_sat: 0,
        max_routing_fee_sat: 0,
        worst_total_sat: 0,
        worst_if_failed_sat: 0,
        locked_blocks: 228,
        locked_hours: 38,
        confirmations: 1,
        refund_delta: 144,
        valid_until: 60,
        external: false,
    }
}

/// A plain wish for so much.
pub(super) fn wish(direction: Direction, amount_sat: u64) -> OrderWish {
    OrderWish {
        direction,
        amount_sat,
        receive: false,
        external: false,
        makers: Vec::new(),
        max_parts: 4,
        destination: None,
        confirmations: None,
        first_hops: None,
        last_hop: None,
        max_fee_sat: None,
        max_miner_fee_sat: None,
        max_routing_fee_sat: None,
        label: None,
    }
}

#[test]
fn what_can_be_one_swap_only_says_so() {
    let usual = wish(Direction::Out, 5);
    assert_eq!((usual.parts(), usual.single_because()), (4, None));
    for single in [
        OrderWish {
            receive: true,
            ..usual.clone()
        },
        OrderWish {
            external: true,
            ..usual.clone()
        },
        OrderWish {
            first_hops: Some(vec![[1; 32]]),
            ..usual.clone()
        },
    ] {
        assert_eq!(single.parts(), 1);
        assert!(single.single_because().is_some());
    }
    let many = OrderWish {
        max_parts: 200,
        ..usual
    };
    assert_eq!(many.parts(), 8);
}

#[test]
fn a_task_written_with_nothing_but_its_wish_is_read() {
    let task = OrderTask::new(
        wish(Direction::In, 5),
        Agreed {
            max_cost_sat: -3,
            max_loss_sat: 4,
            max_locked_blocks: 5,
        },
    );
    let mut json = serde_json::to_value(&task).unwrap();
    assert_eq!(
        serde_json::from_value::<OrderTask>(json.clone()).unwrap(),
        task
    );
    for later in ["failed", "rounds", "cancelled", "stuck", "ended"] {
        json.as_object_mut().unwrap().remove(later);
    }
    assert_eq!(serde_json::from_value::<OrderTask>(json).unwrap(), task);
}

#[test]
fn the_shown_worst_holds_whichever_swap_fails_and_counts_no_promise() {
    let worst = |fees: &[i64], max_fee_sat| {
        let best: Vec<QuoteView> = fees
            .iter()
            .map(|fee| QuoteView {
                direction: "in".into(),
                maker_fee_sat: *fee,
                ..quote("aa", 100_000)
            })
            .collect();
        let own = Allotted {
            miner_sat: 300,
            routing_sat: 0,
        };
        let wish = OrderWish {
            max_fee_sat,
            ..wish(Direction::In, 200_000)
        };
        let answers = Answers {
            best,
            ..Answers::default()
        };
        plan_view(SwapId([1; 32]), &wish, &answers, &vec![own; fees.len()]).worst_total_sat
    };
    assert_eq!(worst(&[-500], None), 300);
    assert_eq!(worst(&[700, 700], None), 2_000);
    // 700 and miners, or miners twice.
    assert_eq!(worst(&[700, -500], None), 1_600);
    assert_eq!(worst(&[700, -500], Some(1_400)), 1_400);
}

/// An order `in`, and what is to be done for it.
pub(super) fn order(external: bool) -> (OrderRecord, OrderTask) {
    let wish = OrderWish {
        external,
        ..wish(Direction::In, 300_000)
    };
    let agreed = Agreed {
        max_cost_sat: 1,
        max_loss_sat: 1,
        max_locked_blocks: 1,
    };
    let record = OrderRecord {
        id: SwapId([1; 32]),
        direction: Direction::In,
        amount_sat: 300_000,
        side: Side::Taker,
        created_at: 1_000,
        task: None,
    };
    (record, OrderTask::new(wish, agreed))
}
