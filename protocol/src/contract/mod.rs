//! The on-chain contract: one P2TR output, two leaves, and an internal key made of both sides'
//! keys. Described in `spec/01-contract.md`; nothing here does IO, reads a clock or draws
//! randomness.

pub mod keyagg;
pub mod script;
pub mod secret;
pub mod show;
pub mod sign;
pub mod spend;
pub mod weight;
pub mod witness;

use bitcoin::absolute::LOCK_TIME_THRESHOLD;
use bitcoin::hashes::Hash;
use bitcoin::key::TweakedPublicKey;
use bitcoin::secp256k1::{Parity, PublicKey};
use bitcoin::taproot::{ControlBlock, LeafVersion, TapLeafHash, TapNodeHash, TapTweakHash};
use bitcoin::{Address, Amount, KnownHrp, Script, ScriptBuf, Transaction, XOnlyPublicKey};
use serde::{Deserialize, Serialize};

pub use keyagg::{KeyAgg, KeyAggError, key_sort};
pub use secret::{InvalidSecret, Secret};
pub use show::{ContractInput, ContractView, ShowError};
pub use sign::KeyPathSecret;
pub use spend::{Method, SignedSpend, Spend, SpendError, SpendInput};
pub use weight::{SpendKind, spend_fee, spend_weight};
pub use witness::{SpentBy, spent_by};

/// The four public keys of a contract, all fresh for this swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Keys {
    /// Signs the claim leaf, together with the preimage.
    pub payer_claim: PublicKey,
    /// The payer's half of the internal key; its secret may be handed over.
    pub payer_internal: PublicKey,
    /// Signs the refund leaf.
    pub funder_refund: PublicKey,
    /// The funder's half of the internal key; its secret may be handed over.
    pub funder_internal: PublicKey,
}

/// One of the two sides of a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Pays over Lightning and claims on chain.
    Payer,
    /// Funds the output and claims over Lightning.
    Funder,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Side::Payer => "payer",
            Side::Funder => "funder",
        })
    }
}

/// A contract with everything derived from its terms. That the four keys differ and that the
/// height is sensible is for the terms to check; here they only have to make a valid output.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Contract {
    keys: Keys,
    payment_hash: [u8; 32],
    refund_height: u32,
    claim_script: ScriptBuf,
    refund_script: ScriptBuf,
    merkle_root: TapNodeHash,
    internal_key: XOnlyPublicKey,
    output_key: XOnlyPublicKey,
    output_parity: Parity,
}

impl Contract {
    /// Builds the contract of these keys, the payment hash H = SHA256(R), and the refund height T
    /// in blocks.
    ///
    /// # Errors
    /// A height of 0 or at least 500,000,000 (which would be a time), or keys that cannot be
    /// combined.
    pub fn new(
        keys: Keys,
        payment_hash: [u8; 32],
        refund_height: u32,
    ) -> Result<Self, ContractError> {
        if refund_height == 0 || refund_height >= LOCK_TIME_THRESHOLD {
            return Err(ContractError::RefundHeight(refund_height));
        }
        let claim_script = script::claim_script(&keys.payer_claim.into(), &payment_hash);
        let refund_script = script::refund_script(&keys.funder_refund.into(), refund_height);
        let merkle_root = TapNodeHash::from_node_hashes(
            TapNodeHash::from_script(&claim_script, LeafVersion::TapScript),
            TapNodeHash::from_script(&refund_script, LeafVersion::TapScript),
        );
        let aggregate = aggregate(&keys)?;
        let (internal_key, _) = aggregate.x_only();
        let (output_key, output_parity) = keyagg::tweak_point(
            &aggregate.point(),
            tap_tweak(internal_key, merkle_root),
            true,
        )?
        .x_only_public_key();
        Ok(Self {
            keys,
            payment_hash,
            refund_height,
            claim_script,
            refund_script,
            merkle_root,
            internal_key,
            output_key,
            output_parity,
        })
    }

    /// The four keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// T: the refund leaf can be in a block above this height.
    pub fn refund_height(&self) -> u32 {
        self.refund_height
    }

    /// The claim leaf.
    pub fn claim_script(&self) -> &Script {
        &self.claim_script
    }

    /// The refund leaf.
    pub fn refund_script(&self) -> &Script {
        &self.refund_script
    }

    /// The BIP341 leaf hash of the claim leaf.
    pub fn claim_leaf_hash(&self) -> TapLeafHash {
        TapLeafHash::from_script(&self.claim_script, LeafVersion::TapScript)
    }

    /// The BIP341 leaf hash of the refund leaf.
    pub fn refund_leaf_hash(&self) -> TapLeafHash {
        TapLeafHash::from_script(&self.refund_script, LeafVersion::TapScript)
    }

    /// The root of the two leaves.
    pub fn merkle_root(&self) -> TapNodeHash {
        self.merkle_root
    }

    /// The x coordinate of the aggregate of both internal keys.
    pub fn internal_key(&self) -> XOnlyPublicKey {
        self.internal_key
    }

