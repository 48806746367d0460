//! What Lightning says, in the engine's words.

use std::sync::Arc;

use bitcoin::hex::DisplayHex as _;
use cambista_engine::ports::Clock as _;
use cambista_engine::{EngineHandle, LightningNews};
use cambista_ldk::{EventSink, LightningEvent, Replay};
use cambista_protocol::money::Msat;
use futures::future::BoxFuture;

use super::system::SystemClock;
use crate::payments::Payments;

/// Hands Lightning's events to the engine and to the payments that are no swap's; Lightning keeps an event until both
/// have stored it.
pub struct Events {
    engine: EngineHandle,
    payments: Arc<Payments>,
}

impl Events {
    /// To this engine and these payments.
    #[must_use]
    pub const fn new(engine: EngineHandle, payments: Arc<Payments>) -> Self {
        Self { engine, payments }
    }
}

impl EventSink for Events {
    fn handle<'a>(&'a self, event: LightningEvent) -> BoxFuture<'a, Result<(), Replay>> {
        Box::pin(async move {
            if let Err(error) = self.payments.hear(&event, SystemClock.now()) {
                tracing::error!(%error, "what became of a payment could not be written down; Lightning keeps it");
                return Err(Replay);
            }
            match news(event) {
                Some(news) => self.engine.lightning(news).await.map_err(|_| Replay),
                None => Ok(()),
            }
        })
    }
}

/// What the engine should hear; the rest is only logged.
fn news(event: LightningEvent) -> Option<LightningNews> {
    Some(match event {
        LightningEvent::Held {
            hash,
            payment_id,
            amount_msat,
            claim_deadline,
            parts,
            has_custom_tlvs,
        } => LightningNews::Held {
            payment_hash: hash,
            payment_id,
            amount: Msat(amount_msat),
            claim_deadline,
            parts: parts
                .iter()
                .map(|part| (Msat(part.amount_msat), part.anchors))
                .collect(),
            custom_records: has_custom_tlvs,
        },
        LightningEvent::Claimed { hash, .. } => LightningNews::Claimed { payment_hash: hash },
        LightningEvent::Dropped { hash } => LightningNews::Dropped { payment_hash: hash },
        LightningEvent::Sent { hash, fee_msat, .. } => LightningNews::Sent {
            payment_hash: hash,
            fee: Msat(fee_msat),
        },
        // Without a hash the payment was never sent; its id is the hash, as the engine names payments.
        LightningEvent::PaymentFailed {
            payment_id,
            hash,
            reason,
        } => LightningNews::Failed {
            payment_hash: hash.unwrap_or(payment_id),
            reason,
        },
        other => {
            log(&other);
            return None;
        }
    })
}

fn log(event: &LightningEvent) {
    match event {
        LightningEvent::ChannelPending { id, peer, funding } => {
            tracing::info!(channel = %id.as_hex(), %peer, %funding, "channel is being opened");
        }
        LightningEvent::ChannelReady { id, peer } => {
            tracing::info!(channel = %id.as_hex(), %peer, "channel is ready");
        }
        LightningEvent::ChannelClosed { id, peer, reason } => {
            let peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
            tracing::warn!(channel = %id.as_hex(), peer, reason, "channel is closed");
        }
        LightningEvent::Received { amount_msat, .. } => {
            tracing::info!(amount_msat, "payment received")
        }
        LightningEvent::Forwarded { fee_msat } => tracing::debug!(fee_msat, "payment forwarded"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use cambista_ldk::HeldPart;

    use super::*;

    #[test]
    fn a_held_payment_keeps_every_part_and_whether_it_is_safe() {
        let peer = "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
            .parse()
            .unwrap();
        let part = |amount_msat, anchors| HeldPart {
            amount_msat,
            channel_id: [1; 32],
            peer,
            anchors,
            cltv_expiry: 9,
        };
        let held = LightningEvent::Held {
            hash: [2; 32],
            payment_id: [3; 32],
            amount_msat: 30,
            claim_deadline: 7,
            parts: vec![part(10, true), part(20, false)],
            has_custom_tlvs: true,
        };
        assert_eq!(
            news(held).unwrap(),
            LightningNews::Held {
                payment_hash: [2; 32],
                payment_id: [3; 32],
                amount: Msat(30),
                claim_deadline: 7,
                parts: vec![(Msat(10), true), (Msat(20), false)],
                custom_records: true,
            }
        );
    }

    #[test]
    fn a_payment_that_failed_before_it_was_sent_is_named_by_its_id() {
        let failed = LightningEvent::PaymentFailed {
            payment_id: [4; 32],
            hash: None,
            reason: "no route".into(),
        };
        assert_eq!(
            news(failed).unwrap(),
            LightningNews::Failed {
                payment_hash: [4; 32],
                reason: "no route".into()
            }
        );
    }

    #[test]
    fn what_is_not_about_swaps_does_not_reach_the_engine() {
        assert_eq!(news(LightningEvent::Forwarded { fee_msat: 1 }), None);
    }
}
