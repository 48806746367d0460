//! A swap, a price and a payment made up.

use cambista_engine::view::{CostView, DepositView, QuoteView, SwapView, TimelineLine};
use cambista_protocol::words::SwapId;

use crate::api::types::*;

/// A Lightning node.
pub(crate) const MAKER: &str = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

/// The version at which the swap is done.
pub(crate) const DONE: u64 = 9;

/// The version at which it has failed.
pub(crate) const FAILED: u64 = 10;

/// The version at which it asks for a deposit.
pub(crate) const DEPOSIT: u64 = 5;

/// A swap under way, or at its end.
pub(crate) fn swap(version: u64) -> SwapView {
    let mut swap = begun(version);
    swap.deposit = (version == DEPOSIT).then(|| DepositView {
        address: "bcrt1p".into(),
        amount_sat: 250_000,
        last_safe_height: 156,
        uri: "bitcoin:bcrt1p?amount=0.0025".into(),
    });
    swap.ended = version >= DONE;
    if swap.ended {
        swap.state = "done".into();
        swap.received_sat = (version == DONE).then_some(249_738);
        swap.outcome = Some(
            if version == DONE {
                "done"
            } else {
                "nothing_happened"
            }
            .into(),
        );
        swap.money = "All of it is where it belongs.".into();
        swap.next = String::new();
        swap.timeline.push(TimelineLine {
            at: 1_795_342_000,
            height: 121,
            text: "swept".into(),
            txid: Some("ee".repeat(32)),
        });
    }
    swap
}

fn begun(version: u64) -> SwapView {
    SwapView {
        id: SwapId([0xab; 32]).to_string(),
        order: SwapId([0xcd; 32]).to_string(),
        direction: "out".into(),
        side: "taker".into(),
        role: "payer".into(),
        state: "paying".into(),
        ended: false,
        outcome: None,
        amount_sat: 250_000,
        received_sat: None,
        maker: MAKER.into(),
        payment_hash: "00".repeat(32),
        swap_invoice_sat: 250_200,
        prepay_sat: 300,
        refund_height: 264,
        confirmations: 1,
        contract_address: "bcrt1p".into(),
        destination: "bcrt1q".into(),
        funding_txid: None,
        spend_txid: None,
        deposit: None,
        locked_until: None,
        money: "reserved".into(),
        next: "the maker funds".into(),
        cost: CostView {
            maker_fee_sat: 500,
            total_sat: 500,
            ..CostView::default()
        },
        label: Some("rent".into()),
        created_at: 1_795_341_734,
        timeline: vec![TimelineLine {
            at: 1_795_341_734,
            height: 120,
            text: "agreed".into(),
            txid: None,
        }],
        version,
    }
}

/// A price.
pub(crate) fn quote() -> QuoteView {
    QuoteView {
        id: "11".repeat(16),
        direction: "out".into(),
        maker: MAKER.into(),
        amount_sat: 250_000,
        send_sat: 250_500,
        receive_sat: 249_738,
        maker_fee_sat: 500,
        prepay_sat: 300,
        miner_fee_sat: 262,
        least_miner_fee_sat: 262,
        routing_fee_sat: 120,
        failure_cost_sat: 0,
        total_sat: 882,
        max_miner_fee_sat: 1000,
        max_routing_fee_sat: 400,
        worst_total_sat: 1900,
        worst_if_failed_sat: 300,
        locked_blocks: 228,
        locked_hours: 38,
        confirmations: 1,
        refund_delta: 144,
        valid_until: 1_795_341_794,
        external: false,
    }
}

/// The hash of the payment.
pub(crate) const HASH: [u8; 32] = [0x2a; 32];

/// A payment.
pub(crate) fn payment(state: PaymentState) -> Payment {
    let paid = state == PaymentState::Paid;
    Payment {
        payment_hash: "2a".repeat(32),
        state,
        amount_msat: 250_000_000,
        max_fee_msat: 2_500_000,
        fee_msat: paid.then_some(1_234_567),
        preimage: paid.then(|| "77".repeat(32)),
        reason: (state == PaymentState::Failed).then(|| "the receiver refused it".into()),
        payee: MAKER.into(),
        description: Some("1 cup coffee".into()),
        invoice: "lnbc2500u1".into(),
        created_at: 1_795_341_734,
        ended_at: (state != PaymentState::Pending).then_some(1_795_341_740),
    }
}
