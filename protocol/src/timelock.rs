//! Timelocks: one value, one set of inequalities (spec 03).
//!
//! Every height a swap depends on is derived here from a [`Timelocks`] value that is handed in, never from a constant
//! elsewhere, so that a model can explore small values and a test network can use short ones.

use serde::{Deserialize, Serialize};

use crate::words::Direction;

/// The blocks a swap counts in. All fields are numbers of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timelocks {
    /// T = agreed height + this.
    pub refund_delta: u32,
    /// The payer reveals R at T - this at the latest: 18 + 18 + 6, so that a funding that confirms again late after a
    /// reorganisation still leaves the claim its own time.
    pub reveal_margin: u32,
    /// Within so many blocks a spend at a fair fee is taken to confirm (LDK's `MAX_BLOCKS_FOR_CONF`).
    pub refund_confirm: u32,
    /// A block this deep is taken as final (LDK's `ANTI_REORG_DELAY`).
    pub reorg_depth: u32,
    /// How long the funder may be away around T.
    pub claim_margin: u32,
    /// LDK fails a held HTLC so many blocks before it expires (`HTLC_FAIL_BACK_BUFFER`).
    pub fail_back: u32,
    /// Blocks the Lightning payment may take to arrive.
    pub transit: u32,
    /// The payer retries its Lightning payment until agreed height + this.
    pub pay_window: u32,
    /// The funder funds until agreed height + this.
    pub fund_window: u32,
    /// With fewer than so many blocks left to T a claim waits for no key and joins no batch.
    pub alone: u32,
    /// Room the payer gives a route above the final delta.
    pub route_room: u32,
}

/// The claim margin of a maker that funds (`out`), in blocks.
pub const MAKER_CLAIM_MARGIN: u32 = 12;
/// The claim margin of a taker that funds (`in`), in blocks: a day away.
pub const TAKER_CLAIM_MARGIN: u32 = 144;
/// The refund delta when nobody says otherwise (blocks).
pub const DEFAULT_REFUND_DELTA: u32 = 144;
/// The largest refund delta anybody may ask for (blocks).
pub const MAX_REFUND_DELTA: u32 = 432;
/// The smallest refund delta on networks with money (blocks).
pub const MIN_REFUND_DELTA: u32 = 96;
/// A funder that pays from outside its node has so many blocks from the agreement.
pub const EXTERNAL_FUND_WINDOW: u32 = 36;
/// LDK writes so many blocks more into an invoice than it is told, against a block found in transit.
pub const INVOICE_DELTA_SLACK: u32 = 3;
/// How far T may be below own height + delta (blocks): the other side's tip may lag.
pub const REFUND_HEIGHT_BELOW: u32 = 2;
/// How far T may be above own height + delta (blocks).
pub const REFUND_HEIGHT_ABOVE: u32 = 6;

impl Timelocks {
    /// The blocks of a swap in `direction` with this refund delta.
    #[must_use]
    pub const fn new(direction: Direction, refund_delta: u32) -> Self {
        Self {
            refund_delta,
            reveal_margin: 42,
            refund_confirm: 18,
            reorg_depth: 6,
            claim_margin: match direction {
                Direction::Out => MAKER_CLAIM_MARGIN,
                Direction::In => TAKER_CLAIM_MARGIN,
            },
            fail_back: 39,
            transit: 6,
            pay_window: 4,
            fund_window: 6,
            alone: 60,
            route_room: 300,
        }
    }

    /// The same for a funder that pays from outside its node: a person with another wallet takes longer.
    #[must_use]
    pub const fn funded_from_outside(mut self) -> Self {
        self.fund_window = EXTERNAL_FUND_WINDOW;
        self
    }

    /// The last height at which an outside deposit may be *confirmed* for the first time, for the payer to have its
    /// confirmations before the last height to reveal.
    #[must_use]
    pub const fn last_safe_deposit(
        &self,
        agreed: u32,
        refund_height: u32,
        confirmations: u32,
    ) -> u32 {
        let by_reveal = self.replace_funding_from(refund_height, confirmations);
        let by_window = self.fund_until(agreed);
        if by_window < by_reveal {
            by_window
        } else {
            by_reveal
        }
    }

    /// The final delta D the hold invoices are made with.
    #[must_use]
    pub const fn invoice_delta(&self) -> u32 {
        self.refund_delta
            + self.refund_confirm
            + self.reorg_depth
            + self.claim_margin
            + self.fail_back
            + self.transit
    }

