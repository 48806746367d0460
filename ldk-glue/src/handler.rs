//! LDK's events: those that are the node's own business are dealt with here, the others go to the owner's sink.
//!
//! `Ok` makes LDK forget an event, so it is returned only after the consequence is durable, or when the consequence
//! follows from state that LDK itself holds.

use std::sync::Arc;
use std::time::Duration;

use bitcoin::Amount;
use bitcoin::secp256k1::PublicKey;
use lightning::events::{
    Event, FundingInfo, HTLCHandlingFailureReason, HTLCHandlingFailureType, PaymentPurpose,
    ReplayEvent,
};
use lightning::ln::onion_utils::LocalHTLCFailureReason;
use lightning::ln::types::ChannelId;
use lightning::sign::EntropySource;
use lightning::types::features::ChannelTypeFeatures;

use crate::events::{EventSink, LightningEvent};
use crate::node::Node;
use crate::standing;

/// Before an event the sink refused is given to it again. LDK itself would ask at once, forever; but its
/// own loop stands still meanwhile, so the pause is short.
const PAUSE: Duration = Duration::from_millis(200);
/// Blocks in which a channel's funding should confirm.
const FUNDING_TARGET: u16 = 6;

/// Handles events until the node stops.
pub(crate) struct Handler {
    pub(crate) node: Arc<Node>,
    pub(crate) sink: Arc<dyn EventSink>,
}

impl Handler {
    pub(crate) async fn handle(&self, event: Event) -> Result<(), ReplayEvent> {
        // What the event follows from must not be taken back by a crash once its owner has acted on it.
        if self.node.store.settle().is_err() {
            tokio::time::sleep(PAUSE).await;
            return Err(ReplayEvent());
        }
        match event {
            Event::FundingGenerationReady {
                temporary_channel_id,
                counterparty_node_id,
                channel_value_satoshis,
                output_script,
                user_channel_id,
            } => {
                let amount = Amount::from_sat(channel_value_satoshis);
                self.fund(
                    temporary_channel_id,
                    counterparty_node_id,
                    &output_script,
                    amount,
                    user_channel_id,
                );
                Ok(())
            }
            Event::OpenChannelRequest {
                temporary_channel_id,
                counterparty_node_id,
                funding_satoshis,
                channel_type,
                ..
            } => {
                self.answer(
                    temporary_channel_id,
                    counterparty_node_id,
                    funding_satoshis,
                    &channel_type,
                );
                Ok(())
            }
            Event::SpendableOutputs {
                outputs,
                channel_id,
            } => {
                // Static outputs pay to wallet addresses already.
                let tracked = self
                    .node
                    .sweeper
                    .track_spendable_outputs(outputs, channel_id, true, None);
                tracked.map_err(|()| ReplayEvent())
            }
            Event::BumpTransaction(event) => {
                self.node.bumper.handle_event(&event);
                Ok(())
            }
            Event::DiscardFunding {
                funding_info: FundingInfo::Tx { transaction },
                ..
            } => {
                self.node.wallet.release_tx(&transaction);
                Ok(())
            }
            Event::PaymentClaimable {
                purpose:
                    PaymentPurpose::Bolt11InvoicePayment {
                        payment_preimage: Some(preimage),
                        ..
                    }
                    | PaymentPurpose::SpontaneousPayment(preimage),
                ..
            } => {
                // LDK made the preimage itself and gives it again with every replay.
                self.node.manager.claim_funds(preimage);
                Ok(())
            }
            other => match self.translate(other) {
                Some(event) => self.tell(event).await,
                None => Ok(()),
            },
        }
    }

    async fn tell(&self, event: LightningEvent) -> Result<(), ReplayEvent> {
        let ended = match &event {
            LightningEvent::Sent { payment_id, .. }
            | LightningEvent::PaymentFailed { payment_id, .. } => Some(*payment_id),
            _ => None,
        };
        if self.sink.handle(event).await.is_err() {
            tokio::time::sleep(PAUSE).await;
            return Err(ReplayEvent());
        }
        if let Some(payment_id) = ended {
            // A failure is reported through the store's own latch.
            let _ = self.node.router.unbind(&payment_id);
        }
        Ok(())
    }

