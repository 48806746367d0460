//! What the node tells its owner, in swaps' words.

use bitcoin::OutPoint;
use bitcoin::secp256k1::PublicKey;
use futures::future::BoxFuture;

/// One HTLC of a held payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPart {
    /// Value of this HTLC in millisatoshi.
    pub amount_msat: u64,
    /// The channel it came in on.
    pub channel_id: [u8; 32],
    /// The peer of that channel.
    pub peer: PublicKey,
    /// Whether the channel pays its HTLC fees by anchors. Without it the HTLC cannot be fee-bumped on chain.
    pub anchors: bool,
    /// Absolute height at which the sender's side may take this HTLC back.
    pub cltv_expiry: u32,
}

/// What happened on Lightning. Every event comes at least once, and again until the sink has said `Ok`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LightningEvent {
    /// A hold invoice is paid in full and waits for [`crate::Node::claim`] or [`crate::Node::fail`].
    Held {
        /// The payment hash.
        hash: [u8; 32],
        /// Identifies this set of HTLCs: a second payment of the same hash has another one.
        payment_id: [u8; 32],
        /// The sum of all parts in millisatoshi.
        amount_msat: u64,
        /// A claim is valid only while the chain is below this height; at it LDK fails the HTLC back.
        claim_deadline: u32,
        /// The HTLCs as they stand in open channels now. Less than `amount_msat` in sum means that a channel has
        /// closed: not safe to act on.
        parts: Vec<HeldPart>,
        /// The payment carries records we know nothing of.
        has_custom_tlvs: bool,
    },
    /// A held payment is ours, durably.
    Claimed {
        /// The payment hash.
        hash: [u8; 32],
        /// The set of HTLCs that was claimed.
        payment_id: Option<[u8; 32]>,
        /// Value in millisatoshi.
        amount_msat: u64,
    },
    /// LDK itself failed a held HTLC back because its deadline came.
    Dropped {
        /// The payment hash.
        hash: [u8; 32],
    },
    /// An ordinary invoice was paid and claimed.
    Received {
        /// The payment hash.
        hash: [u8; 32],
        /// Value in millisatoshi.
        amount_msat: u64,
    },
    /// A payment of ours succeeded.
    Sent {
        /// The identifier given to [`crate::Node::pay`].
        payment_id: [u8; 32],
        /// The payment hash.
        hash: [u8; 32],
        /// What the receiver revealed.
        preimage: [u8; 32],
        /// Routing fee paid, in millisatoshi.
        fee_msat: u64,
    },
    /// A payment of ours failed for good: none of its HTLCs is in flight any more.
    PaymentFailed {
        /// The identifier given to [`crate::Node::pay`].
        payment_id: [u8; 32],
        /// The payment hash.
        hash: Option<[u8; 32]>,
        /// Why.
        reason: String,
    },
    /// A payment of others went through us.
    Forwarded {
        /// What it earned, in millisatoshi.
        fee_msat: u64,
    },
    /// A channel's funding transaction is known and waits for confirmations.
    ChannelPending {
        /// The channel.
        id: [u8; 32],
        /// Its peer.
        peer: PublicKey,
        /// Its funding output.
        funding: OutPoint,
    },
    /// A channel can be used.
    ChannelReady {
        /// The channel.
        id: [u8; 32],
        /// Its peer.
        peer: PublicKey,
    },
    /// A channel is gone or on its way to the chain.
    ChannelClosed {
        /// The channel.
        id: [u8; 32],
        /// Its peer.
        peer: Option<PublicKey>,
        /// Why, in words.
        reason: String,
    },
}

/// The sink's way of saying "not saved, give it to me again".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay;

/// Who receives the node's events.
pub trait EventSink: Send + Sync {
    /// Takes one event. `Ok` only once the consequences are durable in the sink's own store; LDK forgets the event
    /// then. What the event follows from is on disk already. Keep it short: no other event is handled meanwhile.
    ///
    /// # Errors
    /// [`Replay`] makes the event come again a moment later.
    fn handle<'a>(&'a self, event: LightningEvent) -> BoxFuture<'a, Result<(), Replay>>;
}
