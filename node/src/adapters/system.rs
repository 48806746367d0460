//! The clock and the randomness of the machine.

use std::time::{SystemTime, UNIX_EPOCH};

use bitcoin::secp256k1::rand::{RngCore as _, rngs::OsRng};
use cambista_engine::ports::{Clock, Entropy};

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs())
    }
}

/// The system's source of randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn bytes32(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        OsRng.fill_bytes(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ_and_neither_is_empty() {
        let (one, two) = (SystemEntropy.bytes32(), SystemEntropy.bytes32());
        assert_ne!(one, two);
        assert_ne!(one, [0; 32]);
    }
}
