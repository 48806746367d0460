//! Money: whole satoshis on the chain and in invoices, millisatoshis for routing fees, and prices in integers.
//!
//! No floating point ever touches an amount. Products are taken in 128 bits and rounded up for the one who earns.

use bitcoin::Amount;
use serde::{Deserialize, Serialize};

/// No more than this was ever or will ever be issued (sat); larger amounts from a peer are malformed.
pub const MAX_MONEY_SAT: u64 = 2_100_000_000_000_000;

/// Millisatoshis: the unit Lightning charges routing in.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Msat(pub u64);

impl Msat {
    /// An amount of whole satoshis. `None` past 2^64 msat, which is more than can exist.
    #[must_use]
    pub const fn from_sat(sat: u64) -> Option<Self> {
        match sat.checked_mul(1000) {
            Some(msat) => Some(Self(msat)),
            None => None,
        }
    }

    /// Whole satoshis, rounded up: what is shown as a cost is never less than what was paid.
    #[must_use]
    pub const fn to_sat_ceil(self) -> u64 {
        self.0.div_ceil(1000)
    }

    /// The sum, held at the largest value.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// A price: a fixed part and a share of the amount. The share may be negative: a maker may pay to be refilled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Price {
    /// Fixed part (sat).
    pub base_sat: u64,
    /// Share of the amount in millionths; negative pays the taker.
    pub ppm: i32,
}

impl Price {
    /// The fee for `amount` in satoshis, rounded up (towards the maker, who earns it).
    ///
    /// `None` when it does not fit the range of money.
    #[must_use]
    // Into the loop over a full book, where half of it is the same for all.
    #[inline]
    pub fn fee(self, amount: Amount) -> Option<i64> {
        // Whole millions and the rest apart: every step fits 64 bits for any amount of money, and the ranking of a full
        // book does this for each offer.
        let sat = i64::try_from(amount.to_sat()).ok()?;
        let ppm = i64::from(self.ppm);
        let rest = (sat % 1_000_000) * ppm;
        let rounded = rest.div_euclid(1_000_000) + i64::from(rest.rem_euclid(1_000_000) != 0);
        let share = (sat / 1_000_000).checked_mul(ppm)?.checked_add(rounded)?;
        let fee = share.checked_add(i64::try_from(self.base_sat).ok()?)?;
        (fee.unsigned_abs() <= MAX_MONEY_SAT).then_some(fee)
    }
}

/// `amount + signed`, within the range of money.
#[must_use]
pub fn add_signed(amount: Amount, signed: i64) -> Option<Amount> {
    let sat = amount.to_sat().checked_add_signed(signed)?;
    (sat <= MAX_MONEY_SAT).then(|| Amount::from_sat(sat))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_fee_is_rounded_up_for_the_maker() {
        let price = Price {
            base_sat: 10,
            ppm: 1,
        };
        assert_eq!(price.fee(Amount::from_sat(1)), Some(11));
        assert_eq!(price.fee(Amount::from_sat(1_000_000)), Some(11));
        assert_eq!(price.fee(Amount::from_sat(1_000_001)), Some(12));
    }

    #[test]
    fn a_negative_share_pays_the_taker_never_more_than_it_says() {
        let price = Price {
            base_sat: 0,
            ppm: -1500,
        };
        assert_eq!(price.fee(Amount::from_sat(1_000_000)), Some(-1500));
        assert_eq!(price.fee(Amount::from_sat(999)), Some(-1));
        assert_eq!(price.fee(Amount::from_sat(100)), Some(0));
    }

    #[test]
    fn a_fee_beyond_all_money_is_none() {
        let price = Price {
            base_sat: u64::MAX,
            ppm: i32::MAX,
        };
        assert_eq!(price.fee(Amount::MAX_MONEY), None);
    }

    proptest! {
        #[test]
        fn a_fee_is_monotone_in_the_share(amount in 0..MAX_MONEY_SAT, a in any::<i32>(), b in any::<i32>()) {
            let amount = Amount::from_sat(amount);
            let fee = |ppm| Price { base_sat: 0, ppm }.fee(amount);
            if let (Some(low), Some(high)) = (fee(a.min(b)), fee(a.max(b))) {
                prop_assert!(low <= high);
            }
        }

        #[test]
        fn a_fee_is_the_exact_share_rounded_up_and_the_base(
            amount in 0..=MAX_MONEY_SAT, ppm in any::<i32>(), base_sat in 0..=MAX_MONEY_SAT,
        ) {
            let share = i128::from(amount) * i128::from(ppm);
            let up = share.div_euclid(1_000_000) + i128::from(share.rem_euclid(1_000_000) != 0);
            let exact = up + i128::from(base_sat);
            let money = exact.unsigned_abs() <= u128::from(MAX_MONEY_SAT);
            let fee = Price { base_sat, ppm }.fee(Amount::from_sat(amount));
            prop_assert_eq!(fee.map(i128::from), money.then_some(exact));
        }
    }
}
