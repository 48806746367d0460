//! Signing inputs that spend contract outputs. BIP340 without auxiliary randomness, so that the
//! same spend is always the same bytes.

use std::fmt;

use bitcoin::secp256k1::{Keypair, Message, Parity, XOnlyPublicKey};
use bitcoin::sighash::{Prevouts, SighashCache, TapSighash};
use bitcoin::taproot::TapLeafHash;
use bitcoin::{TapSighashType, Transaction, TxOut, Witness};

use super::secret::{Secret, secp};
use super::spend::{Method, SpendError, SpendInput};

/// The secret of a contract's output key (the one with even y). Prints only the public key.
#[derive(Clone)]
pub struct KeyPathSecret(Keypair);

impl KeyPathSecret {
    pub(super) fn new(secret: &Secret) -> Self {
        let keypair = Keypair::from_secret_key(secp(), secret.expose());
        match keypair.x_only_public_key() {
            (_, Parity::Even) => Self(keypair),
            (_, Parity::Odd) => Self(Keypair::from_secret_key(secp(), &secret.expose().negate())),
        }
    }

    /// The output key it signs for.
    pub fn output_key(&self) -> XOnlyPublicKey {
        self.0.x_only_public_key().0
    }

    /// The secret with even y, 32 bytes. The caller must not log it.
    pub fn expose(&self) -> [u8; 32] {
        self.0.secret_bytes()
    }
}

impl fmt::Debug for KeyPathSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPathSecret(for {})", self.output_key())
    }
}

impl Drop for KeyPathSecret {
    fn drop(&mut self) {
        self.0.non_secure_erase();
    }
}

/// Fills in every witness of `tx`, whose inputs must be exactly `inputs`, in that order.
///
/// # Errors
/// Inputs that are not the transaction's, or a secret or preimage that does not fit its contract
/// (the script would refuse the spend).
pub fn sign_inputs(tx: &mut Transaction, inputs: &[SpendInput]) -> Result<(), SpendError> {
    let same = tx.input.len() == inputs.len()
        && tx
            .input
            .iter()
            .zip(inputs)
            .all(|(txin, input)| txin.previous_output == input.outpoint);
    if !same {
        return Err(SpendError::InputsDiffer);
    }
    for input in inputs {
        input.check()?;
    }
    let prevouts: Vec<TxOut> = inputs.iter().map(SpendInput::prevout).collect();
    let mut witnesses = Vec::with_capacity(inputs.len());
    let mut cache = SighashCache::new(&*tx);
    for (index, input) in inputs.iter().enumerate() {
        let hash = sighash(&mut cache, index, &prevouts, leaf(input))?;
        witnesses.push(witness(input, hash));
    }
    for (txin, witness) in tx.input.iter_mut().zip(witnesses) {
        txin.witness = witness;
    }
    Ok(())
}

/// The BIP341 signature hash (SIGHASH_DEFAULT) of one input; `leaf` is `None` for the key path.
///
/// # Errors
/// An index or a list of spent outputs that does not belong to the transaction.
pub fn sighash(
    cache: &mut SighashCache<&Transaction>,
    index: usize,
    prevouts: &[TxOut],
    leaf: Option<TapLeafHash>,
) -> Result<TapSighash, SpendError> {
    let prevouts = Prevouts::All(prevouts);
    let kind = TapSighashType::Default;
    match leaf {
        None => cache.taproot_key_spend_signature_hash(index, &prevouts, kind),
        Some(leaf) => cache.taproot_script_spend_signature_hash(index, &prevouts, leaf, kind),
    }
    .map_err(|_| SpendError::InputsDiffer)
}

fn leaf(input: &SpendInput) -> Option<TapLeafHash> {
    match input.method {
        Method::KeyPath(_) => None,
        Method::Claim { .. } => Some(input.contract.claim_leaf_hash()),
        Method::Refund { .. } => Some(input.contract.refund_leaf_hash()),
    }
}

fn witness(input: &SpendInput, hash: TapSighash) -> Witness {
    let contract = &input.contract;
    let mut witness = Witness::new();
    match &input.method {
        Method::KeyPath(secret) => witness.push(signature(&secret.0, hash)),
        Method::Claim { key, preimage } => {
            witness.push(preimage);
            witness.push(signature(&keypair(key), hash));
            witness.push(contract.claim_script());
            witness.push(contract.claim_control_block().serialize());
        }
        Method::Refund { key } => {
            witness.push(signature(&keypair(key), hash));
            witness.push(contract.refund_script());
            witness.push(contract.refund_control_block().serialize());
        }
    }
    witness
}

fn keypair(secret: &Secret) -> Keypair {
    Keypair::from_secret_key(secp(), secret.expose())
}

fn signature(keypair: &Keypair, hash: TapSighash) -> [u8; 64] {
    secp()
        .sign_schnorr_no_aux_rand(&Message::from(hash), keypair)
        .serialize()
}
