//! Secrets, time and randomness.

use std::pin::Pin;
use std::time::Duration;

use bitcoin::hashes::{Hash, sha256};
use cambista_protocol::contract::Secret;
use cambista_protocol::words::{Role, Secret32, SwapId};

/// What one side of one swap is made from. All of it follows from the seed and the swap's random id.
#[derive(Clone, Debug)]
pub struct SwapSecrets {
    /// R for a payer; the prepay's preimage for a funder.
    pub preimage: Secret32,
    /// Signs this side's leaf.
    pub script_key: Secret,
    /// This side's half of the internal key.
    pub internal_key: Secret,
}

impl SwapSecrets {
    /// SHA256 of the preimage.
    #[must_use]
    pub fn payment_hash(&self) -> [u8; 32] {
        sha256::Hash::hash(&self.preimage.0).to_byte_array()
    }
}

/// The node's secrets.
pub trait Keys: Send + Sync + 'static {
    /// The network this node's money is on.
    fn network(&self) -> bitcoin::Network;

    /// The secrets of one side of one swap.
    fn swap_secrets(&self, id: SwapId, role: Role) -> SwapSecrets;
}

/// The clock.
pub trait Clock: Send + Sync + 'static {
    /// Unix seconds.
    fn now(&self) -> u64;

    /// Ends after this time, by which the engine looks again at what has not worked yet. A simulated world says itself when
    /// that is.
    fn passes(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// Randomness good enough for keys.
pub trait Entropy: Send + Sync + 'static {
    /// Thirty-two fresh bytes.
    fn bytes32(&self) -> [u8; 32];
}
