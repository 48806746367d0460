//! Sending: payments within explicit limits, and what became of them.

use std::str::FromStr;
use std::time::Duration;

use bitcoin::secp256k1::PublicKey;
use lightning::chain::channelmonitor::Balance;
use lightning::ln::channelmanager::{
    Bolt11PaymentError, PaymentId, RecentPaymentDetails, Retry, RetryableSendFailure,
};
use lightning::routing::router::{PaymentParameters, RouteParameters, RouteParametersConfig};
use lightning::types::features::Bolt11InvoiceFeatures;
use lightning_invoice::{Bolt11Invoice, Currency};

use crate::errors::PayError;
use crate::node::Node;
use crate::router::Rule;

/// A payment to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayRequest {
    /// The invoice. It must name an amount.
    pub invoice: String,
    /// Names this payment for good. The caller must have stored it before the call.
    pub payment_id: [u8; 32],
    /// Routing fees of all parts and all tries together, in millisatoshi, at most.
    pub max_fee_msat: u64,
    /// Blocks our funds may be locked, counted from the height of each try, the receiver's own delta included.
    pub max_total_cltv_delta: u32,
    /// Parts at most.
    pub max_parts: u8,
    /// How long new tries are made, in seconds. HTLCs in flight then may still succeed.
    pub retry_secs: u64,
    /// Only through these of our channels.
    pub first_hops: Option<Vec<[u8; 32]>>,
    /// Only through this node as the one before the receiver.
    pub last_hop: Option<PublicKey>,
}

/// Whom a route is looked for to.
#[derive(Clone, Debug)]
pub enum RouteTarget {
    /// Whoever made this invoice, with its hints.
    Invoice(Box<Bolt11Invoice>),
    /// A node of the public network.
    Node(PublicKey),
}

/// What LDK knows of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentState {
    /// Tries or HTLCs are under way.
    Pending,
    /// It succeeded a short while ago.
    Fulfilled,
    /// No more tries; HTLCs may still be in flight.
    Abandoned,
}

impl Node {
    /// Starts a payment. The outcome comes as [`crate::LightningEvent::Sent`] or
    /// [`crate::LightningEvent::PaymentFailed`].
    ///
    /// A crash during the call may lose the payment or not: at the next start look at [`Node::payment`], and wait for
    /// the replayed events, before starting it again.
    ///
    /// # Errors
    /// [`PayError`]; no money is in flight then, except for [`PayError::Duplicate`].
    pub fn pay(&self, request: &PayRequest) -> Result<(), PayError> {
        self.pay_amount(request, None)
    }

    /// As [`Node::pay`], and what the payer chose to pay (msat) when the invoice leaves it open. An invoice that names
    /// an amount is paid that amount.
    ///
    /// # Errors
    /// As [`Node::pay`].
    pub fn pay_amount(
        &self,
        request: &PayRequest,
        amount_msat: Option<u64>,
    ) -> Result<(), PayError> {
        let invoice = Bolt11Invoice::from_str(&request.invoice)
            .map_err(|error| PayError::BadInvoice(error.to_string()))?;
        if invoice.currency() != Currency::from(self.config.network) {
            return Err(PayError::BadInvoice("it is for another network".into()));
        }
        let open = invoice.amount_milli_satoshis().is_none();
        let chosen = amount_msat.filter(|_| open);
        if open && chosen.is_none() {
            return Err(PayError::NoAmount);
        }
        if self.payment(request.payment_id).is_some() {
            return Err(PayError::Duplicate);
        }
        let rule = Rule {
            first_hops: request.first_hops.clone(),
            last_hop: request.last_hop,
        };
        self.router
            .bind(request.payment_id, rule)
            .map_err(|error| PayError::Store(error.to_string()))?;
        let limits = RouteParametersConfig {
            max_total_routing_fee_msat: Some(request.max_fee_msat),
            max_total_cltv_expiry_delta: request.max_total_cltv_delta,
            max_path_count: request.max_parts.max(1),
            ..RouteParametersConfig::default()
        };
        let retry = Retry::Timeout(Duration::from_secs(request.retry_secs));
        let id = PaymentId(request.payment_id);
        let started = self.change(|| {
            self.manager
                .pay_for_bolt11_invoice(&invoice, id, chosen, limits, retry)
        });
        started.ok_or(PayError::Stopped)?.map_err(|error| {
            let error = explain(error);
            if error != PayError::Duplicate
                && let Err(error) = self.router.unbind(&request.payment_id)
            {
                tracing::warn!(%error, "the rule of a payment that did not start stays behind");
            }
            error
        })
    }

