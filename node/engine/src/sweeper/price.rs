//! What sweeps pay: enough for their time, more with every replacement, never above what each swap allows.

use bitcoin::{Amount, FeeRate};

/// A transaction that a new one would replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Replaced {
    pub(super) fee: Amount,
    pub(super) vsize: u64,
}

/// The least fee with which a transaction of this size replaces these (BIP125, rules 3 and 4): more than all of them
/// together by `increment` on its own size, and at a higher rate than each.
pub(super) fn least(vsize: u64, replaced: &[Replaced], increment: FeeRate) -> Amount {
    let Some(together) = replaced.iter().map(|r| r.fee).reduce(|a, b| a + b) else {
        return Amount::ZERO;
    };
    let relay = increment.fee_vb(vsize).unwrap_or(Amount::MAX_MONEY);
    let absolute = together.checked_add(relay).unwrap_or(Amount::MAX_MONEY);
    replaced
        .iter()
        .map(|old| above_rate(*old, vsize))
        .fold(absolute, Amount::max)
}

/// The least fee at a higher rate, in satoshis per thousand virtual bytes as nodes keep it, rounded down.
fn above_rate(old: Replaced, vsize: u64) -> Amount {
    let rate = u128::from(old.fee.to_sat()) * 1_000 / u128::from(old.vsize.max(1));
    let fee = ((rate + 1) * u128::from(vsize)).div_ceil(1_000);
    u64::try_from(fee).map_or(Amount::MAX_MONEY, Amount::from_sat)
}

/// What a size costs at a rate; no rate is too high to be counted.
pub(super) fn wanted(rate: FeeRate, vsize: u64) -> Amount {
    rate.fee_vb(vsize).unwrap_or(Amount::MAX_MONEY)
}

/// Half as much again: what is bid when something unseen pays more.
pub(super) fn outbid(fee: Amount) -> Amount {
    fee.checked_add(fee / 2).unwrap_or(Amount::MAX_MONEY)
}

/// A tenth more: what is bid after a block without it, when the value is at stake. In the 18 blocks a spend is given to
/// confirm this is five times as much.
pub(super) fn passed_by(fee: Amount) -> Amount {
    fee.checked_add(fee / 10).unwrap_or(Amount::MAX_MONEY)
}

/// Shares a fee by weight. Each part names its weight and the most it pays; what is above somebody's most falls to the
/// others. The shares together are the fee; the odd satoshis fall to those named first.
///
/// None when all together may not pay as much.
pub(super) fn shares(fee: Amount, parts: &[(u64, Amount)]) -> Option<Vec<Amount>> {
    let mut shares = vec![Amount::ZERO; parts.len()];
    let mut open: Vec<(usize, u64, Amount)> = Vec::with_capacity(parts.len());
    open.extend(
        parts
            .iter()
            .enumerate()
            .map(|(at, (w, most))| (at, *w, *most)),
    );
    let mut left = fee;
    let part = |left: Amount, weight: u64, all: u128| {
        u128::from(left.to_sat()) * u128::from(weight) / all.max(1)
    };
    loop {
        let all: u128 = open.iter().map(|(_, weight, _)| u128::from(*weight)).sum();
        let before = left;
        let over = |weight: u64, most: Amount| {
            u128::from(before.to_sat()) * u128::from(weight) > u128::from(most.to_sat()) * all
        };
        let (full, rest): (Vec<_>, Vec<_>) = open
            .into_iter()
            .partition(|(_, weight, most)| over(*weight, *most));
        for (at, _, most) in &full {
            *shares.get_mut(*at)? = *most;
            left = left.checked_sub(*most)?;
        }
        open = rest;
        if full.is_empty() {
            break;
        }
    }
    let all: u128 = open.iter().map(|(_, weight, _)| u128::from(*weight)).sum();
    let whole = left;
    for (at, weight, _) in &open {
        let share = Amount::from_sat(u64::try_from(part(whole, *weight, all)).ok()?);
        *shares.get_mut(*at)? = share;
        left = left.checked_sub(share)?;
    }
    for (at, _, most) in &open {
        let share = shares.get_mut(*at)?;
        if left > Amount::ZERO && *share < *most {
            *share += Amount::ONE_SAT;
            left -= Amount::ONE_SAT;
        }
    }
    (left == Amount::ZERO).then_some(shares)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const fn sat(sat: u64) -> Amount {
        Amount::from_sat(sat)
    }

    #[test]
    fn a_fee_is_shared_to_the_satoshi() {
        let three = [(230, sat(1_000)); 3];
        let shared = shares(sat(100), &three).unwrap();
        assert_eq!(shared, [sat(34), sat(33), sat(33)]);
    }

    #[test]
    fn what_is_above_somebodys_limit_falls_to_the_others() {
        let parts = [(230, sat(10)), (230, sat(1_000)), (230, sat(45))];
        let shared = shares(sat(200), &parts).unwrap();
        assert_eq!(shared, [sat(10), sat(145), sat(45)]);
        assert_eq!(shares(sat(1_056), &parts), None);
        assert_eq!(
            shares(sat(1_055), &parts).unwrap(),
            [sat(10), sat(1_000), sat(45)]
        );
    }

    #[test]
    fn heavier_parts_pay_more() {
        let parts = [(393, sat(1_000)), (230, sat(1_000))];
        assert_eq!(shares(sat(623), &parts).unwrap(), [sat(393), sat(230)]);
    }

    #[test]
    fn the_first_of_its_kind_replaces_nothing() {
        assert_eq!(least(111, &[], FeeRate::BROADCAST_MIN), Amount::ZERO);
    }

    #[test]
    fn a_larger_replacement_has_a_higher_rate_too() {
        let old = Replaced {
            fee: sat(1_110),
            vsize: 111,
        };
        // 1110 + 169 would be 7.6 sat/vB: less than the 10 of what is replaced.
        assert_eq!(least(169, &[old], FeeRate::BROADCAST_MIN), sat(1_691));
    }
}
