//! The two leaf scripts.

use bitcoin::hashes::{Hash, ripemd160};
use bitcoin::opcodes::all::{
    OP_CHECKSIGVERIFY, OP_CLTV, OP_CSV, OP_EQUALVERIFY, OP_HASH160, OP_SIZE,
};
use bitcoin::script::Builder;
use bitcoin::{ScriptBuf, XOnlyPublicKey};

/// The claim leaf: the payer's signature, the 32-byte preimage, and one confirmation.
///
/// `<payer_claim> OP_CHECKSIGVERIFY OP_SIZE 32 OP_EQUALVERIFY OP_HASH160 <RIPEMD160(H)>
/// OP_EQUALVERIFY 1 OP_CHECKSEQUENCEVERIFY`
pub fn claim_script(payer_claim: &XOnlyPublicKey, payment_hash: &[u8; 32]) -> ScriptBuf {
    Builder::new()
        .push_x_only_key(payer_claim)
        .push_opcode(OP_CHECKSIGVERIFY)
        .push_opcode(OP_SIZE)
        .push_int(32)
        .push_opcode(OP_EQUALVERIFY)
        .push_opcode(OP_HASH160)
        .push_slice(ripemd160::Hash::hash(payment_hash).to_byte_array())
        .push_opcode(OP_EQUALVERIFY)
        .push_int(1)
        .push_opcode(OP_CSV)
        .into_script()
}

/// The refund leaf: the funder's signature, in a block above `refund_height`. The height is pushed
/// minimally (1 to 16 as one opcode).
///
/// `<funder_refund> OP_CHECKSIGVERIFY <T> OP_CHECKLOCKTIMEVERIFY`
pub fn refund_script(funder_refund: &XOnlyPublicKey, refund_height: u32) -> ScriptBuf {
    Builder::new()
        .push_x_only_key(funder_refund)
        .push_opcode(OP_CHECKSIGVERIFY)
        .push_int(i64::from(refund_height))
        .push_opcode(OP_CLTV)
        .into_script()
}
