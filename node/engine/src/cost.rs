//! What things cost, before they are done: shown to takers, asked by makers, kept as limits.

use bitcoin::{Amount, FeeRate, ScriptBuf};
use cambista_protocol::contract::{SpendKind, spend_fee, spend_weight};
use cambista_protocol::words::Direction;

use crate::record::Limits;

/// A funding with one P2TR input and a change output (vB).
const FUNDING_VBYTES: u64 = 154;
/// A refund by the refund leaf to a P2TR address (vB).
const REFUND_VBYTES: u64 = 138;
/// A sweep by key path to a P2TR address (vB).
const SWEEP_VBYTES: u64 = 111;
/// No side pays more than this fraction of the value to miners before the value itself is at stake.
const FEE_SHARE: u64 = 5;
/// Makers let routing cost this share of an `in` at most (ppm), above a base.
const MAKER_ROUTING_PPM: u64 = 2_000;
/// The least a routing limit is (sat): a hop or two of base fees for both payments.
const ROUTING_BASE_SAT: u64 = 10;
/// A maker that earns nothing still pays a few hops their base fee (sat).
const LEAST_ROUTING_SAT: u64 = 3;
/// The routing limit of a taker who names none (ppm), above the base.
const TAKER_ROUTING_PPM: u64 = 5_000;

/// The least a held part may be: what claiming one HTLC output of a commitment transaction takes with its share of an
/// anchor bump (180 vB), in a fee spike (50 sat/vB). Less would be lost to miners if its channel closed.
pub(crate) const LEAST_HELD: Amount = Amount::from_sat(180 * 50);

fn vbytes(rate: FeeRate, vbytes: u64) -> Amount {
    rate.fee_vb(vbytes).unwrap_or(Amount::MAX_MONEY)
}

/// What the maker itself will pay miners if all goes well.
pub(crate) fn maker_chain_cost(direction: Direction, rate: FeeRate) -> Amount {
    match direction {
        Direction::Out => vbytes(rate, FUNDING_VBYTES),
        Direction::In => vbytes(rate, SWEEP_VBYTES),
    }
}

/// The prepay of an `out`: the two transactions the maker pays for if the taker walks away.
pub(crate) fn prepay(funding: Amount, rate: FeeRate) -> Amount {
    funding
        .checked_add(vbytes(rate, REFUND_VBYTES))
        .unwrap_or(Amount::MAX_MONEY)
}

/// The largest prepay a taker accepts: what a maker's two transactions may cost at today's highest rate, with room for a
/// few more inputs than one.
pub(crate) fn prepay_limit(urgent: FeeRate) -> Amount {
    let usual = prepay(maker_chain_cost(Direction::Out, urgent), urgent);
    usual.checked_mul(3).unwrap_or(Amount::MAX_MONEY)
}

/// Confirmations by value: the more there is to win by a reorganisation, the longer the wait.
pub(crate) fn confirmations(amount: Amount) -> u32 {
    match amount.to_sat() {
        0..=1_000_000 => 1,
        1_000_001..=10_000_000 => 2,
        10_000_001..=50_000_000 => 3,
        _ => 6,
    }
}

/// The fee of sweeping to this script, by key path when all goes well, by the claim leaf at worst.
pub(crate) fn sweep_fee(kind: SpendKind, destination: &ScriptBuf, rate: FeeRate) -> Amount {
    spend_fee(spend_weight(&[kind], destination), rate).unwrap_or(Amount::MAX_MONEY)
}

/// The miner fee limit of a taker who names none: room for the rate to triple, never above a fifth of the value.
pub(crate) fn miner_limit(amount: Amount, expected: Amount) -> Amount {
    expected
        .checked_mul(3)
        .unwrap_or(Amount::MAX_MONEY)
        .min(amount / FEE_SHARE)
}

/// The routing limit of a taker who names none.
pub(crate) fn routing_limit(amount: Amount, estimate_sat: u64) -> u64 {
    share(amount, TAKER_ROUTING_PPM)
        .saturating_add(ROUTING_BASE_SAT)
        .max(estimate_sat.saturating_mul(2))
}

/// The limits a maker works under. Miners get what the quote charged for, five times over at most and never more than a
/// fifth of the value; routing gets what the swap earns at most, or a taker could pay itself as a hop.
pub(crate) fn maker_limits(amount: Amount, charged: Amount, maker_fee_sat: i64) -> Limits {
    let room = charged.checked_mul(5).unwrap_or(Amount::MAX_MONEY);
    let earned = maker_fee_sat.saturating_sub_unsigned(charged.to_sat());
    let earned = u64::try_from(earned).unwrap_or(0).max(LEAST_ROUTING_SAT);
    let usual = share(amount, MAKER_ROUTING_PPM).saturating_add(ROUTING_BASE_SAT);
    Limits {
        max_miner_fee_sat: room.min(amount / FEE_SHARE).to_sat(),
        max_routing_fee_sat: usual.min(earned),
    }
}

fn share(amount: Amount, ppm: u64) -> u64 {
    amount.to_sat().saturating_mul(ppm).div_ceil(1_000_000)
}
