//! What a maker asks: a price of its own, leant by what it has left, and never below its floor.
//!
//! Whole numbers throughout, rounded for the maker.

use bitcoin::Amount;
use cambista_protocol::market::offer::{MAX_PPM, Rate};
use cambista_protocol::money::{MAX_MONEY_SAT, Price};

/// The price of a maker that lets its node set it (millionths), before it is leant.
pub const AUTO_PPM: i32 = 2_000;
/// How far such a price leans either way at most (millionths).
pub const AUTO_LEAN_PPM: u32 = 1_500;
/// A price is worth announcing anew when it changed by a tenth, ...
const WORTH_SHARE: u64 = 10;
/// ... and by so much (sat) at least.
const WORTH_SAT: u64 = 20;

/// What a maker has on the side a direction spends from, and on the side it brings in (sat): for `out` coins on the chain
/// and what its channels can send, for `in` the other way round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Spent by swaps of this direction (sat).
    pub spent_sat: u64,
    /// Brought in by them (sat).
    pub gained_sat: u64,
}

impl Inventory {
    /// How far a price leans (millionths): from `-most` with everything on the side this direction spends, so that takers
    /// are drawn to it, to `most` with nothing left there. Where both sides are even it does not lean.
    #[must_use]
    pub fn lean(self, most: u32) -> i32 {
        let (spent, gained) = (i128::from(self.spent_sat), i128::from(self.gained_sat));
        let most = i32::try_from(most).unwrap_or(MAX_PPM).min(MAX_PPM);
        let sum = spent + gained;
        if sum == 0 {
            return most;
        }
        // Rounded up, for the maker.
        let scaled = i128::from(most) * (gained - spent);
        let lean = scaled.div_euclid(sum) + i128::from(scaled.rem_euclid(sum) != 0);
        i32::try_from(lean).unwrap_or(most).clamp(-most, most)
    }
}

/// What a swap costs its maker on the chain (sat).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChainCost {
    /// At the fee rate of now.
    pub usual_sat: u64,
    /// If fees rise before it is over.
    pub pessimistic_sat: u64,
}

/// How one direction is priced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pricing {
    /// The price before chain costs.
    pub price: Price,
    /// How far it leans with the inventory at most (millionths); 0 keeps it where it is.
    pub lean_ppm: u32,
    /// What must be left of the fee even if the chain costs the pessimistic amount. `None` asks for no more than the
    /// price, whatever it costs.
    pub floor: Option<Price>,
}

impl Pricing {
    /// The price as it leans now.
    #[must_use]
    pub fn leant(&self, inventory: Inventory) -> Price {
        let lean = inventory.lean(self.lean_ppm);
        Price {
            base_sat: self.price.base_sat,
            ppm: self.price.ppm.saturating_add(lean).clamp(-MAX_PPM, MAX_PPM),
        }
    }

    /// The fee of a swap of `amount`, chain costs included (sat); `extra_ppm` on top of price and floor for what is asked
    /// beyond the usual. `None` when it does not fit the range of money.
    #[must_use]
    pub fn fee(
        &self,
        amount: Amount,
        inventory: Inventory,
        cost: ChainCost,
        extra_ppm: u32,
    ) -> Option<i64> {
        let with_extra = |price: Price| Price {
            ppm: price.ppm.saturating_add_unsigned(extra_ppm),
            ..price
        };
        let asked = with_extra(self.leant(inventory)).fee(amount)?;
        let asked = asked.checked_add_unsigned(cost.usual_sat)?;
        let Some(floor) = self.floor else {
            return Some(asked);
        };
        let least = with_extra(floor).fee(amount)?;
        let least = least.checked_add_unsigned(cost.pessimistic_sat)?;
        Some(asked.max(least))
    }

    /// The rate to announce for amounts from `min_sat` to `max_sat`: for no amount within them below [`Self::fee`], so that
    /// nobody who comes is asked for more than was announced while costs and inventory stay as they are.
    #[must_use]
    pub fn rate(&self, inventory: Inventory, cost: ChainCost, min_sat: u64, max_sat: u64) -> Rate {
        let leant = self.leant(inventory);
        let mut base = leant.base_sat.saturating_add(cost.usual_sat);
        let mut ppm = leant.ppm;
        if let Some(floor) = self.floor {
            base = base.max(floor.base_sat.saturating_add(cost.pessimistic_sat));
            // Where the floor never reaches the price, the price alone is announced.
            let at = |sat| {
                let cost = (inventory, cost, 0);
                self.fee(Amount::from_sat(sat), cost.0, cost.1, cost.2)
            };
            let asked = |sat| {
                let fee = leant.fee(Amount::from_sat(sat))?;
                fee.checked_add_unsigned(cost.usual_sat)
            };
            if at(min_sat) == asked(min_sat) && at(max_sat) == asked(max_sat) {
                base = leant.base_sat.saturating_add(cost.usual_sat);
            } else {
                ppm = ppm.max(floor.ppm);
            }
        }
        Rate {
            base_sat: base.min(MAX_MONEY_SAT),
            ppm,
            min_sat,
            max_sat,
        }
    }
}

