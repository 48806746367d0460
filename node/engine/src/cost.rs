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
pub(crate) const FEE_SHARE: u64 = 5;
/// Makers let routing cost this share of an `in` at most (ppm), above a base.
const MAKER_ROUTING_PPM: u64 = 2_000;
/// The least a routing limit is (sat): a hop or two of base fees for both payments.
const ROUTING_BASE_SAT: u64 = 10;
/// A maker that earns nothing still pays a few hops their base fee (sat).
const LEAST_ROUTING_SAT: u64 = 3;
/// The routing limit of a taker who names none (ppm), above the base.
const TAKER_ROUTING_PPM: u64 = 5_000;

/// An offer carries what a funding costs up to so many times one with one coin.
const ANNOUNCED_COINS: u64 = 4;

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

/// The funding an offer is announced with, where that of the largest amount would cost `with_coins`: never below one with one
/// coin, and never so far above it that a wallet full of dust hides the maker behind its own offer.
pub(crate) fn announced_funding(with_coins: Option<Amount>, rate: FeeRate) -> Amount {
    let one = maker_chain_cost(Direction::Out, rate);
    let most = one
        .checked_mul(ANNOUNCED_COINS)
        .unwrap_or(Amount::MAX_MONEY);
    with_coins.unwrap_or(one).clamp(one, most)
}

/// What a taker's own transaction of a swap costs if all goes well, by the rate for so many blocks: its claim by key path
/// (`out`), its funding with one input and change (`in`). What the maker pays miners is in its price.
#[must_use]
pub fn taker_chain_cost(direction: Direction, rate: impl Fn(u32) -> FeeRate) -> Amount {
    match direction {
        Direction::Out => vbytes(rate(crate::sweeper::LAZY_TARGET), SWEEP_VBYTES),
        Direction::In => vbytes(rate(crate::funding::FUNDING_TARGET), FUNDING_VBYTES),
    }
}

/// The prepay of an `out`: the two transactions the maker pays for if the taker walks away.
///
/// The funding goes out at once, at the rate of now. The refund follows a day later, so it is reckoned as [`risen`].
pub(crate) fn prepay(funding: Amount, rate: FeeRate) -> Amount {
    funding
        .checked_add(risen(vbytes(rate, REFUND_VBYTES)))
        .unwrap_or(Amount::MAX_MONEY)
}

/// A cost if fee rates rise by half until it is paid.
fn risen(cost: Amount) -> Amount {
    cost.checked_mul(3)
        .map_or(Amount::MAX_MONEY, |cost| cost / 2)
}

/// What a maker's own part on the chain costs if fees rise and the other side does not help: the funding (out), which
/// would cost `usual` now; the sweep by the claim leaf (in).
pub(crate) fn pessimistic_cost(direction: Direction, usual: Amount, rate: FeeRate) -> Amount {
    match direction {
        Direction::Out => risen(usual),
        Direction::In => {
            let own = ScriptBuf::from_bytes([&[0x51, 0x20][..], &[0; 32][..]].concat());
            risen(sweep_fee(SpendKind::Claim, &own, rate))
        }
    }
}

/// The largest prepay a taker accepts: what a maker's two transactions may cost at today's highest rate, with room for a
/// few more inputs than one.
pub(crate) fn prepay_limit(urgent: FeeRate) -> Amount {
    let usual = vbytes(urgent, FUNDING_VBYTES + REFUND_VBYTES);
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

/// The confirmations a taker waits for in an `out` of this amount (sat), by value; never one alone with a maker that has
/// proved nothing yet.
#[must_use]
pub fn usual_confirmations(amount_sat: u64, proved: bool) -> u32 {
    let least = if proved { 1 } else { 2 };
    confirmations(Amount::from_sat(amount_sat)).max(least)
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

/// The routing limit of a taker who names none (sat), where so much is expected (sat).
#[must_use]
pub fn routing_limit(amount: Amount, estimate_sat: u64) -> u64 {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rate(sat_vb: u64) -> FeeRate {
        FeeRate::from_sat_per_vb(sat_vb).unwrap()
    }

    #[test]
    fn the_prepay_covers_funding_and_a_dearer_refund_and_every_taker_accepts_it() {
        for sat_vb in 1..500 {
            let now = rate(sat_vb);
            let funding = maker_chain_cost(Direction::Out, now);
            let asked = prepay(funding, now);
            let refund = vbytes(now, REFUND_VBYTES);
            assert!(asked >= funding + refund, "{sat_vb}");
            assert!(
                asked <= funding + refund * 2,
                "{sat_vb}: no more than it insures"
            );
            assert!(asked <= prepay_limit(now), "{sat_vb}");
            // A maker with two inputs, whose rate is a little above the taker's.
            let larger = prepay(vbytes(now, FUNDING_VBYTES + 58), now);
            assert!(
                larger <= prepay_limit(rate(sat_vb.div_ceil(2).max(1))),
                "{sat_vb}"
            );
        }
    }

    #[test]
    fn an_offer_carries_what_the_coins_cost_within_bounds() {
        let one = maker_chain_cost(Direction::Out, rate(10));
        let announced = |with_coins| announced_funding(with_coins, rate(10));
        assert_eq!(announced(None), one);
        assert_eq!(announced(Some(one / 2)), one);
        assert_eq!(announced(Some(one * 3)), one * 3);
        assert_eq!(announced(Some(one * 50)), one * 4);
    }

    #[test]
    fn a_pessimistic_cost_is_never_below_the_usual_one() {
        for direction in [Direction::Out, Direction::In] {
            for sat_vb in 1..500 {
                let usual = maker_chain_cost(direction, rate(sat_vb));
                let worst = pessimistic_cost(direction, usual, rate(sat_vb));
                assert!(worst > usual && worst < usual * 3, "{direction} {sat_vb}");
            }
        }
    }
}
