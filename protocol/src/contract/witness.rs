//! Reading a spend: which way was the output spent, and did it show the preimage?

use bitcoin::{OutPoint, Transaction, Witness};

use super::Contract;

/// How a contract's output was spent. Signatures are not verified here: a block or the mempool
/// already did, and a preimage proves itself by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpentBy {
    /// By the output key: by a holder of both internal secrets.
    KeyPath,
    /// By the claim leaf; the preimage hashes to H.
    Claim {
        /// R.
        preimage: [u8; 32],
    },
    /// By the refund leaf.
    Refund,
    /// By something that is not one of the contract's three ways.
    Unknown,
}

/// How `tx` spends `outpoint`, an output of `contract`; `None` when it does not spend it.
pub fn spent_by(contract: &Contract, tx: &Transaction, outpoint: &OutPoint) -> Option<SpentBy> {
    tx.input
        .iter()
        .find(|input| input.previous_output == *outpoint)
        .map(|input| read(contract, &input.witness))
}

fn read(contract: &Contract, witness: &Witness) -> SpentBy {
    let mut items: Vec<&[u8]> = witness.iter().collect();
    // BIP341: with two items or more, a last one starting with 0x50 is the annex.
    if items.len() >= 2 && items.last().is_some_and(|last| last.first() == Some(&0x50)) {
        items.pop();
    }
    match items.as_slice() {
        // 65 bytes: a signature with its sighash type written out.
        [signature] if matches!(signature.len(), 64 | 65) => SpentBy::KeyPath,
        [preimage, _, script, control]
            if *script == contract.claim_script().as_bytes()
                && *control == contract.claim_control_block().serialize() =>
        {
            match <[u8; 32]>::try_from(*preimage) {
                Ok(preimage) if contract.is_preimage(&preimage) => SpentBy::Claim { preimage },
                _ => SpentBy::Unknown,
            }
        }
        [_, script, control]
            if *script == contract.refund_script().as_bytes()
                && *control == contract.refund_control_block().serialize() =>
        {
            SpentBy::Refund
        }
        _ => SpentBy::Unknown,
    }
}