/// The largest amount to announce when so much is there (sat): all of `max_sat` while it is, else rounded down to a power
/// of two, so that not every swap shows in it. `None` when not even the smallest can be served.
#[must_use]
pub fn announced_max(min_sat: u64, max_sat: u64, there_sat: u64) -> Option<u64> {
    if there_sat >= max_sat {
        return Some(max_sat);
    }
    let rounded = there_sat.checked_ilog2().map(|bits| 1_u64 << bits)?;
    if there_sat < min_sat {
        return None;
    }
    Some(rounded.max(min_sat))
}

/// Whether a rate differs so much from the one announced that it is worth announcing: offered or not, other limits, or a
/// fee that changed by a tenth and by 20 sat at either limit.
#[must_use]
pub fn worth_announcing(announced: Option<&Rate>, now: Option<&Rate>) -> bool {
    let (Some(announced), Some(now)) = (announced, now) else {
        return announced.is_some() != now.is_some();
    };
    let moved = |sat| match (announced.fee(sat), now.fee(sat)) {
        (Some(then), Some(now)) => {
            let by = then.abs_diff(now);
            by >= WORTH_SAT && by.saturating_mul(WORTH_SHARE) >= then.unsigned_abs()
        }
        _ => true,
    };
    (announced.min_sat, announced.max_sat) != (now.min_sat, now.max_sat)
        || moved(now.min_sat)
        || moved(now.max_sat)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const EVEN: Inventory = Inventory {
        spent_sat: 5_000_000,
        gained_sat: 5_000_000,
    };

    fn auto() -> Pricing {
        Pricing {
            price: Price {
                base_sat: 0,
                ppm: AUTO_PPM,
            },
            lean_ppm: AUTO_LEAN_PPM,
            floor: Some(Price::default()),
        }
    }

    fn cost(usual_sat: u64) -> ChainCost {
        ChainCost {
            usual_sat,
            pessimistic_sat: usual_sat * 3 / 2,
        }
    }

    fn stock(spent_sat: u64, gained_sat: u64) -> Inventory {
        Inventory {
            spent_sat,
            gained_sat,
        }
    }

    #[test]
    fn a_price_leans_to_refill_the_side_that_runs_low() {
        let ppm = |inventory| auto().leant(inventory).ppm;
        assert_eq!(ppm(EVEN), AUTO_PPM);
        assert_eq!(ppm(stock(10_000_000, 0)), 500, "plenty: cheap");
        assert_eq!(ppm(stock(0, 10_000_000)), 3_500, "nothing left: dear");
        assert_eq!(ppm(stock(7_500_000, 2_500_000)), 1_250);
        assert_eq!(ppm(stock(0, 0)), 3_500);
        let fixed = Pricing {
            lean_ppm: 0,
            ..auto()
        };
        assert_eq!(fixed.leant(stock(0, 1)).ppm, AUTO_PPM);
    }

    #[test]
    fn a_negative_price_pays_the_taker_only_as_far_as_the_floor_lets_it() {
        let paying = |floor| Pricing {
            price: Price {
                base_sat: 0,
                ppm: -3_000,
            },
            lean_ppm: 0,
            floor,
        };
        let fee = |floor| paying(floor).fee(Amount::from_sat(1_000_000), EVEN, cost(200), 0);
        assert_eq!(fee(None), Some(-3_000 + 200));
        assert_eq!(
            fee(Some(Price::default())),
            Some(300),
            "the pessimistic cost"
        );
        let lower = Price {
            base_sat: 0,
            ppm: -1_000,
        };
        assert_eq!(fee(Some(lower)), Some(-1_000 + 300));
    }

    #[test]
    fn what_can_be_served_is_announced_roughly() {
        assert_eq!(announced_max(10_000, 1_000_000, 5_000_000), Some(1_000_000));
        assert_eq!(announced_max(10_000, 1_000_000, 999_999), Some(524_288));
        assert_eq!(announced_max(10_000, 1_000_000, 524_288), Some(524_288));
        assert_eq!(announced_max(10_000, 1_000_000, 12_000), Some(10_000));
        assert_eq!(announced_max(10_000, 1_000_000, 9_999), None);
        assert_eq!(announced_max(1, 2, 0), None);
    }

    #[test]
    fn only_what_matters_is_announced_again() {
        let rate = |base_sat, max_sat| Rate {
            base_sat,
            ppm: 1_000,
            min_sat: 100_000,
            max_sat,
        };
        let old = rate(500, 1_000_000);
        let worth = |new: Option<Rate>| worth_announcing(Some(&old), new.as_ref());
        assert!(!worth(Some(old)));
        assert!(
            !worth(Some(rate(540, 1_000_000))),
            "less than a tenth of 600"
        );
        assert!(worth(Some(rate(570, 1_000_000))));
        assert!(worth(Some(rate(500, 900_000))));
        assert!(worth(None));
        assert!(worth_announcing(None, Some(&old)) && !worth_announcing(None, None));
        let free = |ppm| Rate {
            base_sat: 0,
            ppm,
            ..old
        };
        assert!(
            !worth_announcing(Some(&free(0)), Some(&free(10))),
            "10 sat are not worth it"
        );
        assert!(worth_announcing(Some(&free(0)), Some(&free(100))));
    }

    fn any_pricing() -> impl Strategy<Value = Pricing> {
        let price = (0u64..100_000, -1_000_000i32..=1_000_000)
            .prop_map(|(base_sat, ppm)| Price { base_sat, ppm });
        (price.clone(), any::<u32>(), proptest::option::of(price)).prop_map(
            |(price, lean_ppm, floor)| Pricing {
                price,
                lean_ppm,
                floor,
            },
        )
    }

    fn sats() -> impl Strategy<Value = u64> {
        prop_oneof![0..=MAX_MONEY_SAT, 0u64..10_000_000, Just(0)]
    }

    proptest! {
        #[test]
        fn the_lean_is_bounded_and_falls_with_what_is_there_and_rises_with_the_other_side(
            spent in sats(), more in sats(), gained in sats(), most in 0u32..=1_000_000,
        ) {
            let lean = |spent, gained| stock(spent, gained).lean(most);
            let bound = i32::try_from(most).unwrap();
            prop_assert!((-bound..=bound).contains(&lean(spent, gained)));
            prop_assert!(lean(spent + more, gained) <= lean(spent, gained));
            prop_assert!(lean(gained, spent + more) >= lean(gained, spent));
        }

        #[test]
        fn a_floor_is_kept_at_every_inventory_and_cost(
            pricing in any_pricing(), amount in 1..MAX_MONEY_SAT, spent in sats(), gained in sats(), usual in 0u64..1_000_000,
        ) {
            let amount = Amount::from_sat(amount);
            let fee = pricing.fee(amount, stock(spent, gained), cost(usual), 0);
            if let (Some(fee), Some(floor)) = (fee, pricing.floor) {
                let left = i128::from(fee) - i128::from(cost(usual).pessimistic_sat);
                prop_assert!(left >= i128::from(floor.fee(amount).unwrap()));
            }
        }

        #[test]
        fn nobody_is_asked_for_more_than_the_announced_rate(
            pricing in any_pricing(), (min, max) in (1u64..1_000_000_000, 0u64..1_000_000_000), at in 0u64..=1_000,
            spent in sats(), gained in sats(), usual in 0u64..1_000_000,
        ) {
            let max = min + max;
            let amount = min + (max - min) * at / 1_000;
            let (inventory, cost) = (stock(spent, gained), cost(usual));
            let announced = pricing.rate(inventory, cost, min, max).fee(amount).unwrap();
            let asked = pricing.fee(Amount::from_sat(amount), inventory, cost, 0).unwrap();
            prop_assert!(asked <= announced, "{asked} above {announced}");
        }

        #[test]
        fn a_swap_against_the_stock_never_makes_the_next_one_cheaper(
            pricing in any_pricing(), amount in 1u64..1_000_000_000, spent in 0u64..10_000_000_000, gained in 0u64..10_000_000_000,
        ) {
            let taken = amount.min(spent);
            let fee = |inventory| pricing.fee(Amount::from_sat(amount), inventory, cost(500), 0).unwrap();
            prop_assert!(fee(stock(spent - taken, gained + taken)) >= fee(stock(spent, gained)));
        }
    }
}
