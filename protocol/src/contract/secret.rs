//! Secret keys that do not print themselves.

use std::fmt;
use std::sync::OnceLock;

use bitcoin::secp256k1::{self, All, PublicKey, Scalar, Secp256k1, SecretKey};

/// The process-wide secp256k1 context. Its blinding never changes a result.
pub fn secp() -> &'static Secp256k1<All> {
    static CONTEXT: OnceLock<Secp256k1<All>> = OnceLock::new();
    CONTEXT.get_or_init(Secp256k1::new)
}

/// A secret key of one swap. `Debug` shows nothing of it, there is no `Display` and no
/// serialisation, and the bytes are overwritten when it is dropped (as far as the compiler lets us).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(SecretKey);

impl Secret {
    /// Wraps a secret key.
    pub fn new(key: SecretKey) -> Self {
        Self(key)
    }

    /// Reads 32 big-endian bytes.
    ///
    /// # Errors
    /// When the number is zero or not below the curve order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, InvalidSecret> {
        SecretKey::from_slice(bytes)
            .map(Self)
            .map_err(|_: secp256k1::Error| InvalidSecret)
    }

    /// The point of this secret: secret x G.
    pub fn public_key(&self) -> PublicKey {
        self.0.public_key(secp())
    }

    /// The key itself, for signing and for the handover message. The caller must not log it.
    pub fn expose(&self) -> &SecretKey {
        &self.0
    }

    /// The same number as a scalar.
    pub(super) fn scalar(&self) -> Scalar {
        Scalar::from(self.0)
    }
}

impl From<SecretKey> for Secret {
    fn from(key: SecretKey) -> Self {
        Self(key)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.non_secure_erase();
    }
}

/// 32 bytes that are no secret key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a secret key: it must be a number from 1 to the curve order - 1; nothing was signed")]
pub struct InvalidSecret;
