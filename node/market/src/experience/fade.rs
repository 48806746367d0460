//! How experience fades.

/// A day (seconds).
const DAY: u64 = 86_400;
/// What is left of a weight after a day (in ten-thousandths): the fourteenth root of a half.
const LEFT: u64 = 9_517;
/// After so many days nothing is left of any weight.
const GONE: u64 = 1_000;

/// The day `now` (Unix seconds) is in.
pub(super) const fn day(now: u64) -> u64 {
    now / DAY
}

/// What is left of a weight of day `then` on day `today`. A clock that went back fades nothing.
pub(super) fn faded(weight: u64, then: u64, today: u64) -> u64 {
    let days = today.saturating_sub(then);
    if days >= GONE {
        return 0;
    }
    (0..days).fold(weight, |weight, _| {
        let left = u128::from(weight) * u128::from(LEFT) / 10_000;
        u64::try_from(left).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_is_left_after_two_weeks_and_a_quarter_after_four() {
        assert!(faded(1_000_000, 100, 114).abs_diff(500_000) < 500);
        assert!(faded(1_000_000, 100, 128).abs_diff(250_000) < 500);
        assert_eq!(faded(1_000_000, 100, 100), 1_000_000);
    }

    proptest! {
        #[test]
        fn fading_in_two_steps_is_fading_in_one(weight in any::<u64>(), first in 0u64..600, second in 0u64..600) {
            let twice = faded(faded(weight, 0, first), first, first + second);
            let once = faded(weight, 0, first + second);
            prop_assert_eq!(twice, once);
        }

        #[test]
        fn nothing_grows_by_waiting(weight in any::<u64>(), then in any::<u64>(), today in any::<u64>()) {
            prop_assert!(faded(weight, then, today) <= weight);
        }
    }
}
