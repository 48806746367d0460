//! Whether something is to be announced, and how pressing it is.

use std::time::Duration;

use cambista_engine::Business;
use cambista_market::pricing::worth_announcing;
use cambista_protocol::market::offer::Rate;
use tokio::time::Instant;

/// Between two announcements of an unchanged offer.
pub(super) const AGAIN: Duration = Duration::from_secs(30 * 60);

/// What of an offer can change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) out: Option<Rate>,
    pub(super) into: Option<Rate>,
    /// Blocks.
    pub(super) refund_delta: u32,
}

impl Terms {
    pub(super) fn of(business: &Business) -> Self {
        Self {
            out: business.out.rate,
            into: business.into.rate,
            refund_delta: business.refund_delta,
        }
    }

    pub(super) const fn is_none(&self) -> bool {
        self.out.is_none() && self.into.is_none()
    }
}

/// How pressing an announcement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// There is none.
    Nothing,
    /// A price or a limit changed, or others are about to forget the offer.
    Prices,
    /// The owner changed something, or a side is there again.
    Now,
    /// A side is gone: at once if it stays away.
    Gone,
}

/// What others know, as far as this run has told them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) terms: Terms,
    /// When; none for an offer of the run before.
    pub(super) at: Option<Instant>,
}

/// What is to be announced after `elapsed` since the last time, if anything is.
pub(super) fn need(told: Option<&Told>, now: &Terms, by_owner: bool, elapsed: Duration) -> Need {
    let Some(told) = told else {
        return if now.is_none() {
            Need::Nothing
        } else {
            Need::Now
        };
    };
    let then = &told.terms;
    let sides = [(&then.out, &now.out), (&then.into, &now.into)];
    if by_owner && then != now {
        return Need::Now;
    }
    if sides
        .iter()
        .any(|(then, now)| then.is_some() && now.is_none())
    {
        return Need::Gone;
    }
    if sides
        .iter()
        .any(|(then, now)| then.is_none() && now.is_some())
    {
        return Need::Now;
    }
    let moved = sides
        .iter()
        .any(|(then, now)| worth_announcing(then.as_ref(), now.as_ref()));
    let due = elapsed >= AGAIN && !now.is_none();
    if moved || due || (then.refund_delta != now.refund_delta && !now.is_none()) {
        return Need::Prices;
    }
    Need::Nothing
}

#[cfg(test)]
mod tests {
    use super::super::announce::tests::terms;
    use super::*;

    #[test]
    fn only_what_matters_is_announced_and_a_side_that_is_gone_before_anything_else() {
        let now = Instant::now();
        let told = |base| Told {
            terms: terms(base),
            at: Some(now),
        };
        let need = |told: Option<Told>, now, by_owner, minutes: u64| {
            let elapsed = Duration::from_secs(minutes * 60);
            super::need(told.as_ref(), &terms(now), by_owner, elapsed)
        };
        assert_eq!(need(None, None, true, 0), Need::Nothing);
        assert_eq!(need(None, Some(100), false, 0), Need::Now);
        assert_eq!(
            need(Some(told(Some(100))), Some(100), false, 5),
            Need::Nothing
        );
        assert_eq!(
            need(Some(told(Some(100))), Some(101), false, 5),
            Need::Nothing
        );
        assert_eq!(need(Some(told(Some(100))), Some(101), true, 5), Need::Now);
        assert_eq!(
            need(Some(told(Some(100))), Some(900), false, 5),
            Need::Prices
        );
        assert_eq!(
            need(Some(told(Some(100))), Some(100), false, 30),
            Need::Prices
        );
        assert_eq!(need(Some(told(Some(100))), None, false, 0), Need::Gone);
        assert_eq!(need(Some(told(Some(100))), None, true, 0), Need::Now);
        assert_eq!(need(Some(told(None)), Some(100), false, 0), Need::Now);
        assert_eq!(need(Some(told(None)), None, false, 60), Need::Nothing);
    }
}
