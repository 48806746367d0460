//! The Lightning port over LDK.

use std::str::FromStr as _;
use std::sync::Arc;

use bitcoin::Amount;
use bitcoin::secp256k1::PublicKey;
use cambista_engine::ports::{
    HoldRequest, Lightning, Liquidity, PayError, PayRequest, PaymentStatus, PortError, RouteTarget,
};
use cambista_ldk::{self as ldk, Bolt11Invoice, Node, PaymentState};
use cambista_protocol::money::Msat;

/// What stands in a swap's invoices: nothing a wallet on the way should remember.
const DESCRIPTION: &str = "swap";

/// The node's Lightning side.
pub struct LightningPort {
    node: Arc<Node>,
}

impl LightningPort {
    pub(super) const fn new(node: Arc<Node>) -> Self {
        Self { node }
    }
}

fn msat(amount: Amount) -> Result<u64, PortError> {
    Msat::from_sat(amount.to_sat())
        .map(|msat| msat.0)
        .ok_or_else(|| PortError("no such amount of money".into()))
}

impl Lightning for LightningPort {
    fn node_id(&self) -> PublicKey {
        self.node.node_id()
    }

    fn sign(&self, digest: [u8; 32]) -> [u8; 64] {
        self.node.sign_tagged(digest)
    }

    fn hold_invoice(&self, request: &HoldRequest) -> Result<String, PortError> {
        let delta = u16::try_from(request.final_delta).map_err(|_| {
            PortError(format!(
                "a delta of {} blocks fits no invoice",
                request.final_delta
            ))
        })?;
        self.node
            .hold_invoice(
                request.payment_hash,
                msat(request.amount)?,
                delta,
                request.expiry_secs,
                DESCRIPTION,
            )
            .map(|invoice| invoice.to_string())
            .map_err(|error| PortError(error.to_string()))
    }

    fn pay(&self, request: &PayRequest) -> Result<(), PayError> {
        let request = ldk::PayRequest {
            invoice: request.invoice.clone(),
            payment_id: request.payment_id,
            max_fee_msat: request.max_fee.0,
            max_total_cltv_delta: request.max_total_delta,
            max_parts: request.max_parts,
            retry_secs: u64::from(request.retry_secs),
            first_hops: request.first_hops.clone(),
            last_hop: request.last_hop,
        };
        self.node.pay(&request).map_err(|error| match error {
            ldk::PayError::Duplicate => PayError::Duplicate,
            other => PayError::Failed(other.to_string()),
        })
    }

    fn stop_paying(&self, payment_id: [u8; 32]) {
        self.node.abandon(payment_id);
    }

    fn payment(&self, payment_id: [u8; 32]) -> PaymentStatus {
        match self.node.payment(payment_id) {
            // Abandoned: its HTLCs may still be in flight, so it is not over.
            Some(PaymentState::Pending | PaymentState::Abandoned) => PaymentStatus::Pending,
            Some(PaymentState::Fulfilled) => PaymentStatus::Settled,
            None => PaymentStatus::Unknown,
        }
    }

    fn held(&self, payment_hash: [u8; 32]) -> Msat {
        let held = self.node.held_htlcs();
        let parts = held.iter().filter(|htlc| htlc.hash == payment_hash);
        Msat(parts.map(|htlc| htlc.amount_msat).sum())
    }

    fn claim(&self, preimage: [u8; 32]) {
        self.node.claim(preimage);
    }

    fn fail_back(&self, payment_hash: [u8; 32]) {
        self.node.fail(payment_hash);
    }

    async fn written(&self) {
        // A node that stops has not written everything: then nothing that waits for it may go on.
        if self.node.barrier().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn lock_height(&self, payment_hash: [u8; 32]) -> Option<u32> {
        self.node.max_lock_height(payment_hash)
    }

    fn liquidity(&self) -> Liquidity {
        let liquidity = self.node.liquidity();
        Liquidity {
            outbound: Msat(liquidity.outbound_msat),
            inbound: Msat(liquidity.inbound_msat),
        }
    }

    fn route_fee(&self, target: RouteTarget<'_>, amount: Amount, max_delta: u32) -> Option<Msat> {
        let target = match target {
            RouteTarget::Invoice(invoice) => {
                ldk::RouteTarget::Invoice(Box::new(Bolt11Invoice::from_str(invoice).ok()?))
            }
            RouteTarget::Node(node) => ldk::RouteTarget::Node(node),
        };
        self.node
            .estimate_route_fee(&target, msat(amount).ok()?, max_delta)
            .map(Msat)
    }
}
