//! The vector file as types, and small helpers.

use bitcoin::hashes::Hash;
use bitcoin::hex::FromHex;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, OutPoint, ScriptBuf, Txid};
use cambista_protocol::contract::{Contract, Keys, Method, Secret, Spend, SpendInput};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(crate) struct Pair {
    secret: String,
    public: String,
}

impl Pair {
    pub(crate) fn secret(&self) -> Secret {
        Secret::from_bytes(&bytes(&self.secret)).unwrap()
    }

    pub(crate) fn public(&self) -> PublicKey {
        self.public.parse().unwrap()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) preimage: String,
    pub(crate) funder_refund: Pair,
    pub(crate) funder_internal: Pair,
    pub(crate) payer_claim: Pair,
    pub(crate) payer_internal: Pair,
    pub payment_hash: String,
    pub(crate) refund_height: u32,
    pub(crate) claim_script: String,
    pub(crate) refund_script: String,
    pub(crate) claim_leaf_hash: String,
    pub(crate) refund_leaf_hash: String,
    pub(crate) merkle_root: String,
    pub(crate) internal_key: String,
    pub(crate) output_key: String,
    pub(crate) claim_control_block: String,
    pub(crate) refund_control_block: String,
    pub(crate) script_pubkey: String,
    pub(crate) key_path_secret: String,
    pub(crate) address: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

pub(crate) fn vectors() -> Vec<Vector> {
    let text = include_str!("../../../spec/vectors/contract.json");
    let vectors = serde_json::from_str::<File>(text).unwrap().vectors;
    assert_eq!(vectors.len(), 9);
    vectors
}

/// The contract with four distinct random keys and an odd output key ("random 2").
pub(crate) fn typical() -> Vector {
    vectors()
        .into_iter()
        .find(|v| v.name == "random 2")
        .unwrap()
}

impl Vector {
    pub(crate) fn keys(&self) -> Keys {
        Keys {
            payer_claim: self.payer_claim.public(),
            payer_internal: self.payer_internal.public(),
            funder_refund: self.funder_refund.public(),
            funder_internal: self.funder_internal.public(),
        }
    }

    pub(crate) fn contract(&self) -> Contract {
        self.contract_at(self.refund_height)
    }

    pub(crate) fn contract_at(&self, refund_height: u32) -> Contract {
        Contract::new(self.keys(), bytes(&self.payment_hash), refund_height).unwrap()
    }

    pub(crate) fn preimage(&self) -> [u8; 32] {
        bytes(&self.preimage)
    }

    pub(crate) fn key_path(&self) -> Method {
        self.key_path_of(&self.contract())
    }

    pub(crate) fn key_path_of(&self, contract: &Contract) -> Method {
        let payer = self.payer_internal.secret();
        let funder = self.funder_internal.secret();
        Method::KeyPath(contract.key_path_secret(&payer, &funder).unwrap())
    }

    pub(crate) fn claim(&self) -> Method {
        Method::Claim {
            key: self.payer_claim.secret(),
            preimage: self.preimage(),
        }
    }

    pub(crate) fn refund(&self) -> Method {
        Method::Refund {
            key: self.funder_refund.secret(),
        }
    }
}

pub(crate) fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    Vec::from_hex(hex).unwrap().try_into().unwrap()
}

pub(crate) fn outpoint(n: u8) -> OutPoint {
    OutPoint {
        txid: Txid::from_byte_array([n; 32]),
        vout: u32::from(n),
    }
}

pub(crate) fn input(n: u8, sats: u64, contract: Contract, method: Method) -> SpendInput {
    SpendInput {
        outpoint: outpoint(n),
        value: Amount::from_sat(sats),
        contract,
        method,
    }
}

/// A P2TR destination (its key is of no matter here).
pub(crate) fn p2tr() -> ScriptBuf {
    typical().contract().script_pubkey()
}

pub(crate) fn spend(inputs: Vec<SpendInput>) -> Spend {
    Spend {
        inputs,
        destination: p2tr(),
        truc: false,
    }
}
