//! The Lightning port.

use std::future::Future;

use bitcoin::Amount;
use bitcoin::secp256k1::PublicKey;
use cambista_protocol::money::Msat;

use super::PortError;

/// An invoice on a hash whose preimage this node may not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldRequest {
    /// The payment hash.
    pub payment_hash: [u8; 32],
    /// The amount; whole satoshis.
    pub amount: Amount,
    /// The final CLTV delta D (blocks); the invoice states D + 3.
    pub final_delta: u32,
    /// Seconds until the invoice expires.
    pub expiry_secs: u32,
}

/// A payment with every limit explicit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayRequest {
    /// The BOLT11 invoice.
    pub invoice: String,
    /// Names the payment; the payment hash.
    pub payment_id: [u8; 32],
    /// The most routing may cost.
    pub max_fee: Msat,
    /// The most blocks the whole route may lock the payment.
    pub max_total_delta: u32,
    /// The most parts.
    pub max_parts: u8,
    /// Seconds to go on retrying.
    pub retry_secs: u32,
    /// The channels the payment may leave by; any when none are named.
    pub first_hops: Option<Vec<[u8; 32]>>,
    /// The node the last hop must come from.
    pub last_hop: Option<PublicKey>,
}

/// Why a payment was not started. Nothing of it is in flight.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayError {
    /// One with this id is under way or done: not an error after a restart.
    #[error("this payment is already under way")]
    Duplicate,
    /// It cannot be made.
    #[error("{0}")]
    Failed(String),
}

/// What Lightning knows of a payment of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentStatus {
    /// Under way.
    Pending,
    /// Settled; the event comes or came.
    Settled,
    /// Given up or never heard of.
    Unknown,
}

/// What could move over Lightning now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Liquidity {
    /// Could be sent (msat).
    pub outbound: Msat,
    /// Could be received (msat).
    pub inbound: Msat,
}

/// The embedded Lightning node.
pub trait Lightning: Send + Sync + 'static {
    /// This node's public key.
    fn node_id(&self) -> PublicKey;

    /// BIP340 signature by the node key over a 32-byte digest.
    fn sign(&self, digest: [u8; 32]) -> [u8; 64];

    /// Makes a hold invoice.
    ///
    /// # Errors
    /// When it cannot be made.
    fn hold_invoice(&self, request: &HoldRequest) -> Result<String, PortError>;

    /// Starts a payment.
    ///
    /// # Errors
    /// [`PayError`]; nothing is in flight then, except for [`PayError::Duplicate`].
    fn pay(&self, request: &PayRequest) -> Result<(), PayError>;

    /// Lets no further retry of a payment start.
    fn stop_paying(&self, payment_id: [u8; 32]);

    /// What Lightning knows of a payment.
    fn payment(&self, payment_id: [u8; 32]) -> PaymentStatus;

    /// What is held for us on this hash in open channels.
    fn held(&self, payment_hash: [u8; 32]) -> Msat;

    /// Claims what is held on this preimage's hash. Only the `Claimed` event is proof.
    fn claim(&self, preimage: [u8; 32]);

    /// Fails everything held on this hash back.
    fn fail_back(&self, payment_hash: [u8; 32]);

    /// Resolves once Lightning's own state has been written completely since this call.
    fn written(&self) -> impl Future<Output = ()> + Send;

    /// The height at which the last of the outgoing HTLCs on this hash expires.
    fn lock_height(&self, payment_hash: [u8; 32]) -> Option<u32>;

    /// What could move now.
    fn liquidity(&self) -> Liquidity;

    /// What routing this amount to the node would likely cost; none when no route is known.
    fn route_fee(
        &self,
        invoice_or_node: RouteTarget<'_>,
        amount: Amount,
        max_delta: u32,
    ) -> Option<Msat>;
}

/// Where a route should lead.
#[derive(Clone, Copy, Debug)]
pub enum RouteTarget<'a> {
    /// The payee and the hints of an invoice.
    Invoice(&'a str),
    /// A node of the public graph.
    Node(PublicKey),
}