    /// The `min_final_cltv_expiry_delta` an invoice made with [`Self::invoice_delta`] states.
    #[must_use]
    pub const fn stated_delta(&self) -> u32 {
        self.invoice_delta() + INVOICE_DELTA_SLACK
    }

    /// The payer's bound on the whole route's CLTV delta.
    #[must_use]
    pub const fn max_total_delta(&self) -> u32 {
        self.stated_delta() + self.route_room
    }

    /// The refund height T of a swap agreed at `height`.
    #[must_use]
    pub const fn refund_height(&self, height: u32) -> u32 {
        height + self.refund_delta
    }

    /// Whether T is near enough to what this side computes at its own `height`.
    #[must_use]
    pub const fn refund_height_ok(&self, height: u32, refund_height: u32) -> bool {
        let own = self.refund_height(height);
        refund_height.saturating_add(REFUND_HEIGHT_BELOW) >= own
            && refund_height <= own + REFUND_HEIGHT_ABOVE
    }

    /// The last height at which the payer may start revealing R.
    #[must_use]
    pub const fn last_reveal(&self, refund_height: u32) -> u32 {
        refund_height.saturating_sub(self.reveal_margin)
    }

    /// The earliest claim deadline (LDK's `claim_deadline`) a funder may fund against.
    #[must_use]
    pub const fn needed_claim_deadline(&self, refund_height: u32) -> u32 {
        refund_height + self.refund_confirm + self.reorg_depth + self.claim_margin
    }

    /// The last height at which the payer may send or retry its payment.
    #[must_use]
    pub const fn pay_until(&self, agreed: u32) -> u32 {
        agreed + self.pay_window
    }

    /// The last height at which the funder may fund.
    #[must_use]
    pub const fn fund_until(&self, agreed: u32) -> u32 {
        agreed + self.fund_window
    }

    /// From this height a funding that is still unconfirmed is replaced by a spend of its first input to the funder.
    #[must_use]
    pub const fn replace_funding_from(&self, refund_height: u32, confirmations: u32) -> u32 {
        self.last_reveal(refund_height)
            .saturating_sub(confirmations + self.reorg_depth)
    }

    /// Whether a claim at `height` must wait for nothing and travel alone.
    #[must_use]
    pub const fn must_travel_alone(&self, height: u32, refund_height: u32) -> bool {
        height + self.alone > refund_height
    }

    /// Whether a transaction confirmed at `confirmed` is final at `height`.
    #[must_use]
    pub const fn buried(&self, confirmed: u32, height: u32) -> bool {
        height + 1 >= confirmed + self.reorg_depth
    }

    /// Whether these blocks can carry a swap with so many confirmations at all.
    ///
    /// # Errors
    /// The first inequality that does not hold, in words.
    pub const fn check(&self, confirmations: u32) -> Result<(), TimelockError> {
        if self.reveal_margin < 2 * self.refund_confirm + self.reorg_depth {
            return Err(TimelockError::RevealMargin);
        }
        if confirmations == 0 {
            return Err(TimelockError::NoConfirmations);
        }
        // The funding window, the confirmations and the reveal margin must fit before T with room to replace.
        let needed = self.fund_window + self.reveal_margin + confirmations + self.reorg_depth;
        if self.refund_delta <= needed + self.refund_confirm {
            return Err(TimelockError::TooShort);
        }
        // What the payer allows a route must stay below what LDK's router can express.
        if self.max_total_delta() > 1008 {
            return Err(TimelockError::TooLong);
        }
        Ok(())
    }
}