    /// What LDK remembers of a payment. `None` means that it never started, or ended and its event was handled: the
    /// caller's own record decides then.
    pub fn payment(&self, payment_id: [u8; 32]) -> Option<PaymentState> {
        let mut payments = self.manager.list_recent_payments().into_iter();
        payments.find_map(|payment| {
            let (id, state) = match payment {
                RecentPaymentDetails::AwaitingInvoice { payment_id }
                | RecentPaymentDetails::Pending { payment_id, .. } => {
                    (payment_id, PaymentState::Pending)
                }
                RecentPaymentDetails::Fulfilled { payment_id, .. } => {
                    (payment_id, PaymentState::Fulfilled)
                }
                RecentPaymentDetails::Abandoned { payment_id, .. } => {
                    (payment_id, PaymentState::Abandoned)
                }
            };
            (id.0 == payment_id).then_some(state)
        })
    }

    /// Makes no more tries for a payment. HTLCs in flight cannot be called back; the failure is reported once they
    /// are gone.
    pub fn abandon(&self, payment_id: [u8; 32]) {
        self.change(|| self.manager.abandon_payment(PaymentId(payment_id)));
    }

    /// The highest height up to which HTLCs of ours on this hash stay locked, when any are in flight.
    pub fn max_lock_height(&self, hash: [u8; 32]) -> Option<u32> {
        let channels = self.manager.list_channels();
        let open = channels
            .iter()
            .flat_map(|channel| &channel.pending_outbound_htlcs)
            .filter(|htlc| htlc.payment_hash.0 == hash)
            .map(|htlc| htlc.cltv_expiry);
        let ignored: Vec<_> = channels.iter().collect();
        let closing = self.monitors.get_claimable_balances(&ignored);
        let closing = closing.into_iter().filter_map(|balance| match balance {
            Balance::MaybeTimeoutClaimableHTLC {
                payment_hash,
                claimable_height,
                ..
            } if payment_hash.0 == hash => Some(claimable_height),
            _ => None,
        });
        open.chain(closing).max()
    }

    /// The routing fee, in millisatoshi, of the best route as far as is known now. Nothing is sent. `None` when there
    /// is no route.
    pub fn estimate_route_fee(
        &self,
        target: &RouteTarget,
        amount_msat: u64,
        max_total_cltv_delta: u32,
    ) -> Option<u64> {
        let params = match target {
            RouteTarget::Invoice(invoice) => PaymentParameters::from_bolt11_invoice(invoice),
            RouteTarget::Node(node) => PaymentParameters::from_node_id(*node, ORDINARY_DELTA)
                .with_bolt11_features(ordinary_features())
                .ok()?,
        };
        let params = params.with_max_total_cltv_expiry_delta(max_total_cltv_delta);
        let mut params = RouteParameters::from_payment_params_and_value(params, amount_msat);
        params.max_total_routing_fee_msat = None;
        let channels = self.manager.list_usable_channels();
        let hops: Vec<_> = channels.iter().collect();
        let route = self.router.find_ruled(
            &self.node_id(),
            &params,
            Some(&hops),
            self.manager.compute_inflight_htlcs(),
            &Rule::default(),
        );
        route.ok().map(|route| route.get_total_fees())
    }
}

/// What a receiver asks for that does not hold its payments.
const ORDINARY_DELTA: u32 = 42;

fn ordinary_features() -> Bolt11InvoiceFeatures {
    let mut features = Bolt11InvoiceFeatures::empty();
    features.set_variable_length_onion_required();
    features.set_payment_secret_required();
    features.set_basic_mpp_optional();
    features
}

fn explain(error: Bolt11PaymentError) -> PayError {
    match error {
        Bolt11PaymentError::InvalidAmount => PayError::NoAmount,
        Bolt11PaymentError::SendingFailed(failure) => match failure {
            RetryableSendFailure::PaymentExpired => PayError::Expired,
            RetryableSendFailure::RouteNotFound => PayError::NoRoute,
            RetryableSendFailure::DuplicatePayment => PayError::Duplicate,
            RetryableSendFailure::OnionPacketSizeExceeded => {
                PayError::Other("the way to the receiver is too long".into())
            }
        },
    }
}