    fn translate(&self, event: Event) -> Option<LightningEvent> {
        Some(match event {
            Event::PaymentClaimable {
                payment_hash,
                onion_fields,
                amount_msat,
                claim_deadline,
                payment_id,
                ..
            } => LightningEvent::Held {
                hash: payment_hash.0,
                payment_id: payment_id.map_or(payment_hash.0, |id| id.0),
                amount_msat,
                // Absent only for payments of ancient versions: as good as expired.
                claim_deadline: claim_deadline.unwrap_or(0),
                parts: self.node.held_parts(payment_hash.0),
                has_custom_tlvs: onion_fields.is_none_or(|fields| !fields.custom_tlvs().is_empty()),
            },
            Event::PaymentClaimed {
                payment_hash,
                amount_msat,
                purpose,
                payment_id,
                ..
            } => match purpose.preimage() {
                Some(_) => LightningEvent::Received {
                    hash: payment_hash.0,
                    amount_msat,
                },
                None => LightningEvent::Claimed {
                    hash: payment_hash.0,
                    payment_id: payment_id.map(|id| id.0),
                    amount_msat,
                },
            },
            Event::HTLCHandlingFailed {
                failure_type: HTLCHandlingFailureType::Receive { payment_hash },
                failure_reason:
                    Some(HTLCHandlingFailureReason::Local {
                        reason: LocalHTLCFailureReason::PaymentClaimBuffer,
                    }),
                ..
            } => LightningEvent::Dropped {
                hash: payment_hash.0,
            },
            Event::PaymentSent {
                payment_id,
                payment_preimage,
                payment_hash,
                fee_paid_msat,
                ..
            } => LightningEvent::Sent {
                payment_id: payment_id.map_or(payment_hash.0, |id| id.0),
                hash: payment_hash.0,
                preimage: payment_preimage.0,
                fee_msat: fee_paid_msat.unwrap_or(0),
            },
            Event::PaymentFailed {
                payment_id,
                payment_hash,
                reason,
            } => LightningEvent::PaymentFailed {
                payment_id: payment_id.0,
                hash: payment_hash.map(|hash| hash.0),
                reason: reason.map_or_else(|| "unknown".into(), |reason| format!("{reason:?}")),
            },
            Event::PaymentForwarded {
                total_fee_earned_msat,
                ..
            } => LightningEvent::Forwarded {
                fee_msat: total_fee_earned_msat.unwrap_or(0),
            },
            Event::ChannelPending {
                channel_id,
                user_channel_id,
                counterparty_node_id,
                funding_txo,
                ..
            } => {
                self.node
                    .openings
                    .resolve(user_channel_id, Ok(channel_id.0));
                self.node.update_reserve();
                LightningEvent::ChannelPending {
                    id: channel_id.0,
                    peer: counterparty_node_id,
                    funding: funding_txo,
                }
            }
            Event::ChannelReady {
                channel_id,
                counterparty_node_id,
                ..
            } => {
                // From now on there can be something in it worth a closing transaction.
                self.node.update_reserve();
                LightningEvent::ChannelReady {
                    id: channel_id.0,
                    peer: counterparty_node_id,
                }
            }
            Event::ChannelClosed {
                channel_id,
                user_channel_id,
                reason,
                counterparty_node_id,
                ..
            } => {
                let reason = reason.to_string();
                self.node
                    .openings
                    .resolve(user_channel_id, Err(reason.clone()));
                self.node.update_reserve();
                LightningEvent::ChannelClosed {
                    id: channel_id.0,
                    peer: counterparty_node_id,
                    reason,
                }
            }
            _ => return None,
        })
    }

    /// Pays for a channel we asked for. LDK broadcasts the transaction once the peer has signed.
    fn fund(
        &self,
        temporary: ChannelId,
        peer: PublicKey,
        script: &bitcoin::Script,
        amount: Amount,
        number: u128,
    ) {
        let node = &self.node;
        let abort = |reason: String| {
            let _ = node.manager.force_close_broadcasting_latest_txn(
                &temporary,
                &peer,
                "the channel cannot be funded".into(),
            );
            node.openings.resolve(number, Err(reason));
        };
        if !node.is_opening(number) {
            return abort("nobody waits for this channel any more".into());
        }
        let rate = node.fees.rate(FUNDING_TARGET);
        let transaction = match node.wallet.channel_funding(script, amount, rate) {
            Ok(transaction) => transaction,
            Err(error) => return abort(error.to_string()),
        };
        let given =
            node.manager
                .funding_transaction_generated(temporary, peer, transaction.clone());
        if let Err(error) = given {
            node.wallet.release_tx(&transaction);
            abort(format!("{error:?}"));
        }
    }

    /// Takes or refuses a channel a peer wants to open. Without anchors a held HTLC could not be bumped on chain.
    fn answer(
        &self,
        temporary: ChannelId,
        peer: PublicKey,
        funding_sat: u64,
        kind: &ChannelTypeFeatures,
    ) {
        let node = &self.node;
        let refuse = |why: &str| {
            let _ = node
                .manager
                .force_close_broadcasting_latest_txn(&temporary, &peer, why.into());
        };
        if !node.config.accept_channels {
            return refuse("this node accepts no channels");
        }
        if !kind.supports_anchors_zero_fee_htlc_tx() {
            return refuse("only anchor channels are accepted");
        }
        if funding_sat < node.config.min_channel_sat {
            return refuse("the channel is too small");
        }
        if let Err(why) = standing::room(&node.standing(), &peer, node.config.max_channels) {
            return refuse(why);
        }
        let number = u128::from(u64::from_be_bytes(first_eight(
            &node.keys.get_secure_random_bytes(),
        )));
        if let Err(error) = node
            .manager
            .accept_inbound_channel(&temporary, &peer, number, None)
        {
            tracing::info!(?error, %peer, "a channel could not be accepted");
        }
    }
}

fn first_eight(bytes: &[u8; 32]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *bytes;
    [a, b, c, d, e, f, g, h]
}
