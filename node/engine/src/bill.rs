//! What a swap cost its side.

use bitcoin::Amount;
use cambista_protocol::money::Msat;
use cambista_protocol::swap::{Event, Htlc, Leg, Outcome, Output, Payment};
use cambista_protocol::words::Side;

use crate::live::Live;
use crate::view::CostView;

/// The fee of this side's spend of the output, when the spend that counts is this side's.
pub(crate) fn own_spend_fee(live: &Live) -> Option<Amount> {
    let spent = live.swap.outputs().exact(live.record.deal.amount)?.spent?;
    live.sweeps
        .iter()
        .find(|s| s.tx.compute_txid() == spent.txid)
        .map(|s| s.fee)
}

fn own_funding_fee(live: &Live) -> Option<Amount> {
    live.funder()?;
    let seen: Option<&Output> = live.swap.outputs().exact(live.record.deal.amount);
    let txid = seen?.outpoint.txid;
    live.fundings
        .iter()
        .find(|(tx, _)| tx.compute_txid() == txid)
        .map(|(_, fee)| *fee)
}

/// The fee of the spend that ended a funding too late for its swap, when that is what a block has.
fn take_back_fee(live: &Live) -> Option<Amount> {
    let funding = live.swap.outputs().exact(live.record.deal.amount);
    if funding.is_some_and(|output| output.confirmed.is_some()) {
        return None;
    }
    let ended = live.events.iter().rev().find_map(|kept| match kept.event {
        Event::FundingConflict { txid, .. } => Some(txid),
        _ => None,
    })?;
    let mut own = live.sweeps.iter();
    own.find(|s| s.tx.compute_txid() == ended).map(|s| s.fee)
}

/// What this side paid and earned.
pub(crate) fn cost(live: &Live) -> CostView {
    let record = &live.record;
    let done = live.swap.outcome() == Some(Outcome::Done);
    let kept = live.swap.outcome() == Some(Outcome::PrepayKept);
    let sign = if record.side == Side::Maker { -1 } else { 1 };
    let sat = |amount: Amount| i64::try_from(amount.to_sat()).unwrap_or(i64::MAX);
    let maker_fee_sat = if done {
        record.maker_fee_sat.saturating_mul(sign)
    } else {
        0
    };
    let prepay_sat = if kept {
        sat(record.deal.prepay_amount).saturating_mul(sign)
    } else {
        0
    };
    let miners = take_back_fee(live).unwrap_or_else(|| {
        let both = [own_funding_fee(live), own_spend_fee(live)];
        both.into_iter().flatten().sum::<Amount>()
    });
    let routing = routing(live);
    let lost = lost(live);
    CostView {
        maker_fee_sat,
        miner_fee_sat: miners.to_sat(),
        routing_fee_msat: routing.0,
        prepay_sat,
        lost_sat: lost.to_sat(),
        total_sat: maker_fee_sat
            .saturating_add(prepay_sat)
            .saturating_add(sat(lost))
            .saturating_add(sat(miners))
            .saturating_add(i64::try_from(routing.to_sat_ceil()).unwrap_or(i64::MAX)),
    }
}

fn routing(live: &Live) -> Msat {
    let Some(payer) = live.payer() else {
        return Msat::default();
    };
    [Leg::Swap, Leg::Prepay]
        .into_iter()
        .fold(Msat::default(), |sum, leg| match payer.payment(leg) {
            Payment::Settled(fee) => sum.saturating_add(fee),
            _ => sum,
        })
}

/// What the other side got for nothing. No rule allows it: it is counted so that nobody is told that nothing happened.
fn lost(live: &Live) -> Amount {
    if live.swap.outcome() != Some(Outcome::Lost) {
        return Amount::ZERO;
    }
    let deal = &live.record.deal;
    let legs = [
        (Leg::Swap, deal.swap_amount),
        (Leg::Prepay, deal.prepay_amount),
    ];
    let sum = |counts: &dyn Fn(Leg) -> bool| {
        let counted = legs.into_iter().filter(|(leg, _)| counts(*leg));
        counted.map(|(_, amount)| amount).sum::<Amount>()
    };
    match (live.payer(), live.funder()) {
        (Some(payer), _) => sum(&|leg| matches!(payer.payment(leg), Payment::Settled(_))),
        (None, Some(funder)) => {
            let earned = sum(&|leg| funder.htlc(leg) == Htlc::Claimed);
            deal.amount.checked_sub(earned).unwrap_or(Amount::ZERO)
        }
        (None, None) => Amount::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash as _;
    use bitcoin::{OutPoint, Txid};
    use cambista_protocol::swap::{HeldHtlc, SpendKind};
    use cambista_protocol::words::Secret32;

    use super::*;
    use crate::sample::{HEIGHT, after_at};

    /// Where Lightning lets the sample's payment go.
    const DEADLINE: u32 = 280;

    #[test]
    fn what_was_lost_is_said_and_counted() {
        let txid = |n| Txid::from_byte_array([n; 32]);
        let outpoint = OutPoint::new(txid(1), 0);
        let htlc = HeldHtlc {
            payment_id: Secret32([3; 32]),
            amount: Msat(251_000_000),
            claim_deadline: DEADLINE,
            sound: true,
        };
        let claim = Event::OutputSpent {
            outpoint,
            txid: txid(9),
            kind: SpendKind::Claim,
            preimage: None,
            confirmed: Some(DEADLINE + 1),
        };
        let mut events = vec![
            Event::Opened,
            Event::Held {
                leg: Leg::Swap,
                htlc,
            },
            Event::FundingBuilt {
                txid: txid(1),
                first_input: OutPoint::new(txid(7), 0),
            },
            Event::HoldDurable,
            Event::OutputSeen {
                outpoint,
                value: Amount::from_sat(250_000),
                confirmed: Some(HEIGHT),
            },
        ];
        let mut at: Vec<(Event, u32)> = events.drain(..).map(|event| (event, HEIGHT)).collect();
        let lost = [Event::Dropped { leg: Leg::Swap }, claim];
        at.extend(lost.map(|event| (event, DEADLINE)));
        assert_eq!(cost(&after_at(&at)), CostView::default());
        at.extend((1..9).map(|more| (Event::Block, DEADLINE + more)));
        let live = after_at(&at);
        assert_eq!(live.swap.outcome(), Some(Outcome::Lost));
        let cost = cost(&live);
        assert_eq!((cost.lost_sat, cost.total_sat), (250_000, 250_000));
    }
}