    /// The taproot output key.
    pub fn output_key(&self) -> XOnlyPublicKey {
        self.output_key
    }

    /// The parity of the output key's y.
    pub fn output_parity(&self) -> Parity {
        self.output_parity
    }

    /// The control block of the claim leaf.
    pub fn claim_control_block(&self) -> ControlBlock {
        self.control_block(self.refund_leaf_hash())
    }

    /// The control block of the refund leaf.
    pub fn refund_control_block(&self) -> ControlBlock {
        self.control_block(self.claim_leaf_hash())
    }

    fn control_block(&self, sibling: TapLeafHash) -> ControlBlock {
        ControlBlock {
            leaf_version: LeafVersion::TapScript,
            output_key_parity: self.output_parity,
            internal_key: self.internal_key,
            merkle_branch: [TapNodeHash::from(sibling)].into(),
        }
    }

    /// The output script.
    pub fn script_pubkey(&self) -> ScriptBuf {
        ScriptBuf::new_p2tr_tweaked(TweakedPublicKey::dangerous_assume_tweaked(self.output_key))
    }

    /// The output's address on a network.
    pub fn address(&self, network: impl Into<KnownHrp>) -> Address {
        Address::p2tr_tweaked(
            TweakedPublicKey::dangerous_assume_tweaked(self.output_key),
            network,
        )
    }

    /// The outputs of a transaction that pay this contract: index and value.
    pub fn outputs_in<'a>(
        &'a self,
        tx: &'a Transaction,
    ) -> impl Iterator<Item = (u32, Amount)> + 'a {
        let script = self.script_pubkey();
        (0u32..)
            .zip(&tx.output)
            .filter(move |(_, output)| output.script_pubkey == script)
            .map(|(vout, output)| (vout, output.value))
    }

    /// Whether this is the preimage R: SHA256(R) = H.
    pub fn is_preimage(&self, preimage: &[u8; 32]) -> bool {
        bitcoin::hashes::sha256::Hash::hash(preimage).to_byte_array() == self.payment_hash
    }

    /// Checks a handed-over internal secret: secret x G must be the agreed point of that side.
    ///
    /// # Errors
    /// [`ContractError::WrongSecret`] when it is not; the secret is then worth nothing and the
    /// script leaves remain the way to the coins.
    pub fn check_handover(&self, side: Side, secret: &Secret) -> Result<(), ContractError> {
        let agreed = match side {
            Side::Payer => self.keys.payer_internal,
            Side::Funder => self.keys.funder_internal,
        };
        if secret.public_key() == agreed {
            Ok(())
        } else {
            Err(ContractError::WrongSecret { side })
        }
    }

    /// The secret of the output key, from both sides' internal secrets. Its holder spends by key
    /// path alone.
    ///
    /// # Errors
    /// [`ContractError::WrongSecret`] when either is not the agreed key's secret.
    pub fn key_path_secret(
        &self,
        payer_internal: &Secret,
        funder_internal: &Secret,
    ) -> Result<KeyPathSecret, ContractError> {
        self.check_handover(Side::Payer, payer_internal)?;
        self.check_handover(Side::Funder, funder_internal)?;
        let mut secrets = [payer_internal, funder_internal];
        secrets.sort_by_key(|secret| secret.public_key().serialize());
        let aggregate = aggregate(&self.keys)?.secret(&secrets)?;
        let tweak = tap_tweak(self.internal_key, self.merkle_root);
        let secret = KeyPathSecret::new(&keyagg::tweak_secret(&aggregate, tweak)?);
        if secret.output_key() == self.output_key {
            Ok(secret)
        } else {
            Err(ContractError::KeyAgg(KeyAggError::Infinity))
        }
    }
}

/// The BIP327 aggregate of the two internal keys, sorted.
fn aggregate(keys: &Keys) -> Result<KeyAgg, KeyAggError> {
    let mut pair = [keys.payer_internal, keys.funder_internal];
    key_sort(&mut pair);
    KeyAgg::new(&pair)
}

fn tap_tweak(internal_key: XOnlyPublicKey, merkle_root: TapNodeHash) -> [u8; 32] {
    TapTweakHash::from_key_and_tweak(internal_key, Some(merkle_root)).to_byte_array()
}

/// Why a contract could not be built or a secret not be used with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// The refund height is no block height.
    #[error(
        "refund height {0} is not a block height (1 to 499999999): no such contract can be \
         funded, refuse the swap"
    )]
    RefundHeight(u32),
    /// The internal keys cannot be combined.
    #[error(transparent)]
    KeyAgg(#[from] KeyAggError),
    /// A handed-over secret that is not the agreed one.
    #[error(
        "the internal secret said to be the {side}'s is not the secret of the agreed key: it was \
         not used, the coins stay reachable by the script leaf"
    )]
    WrongSecret {
        /// Whose secret it was said to be.
        side: Side,
    },
}
