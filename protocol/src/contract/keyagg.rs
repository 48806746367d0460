//! BIP327 key sorting and aggregation, and the aggregate *secret* of someone who holds them all.
//!
//! Only the arithmetic of keys is here: no nonces and no partial signatures, because in this
//! protocol one side ends up with both secrets and signs alone.

use bitcoin::hashes::{Hash, HashEngine, sha256};
use bitcoin::secp256k1::constants::CURVE_ORDER;
use bitcoin::secp256k1::{Parity, PublicKey, Scalar, XOnlyPublicKey};

use super::secret::{Secret, secp};

/// Sorts keys by their 33-byte encoding, as BIP327 KeySort does.
pub fn key_sort(keys: &mut [PublicKey]) {
    keys.sort_by_key(PublicKey::serialize);
}

/// Keys combined by BIP327 KeyAgg, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAgg {
    keys: Vec<PublicKey>,
    coefficients: Vec<Scalar>,
    point: PublicKey,
}

impl KeyAgg {
    /// Aggregates the keys in the order given. Sort them first ([`key_sort`]) where the order must
    /// not matter.
    ///
    /// # Errors
    /// No key at all, a coefficient of zero, or a sum at infinity. The last two do not happen by
    /// chance.
    pub fn new(keys: &[PublicKey]) -> Result<Self, KeyAggError> {
        let first = keys.first().ok_or(KeyAggError::NoKeys)?;
        let second = keys.iter().find(|key| *key != first);
        let list = list_hash(keys);
        let coefficients: Vec<Scalar> = keys
            .iter()
            .map(|key| match second {
                Some(second) if second == key => Scalar::ONE,
                _ => coefficient(&list, key),
            })
            .collect();
        let weighted = keys
            .iter()
            .zip(&coefficients)
            .map(|(key, coefficient)| key.mul_tweak(secp(), coefficient))
            .collect::<Result<Vec<PublicKey>, _>>()
            .map_err(|_| KeyAggError::ZeroCoefficient)?;
        let point = PublicKey::combine_keys(&weighted.iter().collect::<Vec<_>>())
            .map_err(|_| KeyAggError::Infinity)?;
        Ok(Self {
            keys: keys.to_vec(),
            coefficients,
            point,
        })
    }

    /// The aggregate point.
    pub fn point(&self) -> PublicKey {
        self.point
    }

    /// The x coordinate of the aggregate point and the parity of its y.
    pub fn x_only(&self) -> (XOnlyPublicKey, Parity) {
        self.point.x_only_public_key()
    }

    /// The secret of the aggregate point, from every key's secret in the order of the keys.
    ///
    /// # Errors
    /// A missing or surplus secret, one that does not belong to the key in its place, or (never by
    /// chance) a sum of zero.
    pub fn secret(&self, secrets: &[&Secret]) -> Result<Secret, KeyAggError> {
        if secrets.len() != self.keys.len() {
            return Err(KeyAggError::SecretCount {
                expected: self.keys.len(),
                got: secrets.len(),
            });
        }
        let mut sum: Option<Secret> = None;
        for (index, secret) in secrets.iter().enumerate() {
            if self.keys[index] != secret.public_key() {
                return Err(KeyAggError::SecretMismatch { index });
            }
            let weighted = secret
                .expose()
                .mul_tweak(&self.coefficients[index])
                .map(Secret::new)
                .map_err(|_| KeyAggError::ZeroCoefficient)?;
            sum = Some(match sum {
                None => weighted,
                Some(sum) => weighted
                    .expose()
                    .add_tweak(&sum.scalar())
                    .map(Secret::new)
                    .map_err(|_| KeyAggError::Infinity)?,
            });
        }
        sum.ok_or(KeyAggError::NoKeys)
    }
}

/// BIP327 ApplyTweak on a point: with `x_only` the point is taken with even y first.
///
/// # Errors
/// A tweak not below the curve order, or a result at infinity.
pub fn tweak_point(
    point: &PublicKey,
    tweak: [u8; 32],
    x_only: bool,
) -> Result<PublicKey, KeyAggError> {
    let tweak = tweak_scalar(tweak)?;
    let base = match point.x_only_public_key() {
        (x, Parity::Odd) if x_only => x.public_key(Parity::Even),
        _ => *point,
    };
    base.add_exp_tweak(secp(), &tweak)
        .map_err(|_| KeyAggError::Infinity)
}