/// Why a set of timelocks cannot carry a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimelockError {
    /// The payer could reveal when its claim may no longer confirm before T.
    #[error("the reveal margin is shorter than two confirmation bounds and a reorganisation")]
    RevealMargin,
    /// A swap must wait for at least one confirmation.
    #[error("a swap waits for at least one confirmation")]
    NoConfirmations,
    /// Funding and confirming do not fit before the last height to reveal.
    #[error("the refund delta leaves no time to fund and confirm")]
    TooShort,
    /// The Lightning payment would be locked longer than a route may lock it.
    #[error("the refund delta locks the Lightning payment longer than a route allows")]
    TooLong,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_deltas_of_the_plan_are_225_and_357() {
        assert_eq!(Timelocks::new(Direction::Out, 144).invoice_delta(), 225);
        assert_eq!(Timelocks::new(Direction::In, 144).invoice_delta(), 357);
    }

    #[test]
    fn every_refund_delta_a_maker_may_offer_carries_a_swap_of_six_confirmations() {
        for direction in [Direction::Out, Direction::In] {
            for delta in MIN_REFUND_DELTA..=288 {
                assert_eq!(
                    Timelocks::new(direction, delta).check(6),
                    Ok(()),
                    "{direction} {delta}"
                );
            }
        }
    }

    /// LDK writes three blocks more into an invoice than it is told.
    #[test]
    fn an_invoice_states_three_blocks_more_than_it_is_made_with() {
        let locks = Timelocks::new(Direction::Out, 144);
        assert_eq!(locks.stated_delta(), 228);
        assert_eq!(locks.max_total_delta(), 528);
    }

    #[test]
    fn a_claim_travels_alone_with_fewer_than_sixty_blocks_left() {
        let locks = Timelocks::new(Direction::Out, 144);
        assert!(!locks.must_travel_alone(1_084, 1_144));
        assert!(locks.must_travel_alone(1_085, 1_144));
    }

    #[test]
    fn a_route_may_take_as_long_as_the_router_can_say_and_no_longer() {
        let locks = |delta| Timelocks::new(Direction::Out, delta);
        assert_eq!(locks(624).max_total_delta(), 1_008);
        assert_eq!(locks(624).check(1), Ok(()));
        assert_eq!(locks(625).check(1), Err(TimelockError::TooLong));
    }

    /// The window from the agreement ends at 1036; the funding must be able to confirm before T - 42 - N - 6.
    #[test]
    fn an_outside_deposit_is_safe_until_the_first_of_two_ends() {
        let locks = Timelocks::new(Direction::In, 144).funded_from_outside();
        assert_eq!(locks.last_safe_deposit(1_000, 1_144, 2), 1_036);
        assert_eq!(locks.last_safe_deposit(1_000, 1_080, 2), 1_030);
        assert_eq!(locks.last_safe_deposit(1_000, 1_086, 2), 1_036);
    }

    #[test]
    fn an_outside_deposit_needs_a_longer_refund_delta() {
        let locks = |delta| Timelocks::new(Direction::In, delta).funded_from_outside();
        assert_eq!(locks(144).check(6), Ok(()));
        assert_eq!(locks(96).check(1), Err(TimelockError::TooShort));
    }

    #[test]
    fn a_margin_below_confirm_bound_and_reorg_depth_is_refused() {
        let mut locks = Timelocks::new(Direction::Out, 144);
        locks.reveal_margin = 41;
        assert_eq!(locks.check(1), Err(TimelockError::RevealMargin));
    }

    proptest! {
        /// An HTLC that LDK accepts under the invoice's own delta, at any height up to the end of the funding window,
        /// has a claim deadline that lets the funder fund, whichever way the two tips differed within the tolerance
        /// that transit covers.
        #[test]
        fn an_accepted_htlc_always_leaves_the_funder_its_time(
            agreed in 1_000u32..900_000, late in 0u32..=6, delta in MIN_REFUND_DELTA..=MAX_REFUND_DELTA, out in any::<bool>(),
        ) {
            let locks = Timelocks::new(if out { Direction::Out } else { Direction::In }, delta);
            let expiry = agreed + late + locks.invoice_delta();
            let claim_deadline = expiry - locks.fail_back;
            prop_assert!(claim_deadline >= locks.needed_claim_deadline(locks.refund_height(agreed)));
        }

        /// Whatever the payer reveals at the last moment, its claim has the reveal margin before T, and a refund that
        /// starts at T is final before LDK gives the HTLC up.
        #[test]
        fn reveal_claim_and_refund_come_in_this_order(
            agreed in 1_000u32..900_000, delta in MIN_REFUND_DELTA..=MAX_REFUND_DELTA, n in 1u32..=6,
        ) {
            let locks = Timelocks::new(Direction::Out, delta);
            let t = locks.refund_height(agreed);
            prop_assert!(locks.fund_until(agreed) + n < locks.replace_funding_from(t, n));
            prop_assert!(locks.replace_funding_from(t, n) < locks.last_reveal(t));
            prop_assert!(locks.last_reveal(t) + 2 * locks.refund_confirm + locks.reorg_depth <= t);
            let refund_final = t + locks.refund_confirm + locks.reorg_depth;
            prop_assert!(refund_final + locks.claim_margin <= locks.needed_claim_deadline(t));
        }
    }
}
