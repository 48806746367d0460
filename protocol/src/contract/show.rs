//! A contract described in words and hex: what `contract show` reads and prints, with the field
//! names of `spec/vectors/contract.json`.

use std::str::FromStr;

use bitcoin::Network;
use bitcoin::hex::FromHex;
use bitcoin::secp256k1::PublicKey;
use serde::{Deserialize, Serialize};

use super::{Contract, ContractError, Keys};
use crate::words;

/// A contract's terms as text. Unknown fields are refused: a misspelt one must not pass unseen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContractInput {
    /// 33-byte key, 66 hex digits.
    pub payer_claim: String,
    /// 33-byte key, 66 hex digits.
    pub payer_internal: String,
    /// 33-byte key, 66 hex digits.
    pub funder_refund: String,
    /// 33-byte key, 66 hex digits.
    pub funder_internal: String,
    /// SHA256 of the preimage, 64 hex digits.
    pub payment_hash: String,
    /// Block height from 1 to 499,999,999.
    pub refund_height: u32,
    /// `bitcoin`, `testnet`, `signet` or `regtest`.
    pub network: String,
}

impl ContractInput {
    /// Reads the terms.
    ///
    /// # Errors
    /// [`ShowError`] naming the first field that is wrong and what it should be.
    pub fn parse(&self) -> Result<(Contract, Network), ShowError> {
        let keys = Keys {
            payer_claim: key("payer_claim", &self.payer_claim)?,
            payer_internal: key("payer_internal", &self.payer_internal)?,
            funder_refund: key("funder_refund", &self.funder_refund)?,
            funder_internal: key("funder_internal", &self.funder_internal)?,
        };
        let hash = <[u8; 32]>::from_hex(&self.payment_hash).map_err(|_| ShowError::Field {
            field: "payment_hash",
            expected: "64 hex digits (SHA256 of the preimage)",
        })?;
        let network = words::network(&self.network).ok_or(ShowError::Field {
            field: "network",
            expected: "one of bitcoin, testnet, signet, regtest",
        })?;
        match Contract::new(keys, hash, self.refund_height) {
            Ok(contract) => Ok((contract, network)),
            Err(ContractError::RefundHeight(_)) => Err(ShowError::Field {
                field: "refund_height",
                expected: "a block height from 1 to 499999999",
            }),
            Err(other) => Err(other.into()),
        }
    }
}

fn key(field: &'static str, hex: &str) -> Result<PublicKey, ShowError> {
    // The length first: the parser would also take an uncompressed key.
    Some(hex)
        .filter(|hex| hex.len() == 66)
        .and_then(|hex| PublicKey::from_str(hex).ok())
        .ok_or(ShowError::Field {
            field,
            expected: "a compressed public key on the curve, 66 hex digits starting with 02 or 03",
        })
}

/// Everything that follows from a contract's terms, in lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractView {
    /// The claim leaf.
    pub claim_script: String,
    /// The refund leaf.
    pub refund_script: String,
    /// BIP341 leaf hash of the claim leaf.
    pub claim_leaf_hash: String,
    /// BIP341 leaf hash of the refund leaf.
    pub refund_leaf_hash: String,
    /// Root of the two leaves.
    pub merkle_root: String,
    /// x-only aggregate of both internal keys.
    pub internal_key: String,
    /// x-only output key.
    pub output_key: String,
    /// Control block of the claim leaf.
    pub claim_control_block: String,
    /// Control block of the refund leaf.
    pub refund_control_block: String,
    /// The output script.
    pub script_pubkey: String,
    /// The address on the network asked for.
    pub address: String,
}

impl ContractView {
    /// Describes a contract on a network.
    pub fn new(contract: &Contract, network: Network) -> Self {
        use bitcoin::hex::DisplayHex;
        Self {
            claim_script: contract.claim_script().to_hex_string(),
            refund_script: contract.refund_script().to_hex_string(),
            claim_leaf_hash: contract.claim_leaf_hash().to_string(),
            refund_leaf_hash: contract.refund_leaf_hash().to_string(),
            merkle_root: contract.merkle_root().to_string(),
            internal_key: contract.internal_key().to_string(),
            output_key: contract.output_key().to_string(),
            claim_control_block: contract
                .claim_control_block()
                .serialize()
                .to_lower_hex_string(),
            refund_control_block: contract
                .refund_control_block()
                .serialize()
                .to_lower_hex_string(),
            script_pubkey: contract.script_pubkey().to_hex_string(),
            address: contract.address(network).to_string(),
        }
    }
}

impl TryFrom<&ContractInput> for ContractView {
    type Error = ShowError;

    fn try_from(input: &ContractInput) -> Result<Self, ShowError> {
        let (contract, network) = input.parse()?;
        Ok(Self::new(&contract, network))
    }
}

/// Why a contract's terms could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShowError {
    /// A field that is not what it should be.
    #[error("field `{field}` must be {expected}")]
    Field {
        /// The field's name in the input.
        field: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
    /// Well-formed terms that make no contract.
    #[error(transparent)]
    Contract(#[from] ContractError),
}
