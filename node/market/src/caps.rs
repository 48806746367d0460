//! How much of a maker's means one taker may tie up, and all strangers together.
//!
//! A taker's peer id costs nothing and changes with every run; its Lightning node, where it shows (the payee of an `in`),
//! costs channels. Neither proves anything by itself: only a swap that was done does.

use bitcoin::secp256k1::PublicKey;
use serde::{Deserialize, Serialize};

/// The most that may be open at once (sat), quotes that are out included except where said otherwise; `None` for no cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Caps {
    /// With one taker, by its peer id.
    pub per_taker_sat: Option<u64>,
    /// To one Lightning node that is to be paid.
    pub per_payee_sat: Option<u64>,
    /// With all takers together that have never done a swap with this maker. Mere quotes do not count: a few strangers
    /// that only ask would shut out all others.
    pub unproven_sat: Option<u64>,
    /// Altogether.
    pub total_sat: Option<u64>,
    /// Swaps with one taker.
    pub per_taker_swaps: Option<u32>,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            per_taker_sat: Some(20_000_000),
            per_payee_sat: Some(20_000_000),
            unproven_sat: Some(50_000_000),
            total_sat: None,
            per_taker_swaps: Some(20),
        }
    }
}

/// Something that is open: a swap, or a quote that may become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposure<'a> {
    /// The taker's peer id.
    pub taker: &'a str,
    /// The node that is to be paid, where that is the taker's.
    pub payee: Option<PublicKey>,
    /// How much (sat).
    pub amount_sat: u64,
    /// Whether this taker or this payee has done a swap with this maker before.
    pub proven: bool,
    /// Whether it is a quote that is out and no more.
    pub quoted: bool,
}

/// The cap that stands against one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Capped {
    /// [`Caps::per_taker_sat`] or [`Caps::per_taker_swaps`].
    #[error("this is more than may be open with one taker at a time")]
    Taker,
    /// [`Caps::per_payee_sat`].
    #[error("this is more than may be open towards one Lightning node at a time")]
    Payee,
    /// [`Caps::unproven_sat`].
    #[error("this is more than may be open with newcomers now; try a smaller amount, or later")]
    Unproven,
    /// [`Caps::total_sat`].
    #[error("this is more than may be open now; try a smaller amount, or later")]
    Total,
}

