//! What Lightning says.

use bitcoin::Amount;
use cambista_protocol::money::Msat;
use cambista_protocol::swap::{Event, HeldHtlc, Leg};
use cambista_protocol::words::{Secret32, SwapId};
use tracing::warn;

use crate::cost;
use crate::engine::Core;
use crate::handle::LightningNews;
use crate::ports::{Lightning, PortError, Ports};

/// LDK's word for a payment that arrived and was given back by the node it was for.
const BY_RECIPIENT: &str = "RecipientRejected";

impl<P: Ports> Core<P> {
    /// Stores what the news means before Lightning may forget it.
    pub(crate) async fn lightning_news(&mut self, news: &LightningNews) -> Result<(), PortError> {
        let hash = match news {
            LightningNews::Held { payment_hash, .. }
            | LightningNews::Claimed { payment_hash }
            | LightningNews::Dropped { payment_hash }
            | LightningNews::Sent { payment_hash, .. }
            | LightningNews::Failed { payment_hash, .. } => payment_hash,
        };
        let Some((id, leg)) = self.leg(hash)? else {
            if matches!(news, LightningNews::Held { .. }) {
                warn!("a payment arrived that belongs to no swap; it goes back");
                self.ports.lightning().fail_back(*hash);
            }
            return Ok(());
        };
        let event = match news {
            LightningNews::Held {
                payment_id,
                amount,
                claim_deadline,
                parts,
                custom_records,
                ..
            } => Event::Held {
                leg,
                htlc: HeldHtlc {
                    payment_id: Secret32(*payment_id),
                    amount: *amount,
                    claim_deadline: *claim_deadline,
                    sound: is_sound(leg, *amount, parts, *custom_records),
                },
            },
            LightningNews::Claimed { .. } => Event::Claimed { leg },
            LightningNews::Dropped { .. } => Event::Dropped { leg },
            LightningNews::Sent { fee, .. } => Event::PaymentSettled { leg, fee: *fee },
            LightningNews::Failed { reason, .. } => {
                if let Some(live) = self.swaps.get_mut(&id) {
                    live.rejected |= reason == BY_RECIPIENT;
                    live.trouble = Some(format!("the Lightning payment failed: {reason}"));
                }
                Event::PaymentFailed { leg }
            }
        };
        self.happened(id, event).await?;
        self.put_back(id);
        Ok(())
    }

    /// The swap a payment belongs to, brought back if it is archived.
    fn leg(&mut self, hash: &[u8; 32]) -> Result<Option<(SwapId, Leg)>, PortError> {
        let Some(id) = self.with_hash(hash)? else {
            return Ok(None);
        };
        self.recall(id)?;
        let leg = self.swaps.get(&id).and_then(|live| live.leg_of(hash));
        Ok(leg.map(|leg| (id, leg)))
    }
}

/// Whether every held part could be claimed on the chain at a stress fee rate, and nothing unknown comes with it. The prepay
/// is small by design: it only has to have come over anchor channels.
fn is_sound(leg: Leg, amount: Msat, parts: &[(Msat, bool)], custom_records: bool) -> bool {
    if custom_records {
        return false;
    }
    // Parts that are missing came over a channel that is on its way to the chain already.
    let all = parts
        .iter()
        .fold(Msat::default(), |sum, (part, _)| sum.saturating_add(*part));
    if all < amount {
        return false;
    }
    let least = cost::LEAST_HELD;
    parts.iter().all(|(part, anchors)| {
        *anchors && (leg == Leg::Prepay || Amount::from_sat(part.0 / 1000) >= least)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 180 vB at 50 sat/vB (msat).
    const LEAST: u64 = 9_000_000;

    /// Parts of so many msat, each with whether it came over an anchor channel.
    fn sound(leg: Leg, amount: u64, parts: &[(u64, bool)], custom_records: bool) -> bool {
        let parts: Vec<_> = parts.iter().map(|(msat, a)| (Msat(*msat), *a)).collect();
        is_sound(leg, Msat(amount), &parts, custom_records)
    }

    #[test]
    fn a_part_counts_as_held_when_it_is_worth_claiming_over_an_anchor_channel() {
        let swap = |amount, parts: &[(u64, bool)]| sound(Leg::Swap, amount, parts, false);
        assert!(swap(LEAST, &[(LEAST, true)]));
        assert!(swap(2 * LEAST, &[(LEAST, true), (LEAST, true)]));
        // Every one of them, not their sum.
        assert!(!swap(LEAST - 1, &[(LEAST - 1, true)]));
        assert!(!swap(9 * LEAST, &[(8 * LEAST, true), (LEAST - 1, true)]));
        assert!(!swap(9 * LEAST, &[(LEAST - 1, true), (8 * LEAST, true)]));
        // Whole satoshis are what a transaction pays.
        assert!(swap(LEAST + 999, &[(LEAST + 999, true)]));
        assert!(!swap(LEAST - 1, &[(LEAST - 1, true), (1, true)]));
    }

    #[test]
    fn a_part_over_a_channel_without_anchors_does_not_count() {
        for leg in [Leg::Swap, Leg::Prepay] {
            for parts in [
                [(LEAST, true), (LEAST, false)],
                [(LEAST, false), (LEAST, true)],
            ] {
                assert!(!sound(leg, 2 * LEAST, &parts, false), "{leg:?}");
            }
        }
    }

    #[test]
    fn a_payment_with_records_nobody_knows_does_not_count() {
        for leg in [Leg::Swap, Leg::Prepay] {
            assert!(sound(leg, LEAST, &[(LEAST, true)], false), "{leg:?}");
            assert!(!sound(leg, LEAST, &[(LEAST, true)], true), "{leg:?}");
        }
    }

    /// Its channel is on its way to the chain, and nobody knows what it was like.
    #[test]
    fn a_payment_with_a_part_that_is_missing_does_not_count() {
        for leg in [Leg::Swap, Leg::Prepay] {
            assert!(!sound(leg, 2 * LEAST, &[(LEAST, true)], false), "{leg:?}");
            assert!(!sound(leg, 2 * LEAST, &[], false), "{leg:?}");
            let most = [(u64::MAX, true), (u64::MAX, true)];
            assert!(sound(leg, u64::MAX, &most, false), "{leg:?}");
        }
    }

    #[test]
    fn a_prepay_may_be_small() {
        assert!(sound(Leg::Prepay, 1_000, &[(999, true), (1, true)], false));
    }
}