/// BIP327 ApplyTweak (x-only) on the secret of a point.
pub(super) fn tweak_secret(secret: &Secret, tweak: [u8; 32]) -> Result<Secret, KeyAggError> {
    let tweak = tweak_scalar(tweak)?;
    let base = match secret.public_key().x_only_public_key() {
        (_, Parity::Odd) => Secret::new(secret.expose().negate()),
        (_, Parity::Even) => secret.clone(),
    };
    base.expose()
        .add_tweak(&tweak)
        .map(Secret::new)
        .map_err(|_| KeyAggError::Infinity)
}

fn tweak_scalar(tweak: [u8; 32]) -> Result<Scalar, KeyAggError> {
    Scalar::from_be_bytes(tweak).map_err(|_| KeyAggError::TweakOutOfRange)
}

fn list_hash(keys: &[PublicKey]) -> [u8; 32] {
    let mut engine = tagged_engine("KeyAgg list");
    for key in keys {
        engine.input(&key.serialize());
    }
    sha256::Hash::from_engine(engine).to_byte_array()
}

fn coefficient(list: &[u8; 32], key: &PublicKey) -> Scalar {
    let mut engine = tagged_engine("KeyAgg coefficient");
    engine.input(list);
    engine.input(&key.serialize());
    reduce(sha256::Hash::from_engine(engine).to_byte_array())
}

/// A BIP340 tagged hash, ready to take the message.
fn tagged_engine(tag: &str) -> sha256::HashEngine {
    let tag = sha256::Hash::hash(tag.as_bytes());
    let mut engine = sha256::Hash::engine();
    engine.input(tag.as_ref());
    engine.input(tag.as_ref());
    engine
}

/// A 256-bit number modulo the curve order. Twice the order is above 2^256, so one subtraction is
/// enough.
fn reduce(bytes: [u8; 32]) -> Scalar {
    if let Ok(scalar) = Scalar::from_be_bytes(bytes) {
        return scalar;
    }
    let mut rest = [0u8; 32];
    let mut borrow = false;
    for (i, digit) in bytes.iter().enumerate().rev() {
        let (step, under_a) = digit.overflowing_sub(CURVE_ORDER[i]);
        let (step, under_b) = step.overflowing_sub(u8::from(borrow));
        rest[i] = step;
        borrow = under_a || under_b;
    }
    Scalar::from_be_bytes(rest).unwrap_or(Scalar::ZERO)
}

/// Why keys could not be combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyAggError {
    /// An empty list of keys.
    #[error("no keys to aggregate")]
    NoKeys,
    /// A coefficient that is zero.
    #[error(
        "a key aggregation coefficient is zero: these keys cannot be combined, refuse the swap"
    )]
    ZeroCoefficient,
    /// A sum or a tweaked key at infinity (or a secret of zero).
    #[error(
        "the combined key is the point at infinity: these keys cannot be combined, refuse the swap"
    )]
    Infinity,
    /// A tweak that is not below the curve order.
    #[error("the tweak is not below the curve order: refuse the swap")]
    TweakOutOfRange,
    /// Not as many secrets as keys.
    #[error("{expected} secrets are needed to sign alone, {got} given")]
    SecretCount {
        /// How many keys were aggregated.
        expected: usize,
        /// How many secrets were given.
        got: usize,
    },
    /// A secret that is not the secret of the key in its place.
    #[error("secret number {index} does not belong to the agreed key; nothing was signed")]
    SecretMismatch {
        /// Its place, from 0.
        index: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_at_and_above_the_curve_order_wrap() {
        let mut above = CURVE_ORDER;
        above[31] += 5;
        let mut five = [0u8; 32];
        five[31] = 5;
        assert_eq!(reduce(CURVE_ORDER), Scalar::ZERO);
        assert_eq!(reduce(above).to_be_bytes(), five);
        assert_eq!(reduce(five).to_be_bytes(), five);
        // 2^256 - 1 - n.
        let mut top = [0u8; 32];
        top[15] = 1;
        top[16..].copy_from_slice(&[
            0x45, 0x51, 0x23, 0x19, 0x50, 0xb7, 0x5f, 0xc4, 0x40, 0x2d, 0xa1, 0x73, 0x2f, 0xc9,
            0xbe, 0xbe,
        ]);
        assert_eq!(reduce([0xff; 32]).to_be_bytes(), top);
        // Low digits below the order's: every one of them borrows. 2^256 - 2^128 - n.
        let mut low = [0xff; 32];
        low[16..].fill(0);
        top[15] = 0;
        top[31] = 0xbf;
        assert_eq!(reduce(low).to_be_bytes(), top);
    }
}