impl Caps {
    /// Whether `new` may be added to what is `open`.
    ///
    /// # Errors
    /// The first cap it would pass, the taker's own first.
    pub fn check<'a>(
        &self,
        open: impl IntoIterator<Item = Exposure<'a>>,
        new: &Exposure<'_>,
    ) -> Result<(), Capped> {
        let (mut taker, mut payee, mut unproven, mut total) = (0_u64, 0_u64, 0_u64, 0_u64);
        let mut swaps = 0_u32;
        for one in open {
            let amount = one.amount_sat;
            total = total.saturating_add(amount);
            if one.taker == new.taker {
                taker = taker.saturating_add(amount);
                swaps = swaps.saturating_add(1);
            }
            if one.payee.is_some() && one.payee == new.payee {
                payee = payee.saturating_add(amount);
            }
            if !one.proven && !one.quoted {
                unproven = unproven.saturating_add(amount);
            }
        }
        let passes = |sum: u64, cap: Option<u64>| {
            cap.is_some_and(|cap| sum.saturating_add(new.amount_sat) > cap)
        };
        if passes(taker, self.per_taker_sat) || self.per_taker_swaps.is_some_and(|cap| swaps >= cap)
        {
            return Err(Capped::Taker);
        }
        if new.payee.is_some() && passes(payee, self.per_payee_sat) {
            return Err(Capped::Payee);
        }
        if !new.proven && passes(unproven, self.unproven_sat) {
            return Err(Capped::Unproven);
        }
        if passes(total, self.total_sat) {
            return Err(Capped::Total);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use bitcoin::secp256k1::{Secp256k1, SecretKey};
    use proptest::prelude::*;

    const NONE: Caps = Caps {
        per_taker_sat: None,
        per_payee_sat: None,
        unproven_sat: None,
        total_sat: None,
        per_taker_swaps: None,
    };

    fn node(n: u8) -> Option<PublicKey> {
        let key = SecretKey::from_slice(&[n; 32]).unwrap();
        Some(key.public_key(&Secp256k1::new()))
    }

    fn of(taker: &str, amount_sat: u64) -> Exposure<'_> {
        Exposure {
            taker,
            payee: None,
            amount_sat,
            proven: false,
            quoted: false,
        }
    }

    #[test]
    fn one_taker_meets_its_cap_and_another_does_not() {
        let caps = Caps {
            per_taker_sat: Some(100),
            ..NONE
        };
        let open = [of("a", 60), of("b", 90)];
        assert_eq!(caps.check(open, &of("a", 40)), Ok(()));
        assert_eq!(caps.check(open, &of("a", 41)), Err(Capped::Taker));
        assert_eq!(caps.check(open, &of("c", 100)), Ok(()));
        let few = Caps {
            per_taker_swaps: Some(2),
            ..NONE
        };
        assert_eq!(few.check([of("a", 1)], &of("a", 1)), Ok(()));
        assert_eq!(
            few.check([of("a", 1), of("a", 1)], &of("a", 1)),
            Err(Capped::Taker)
        );
    }

    #[test]
    fn many_peer_ids_of_one_lightning_node_share_its_cap() {
        let caps = Caps {
            per_payee_sat: Some(100),
            ..NONE
        };
        let to = |taker, n, amount| Exposure {
            payee: node(n),
            ..of(taker, amount)
        };
        let open = [to("a", 1, 50), to("b", 1, 50)];
        assert_eq!(caps.check(open, &to("c", 1, 1)), Err(Capped::Payee));
        assert_eq!(caps.check(open, &to("c", 2, 100)), Ok(()));
        assert_eq!(
            caps.check(open, &of("c", 1_000)),
            Ok(()),
            "nobody is known to be paid"
        );
    }

    #[test]
    fn strangers_share_a_cap_that_a_proven_taker_is_not_under() {
        let caps = Caps {
            unproven_sat: Some(100),
            ..NONE
        };
        let proven = |taker, amount| Exposure {
            proven: true,
            ..of(taker, amount)
        };
        let open = [of("a", 60), proven("b", 500), of("c", 40)];
        assert_eq!(caps.check(open, &of("d", 1)), Err(Capped::Unproven));
        assert_eq!(caps.check(open, &proven("b", 500)), Ok(()));
        let free = [proven("b", 500), of("c", 40)];
        assert_eq!(
            caps.check(free, &of("d", 60)),
            Ok(()),
            "the proven does not count"
        );
    }

    #[test]
    fn strangers_that_only_ask_for_prices_shut_no_other_out() {
        let caps = Caps {
            unproven_sat: Some(100),
            total_sat: Some(250),
            ..NONE
        };
        let quoted = |taker, amount| Exposure {
            quoted: true,
            ..of(taker, amount)
        };
        let open = [quoted("a", 100), quoted("b", 60), of("c", 40)];
        assert_eq!(caps.check(open, &of("d", 50)), Ok(()));
        assert_eq!(caps.check(open, &of("d", 51)), Err(Capped::Total));
        assert_eq!(
            caps.check([quoted("a", 1), of("c", 40)], &of("d", 61)),
            Err(Capped::Unproven)
        );
    }

    #[test]
    fn the_total_binds_everybody_and_no_cap_binds_nobody() {
        let proven = Exposure {
            proven: true,
            ..of("b", 51)
        };
        let caps = Caps {
            total_sat: Some(100),
            ..NONE
        };
        assert_eq!(caps.check([of("a", 50)], &proven), Err(Capped::Total));
        assert_eq!(
            NONE.check([of("a", u64::MAX), of("a", u64::MAX)], &of("a", u64::MAX)),
            Ok(())
        );
    }

    proptest! {
        #[test]
        fn whatever_is_let_in_one_after_the_other_never_passes_a_cap(
            wishes in prop::collection::vec((0u8..4, 0u8..3, 1u64..60, any::<bool>()), 0..60), cap in 1u64..200,
        ) {
            let caps = Caps {
                per_taker_sat: Some(cap), per_payee_sat: Some(cap + 20), unproven_sat: Some(cap * 2), total_sat: Some(cap * 3),
                per_taker_swaps: Some(5),
            };
            let names = ["a", "b", "c", "d"];
            let mut open: Vec<Exposure<'_>> = Vec::new();
            for (taker, payee, amount_sat, proven) in wishes {
                let payee = if payee == 0 { None } else { node(payee) };
                let new = Exposure { taker: names[usize::from(taker)], payee, amount_sat, proven, quoted: false };
                if caps.check(open.iter().copied(), &new).is_ok() {
                    open.push(new);
                }
            }
            let sum = |keep: &dyn Fn(&Exposure<'_>) -> bool| -> u64 { open.iter().filter(|e| keep(e)).map(|e| e.amount_sat).sum() };
            for name in names {
                prop_assert!(sum(&|e| e.taker == name) <= cap);
                prop_assert!(open.iter().filter(|e| e.taker == name).count() <= 5);
            }
            for n in [1, 2] {
                prop_assert!(sum(&|e| e.payee == node(n)) <= cap + 20);
            }
            prop_assert!(sum(&|_| true) <= cap * 3);
        }
    }
}
