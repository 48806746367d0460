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
                    sound: !custom_records && is_sound(leg, *amount, parts),
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

/// Whether every held part could be claimed on the chain at a stress fee rate. The prepay is small by design: it only
/// has to have come over anchor channels.
fn is_sound(leg: Leg, amount: Msat, parts: &[(Msat, bool)]) -> bool {
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
