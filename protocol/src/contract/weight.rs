//! What spends weigh and cost, known before anything is signed.

use bitcoin::consensus::encode::VarInt;
use bitcoin::{Amount, FeeRate, Script, Weight};

use super::Contract;

/// A key-path input, in weight units: 41 bytes x 4 and a witness of 66.
pub const KEY_PATH_INPUT: Weight = Weight::from_wu(230);
/// A claim-leaf input, in weight units: 41 bytes x 4 and a witness of 229.
pub const CLAIM_INPUT: Weight = Weight::from_wu(393);
/// A refund-leaf input, in weight units, for a refund height of 32,768 to 8,388,607: 41 bytes x 4
/// and a witness of 172. Lower heights weigh up to 3 units less.
pub const REFUND_INPUT: Weight = Weight::from_wu(336);

/// What an input weighs without its script: 41 bytes x 4, the item count, the signature, the
/// script's length byte and the control block, each with its length.
const REFUND_INPUT_WITHOUT_SCRIPT: u64 = 41 * 4 + 1 + 65 + 1 + 66;

/// One of the three ways to spend the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpendKind {
    /// One signature by the output key.
    KeyPath,
    /// The claim leaf with the preimage.
    Claim,
    /// The refund leaf after the refund height.
    Refund,
}

impl SpendKind {
    /// The weight of such an input at today's heights.
    pub fn input_weight(self) -> Weight {
        match self {
            SpendKind::KeyPath => KEY_PATH_INPUT,
            SpendKind::Claim => CLAIM_INPUT,
            SpendKind::Refund => REFUND_INPUT,
        }
    }
}

impl Contract {
    /// The exact weight of an input spending this contract. It differs from
    /// [`SpendKind::input_weight`] only for the refund leaf at unusual heights.
    pub fn input_weight(&self, kind: SpendKind) -> Weight {
        match kind {
            SpendKind::Refund => {
                Weight::from_wu(REFUND_INPUT_WITHOUT_SCRIPT)
                    + Weight::from_wu_usize(self.refund_script().len())
            }
            kind => kind.input_weight(),
        }
    }
}

/// The weight of a transaction with these inputs and one output to `destination`.
pub fn spend_weight(kinds: &[SpendKind], destination: &Script) -> Weight {
    weight_of(kinds.iter().map(|kind| kind.input_weight()), destination)
}

/// The same from the inputs' own weights.
pub(super) fn weight_of(
    inputs: impl ExactSizeIterator<Item = Weight>,
    destination: &Script,
) -> Weight {
    // Marker and flag, two bytes of witness.
    let segwit = Weight::from_wu(2);
    let count = VarInt::from(inputs.len()).size();
    let length = VarInt::from(destination.len()).size();
    // Version, inputs, outputs (one), value, script, lock time.
    let bytes = 4 + count + 1 + 8 + length + destination.len() + 4;
    let base = Weight::from_non_witness_data_size(u64::try_from(bytes).unwrap_or(u64::MAX / 4));
    inputs.fold(segwit + base, |sum, input| sum + input)
}

/// The fee of a transaction: its size in whole virtual bytes, as nodes count it, times the rate,
/// rounded up to a satoshi. A fee by exact weight could end just below a node's minimum.
///
/// `None` on overflow.
pub fn spend_fee(weight: Weight, rate: FeeRate) -> Option<Amount> {
    rate.fee_vb(weight.to_vbytes_ceil())
}
