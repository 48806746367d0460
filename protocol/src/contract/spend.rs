//! Spending contract outputs: any number of inputs, one output.

use std::collections::HashSet;
use std::fmt;

use bitcoin::absolute::LockTime;
use bitcoin::policy::MAX_STANDARD_TX_WEIGHT;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, FeeRate, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Weight, Witness,
};

use super::sign::{KeyPathSecret, sign_inputs};
use super::weight::{SpendKind, spend_fee, weight_of};
use super::{Contract, Secret};

/// The heaviest TRUC (version 3) transaction nodes relay: 10,000 virtual bytes.
pub const MAX_TRUC_WEIGHT: Weight = Weight::from_wu(40_000);

/// How an input is spent, with the secrets for it. `Debug` shows none of them.
#[derive(Clone)]
pub enum Method {
    /// By the output key, from both internal secrets.
    KeyPath(KeyPathSecret),
    /// By the claim leaf. This makes the preimage public.
    Claim {
        /// The secret of `payer_claim`.
        key: Secret,
        /// R, with SHA256(R) = H.
        preimage: [u8; 32],
    },
    /// By the refund leaf, above the refund height.
    Refund {
        /// The secret of `funder_refund`.
        key: Secret,
    },
}

impl Method {
    /// Which of the three ways it is.
    pub fn kind(&self) -> SpendKind {
        match self {
            Method::KeyPath(_) => SpendKind::KeyPath,
            Method::Claim { .. } => SpendKind::Claim,
            Method::Refund { .. } => SpendKind::Refund,
        }
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Method({:?})", self.kind())
    }
}

/// One contract output to spend.
#[derive(Clone, Debug)]
pub struct SpendInput {
    /// The output.
    pub outpoint: OutPoint,
    /// Its value. A wrong value makes the signature invalid.
    pub value: Amount,
    /// The contract it pays.
    pub contract: Contract,
    /// How to spend it.
    pub method: Method,
}

impl SpendInput {
    /// The output being spent, as signatures commit to it.
    pub fn prevout(&self) -> TxOut {
        TxOut {
            value: self.value,
            script_pubkey: self.contract.script_pubkey(),
        }
    }

    /// Claims wait one confirmation (BIP68); all three are replaceable.
    fn sequence(&self) -> Sequence {
        match self.method {
            Method::Claim { .. } => Sequence::from_consensus(1),
            Method::KeyPath(_) | Method::Refund { .. } => Sequence::ENABLE_RBF_NO_LOCKTIME,
        }
    }

    /// Refuses secrets that are not this contract's: better here than by a node at the deadline.
    pub(super) fn check(&self) -> Result<(), SpendError> {
        let keys = self.contract.keys();
        let (got, agreed) = match &self.method {
            Method::KeyPath(secret) => (secret.output_key(), self.contract.output_key()),
            Method::Claim { key, preimage } => {
                if !self.contract.is_preimage(preimage) {
                    return Err(SpendError::WrongPreimage(self.outpoint));
                }
                (key.public_key().into(), keys.payer_claim.into())
            }
            Method::Refund { key } => (key.public_key().into(), keys.funder_refund.into()),
        };
        if got == agreed {
            Ok(())
        } else {
            Err(SpendError::WrongKey(self.outpoint, self.method.kind()))
        }
    }
}

/// A transaction to build: all inputs to one destination.
#[derive(Clone, Debug)]
pub struct Spend {
    /// What to spend, at least one, each once.
    pub inputs: Vec<SpendInput>,
    /// Where the sum less the fee goes.
    pub destination: ScriptBuf,
    /// Make it a TRUC (version 3) transaction, so that its receiver cannot pin it; else version 2.
    pub truc: bool,
}

/// A signed spend, ready to broadcast once its time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedSpend {
    /// The transaction with all witnesses.
    pub tx: Transaction,
    /// What it pays to miners.
    pub fee: Amount,
    /// Its weight.
    pub weight: Weight,
}

impl Spend {
    /// The exact weight of the signed transaction.
    pub fn weight(&self) -> Weight {
        let inputs = self.inputs.iter();
        weight_of(
            inputs.map(|input| input.contract.input_weight(input.method.kind())),
            &self.destination,
        )
    }

    /// The sum of the inputs.
    ///
    /// # Errors
    /// When it overflows.
    pub fn total(&self) -> Result<Amount, SpendError> {
        self.inputs
            .iter()
            .try_fold(Amount::ZERO, |sum, input| sum.checked_add(input.value))
            .ok_or(SpendError::Overflow)
    }

    /// Builds and signs at a fee rate; the fee is [`spend_fee`] of the weight.
    ///
    /// # Errors
    /// As [`Spend::sign_with_fee`].
    pub fn sign(&self, rate: FeeRate) -> Result<SignedSpend, SpendError> {
        self.sign_with_fee(spend_fee(self.weight(), rate).ok_or(SpendError::Overflow)?)
    }

    /// Builds and signs with an exact fee, as a replacement needs it. The lock time is the highest
    /// refund height among refund inputs, else 0.
    ///
    /// # Errors
    /// Anything a node would refuse: no or doubled inputs, foreign secrets, a fee that leaves less
    /// than dust, too much weight.
    pub fn sign_with_fee(&self, fee: Amount) -> Result<SignedSpend, SpendError> {
        if self.inputs.is_empty() {
            return Err(SpendError::NoInputs);
        }
        let mut seen = HashSet::new();
        if let Some(twice) = self.inputs.iter().find(|i| !seen.insert(i.outpoint)) {
            return Err(SpendError::DoubledInput(twice.outpoint));
        }
        let weight = self.weight();
        let max = if self.truc {
            MAX_TRUC_WEIGHT
        } else {
            Weight::from_wu(u64::from(MAX_STANDARD_TX_WEIGHT))
        };
        if weight > max {
            return Err(SpendError::TooHeavy { weight, max });
        }
        let mut tx = self.unsigned(self.output_value(fee)?)?;
        sign_inputs(&mut tx, &self.inputs)?;
        Ok(SignedSpend { tx, fee, weight })
    }

    fn output_value(&self, fee: Amount) -> Result<Amount, SpendError> {
        let total = self.total()?;
        let dust = self.destination.minimal_non_dust();
        match total.checked_sub(fee) {
            Some(value) if value >= dust => Ok(value),
            _ => Err(SpendError::Dust { total, fee, dust }),
        }
    }

    fn unsigned(&self, value: Amount) -> Result<Transaction, SpendError> {
        let refunds = self.inputs.iter().filter_map(|input| match input.method {
            Method::Refund { .. } => Some(input.contract.refund_height()),
            _ => None,
        });
        let lock_time = match refunds.max() {
            Some(height) => LockTime::from_height(height).map_err(|_| SpendError::Overflow)?,
            None => LockTime::ZERO,
        };
        Ok(Transaction {
            version: Version(if self.truc { 3 } else { 2 }),
            lock_time,
            input: self
                .inputs
                .iter()
                .map(|input| TxIn {
                    previous_output: input.outpoint,
                    script_sig: ScriptBuf::new(),
                    sequence: input.sequence(),
                    witness: Witness::new(),
                })
                .collect(),
            output: vec![TxOut {
                value,
                script_pubkey: self.destination.clone(),
            }],
        })
    }
}

/// Why a spend was not built. Nothing was signed and nothing was broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpendError {
    /// Nothing to spend.
    #[error("no output to spend was given")]
    NoInputs,
    /// The same output twice.
    #[error("output {0} was given twice: give each output once")]
    DoubledInput(OutPoint),
    /// The transaction to sign has other inputs than the ones given.
    #[error("the transaction's inputs are not the ones to be signed: build it again")]
    InputsDiffer,
    /// A secret that is not the contract's.
    #[error(
        "the secret for a {1:?} spend of {0} does not belong to its contract: nothing was \
         signed, check that this is the right swap record and seed"
    )]
    WrongKey(OutPoint, SpendKind),
    /// A preimage that does not hash to H.
    #[error(
        "the preimage for {0} does not hash to the contract's payment hash: nothing was signed, \
         check that this is the right swap record and seed"
    )]
    WrongPreimage(OutPoint),
    /// The fee leaves nothing that could be sent.
    #[error(
        "of {total} a fee of {fee} leaves less than the smallest output nodes accept ({dust}): \
         the coins stay where they are, try a lower fee rate"
    )]
    Dust {
        /// The sum of the inputs.
        total: Amount,
        /// The fee asked for.
        fee: Amount,
        /// The least a payment to this destination can be.
        dust: Amount,
    },
    /// More than nodes relay.
    #[error("the transaction would weigh {weight}, nodes relay up to {max}: use fewer inputs")]
    TooHeavy {
        /// Its weight.
        weight: Weight,
        /// The limit.
        max: Weight,
    },
    /// A sum or a fee beyond what a number can hold.
    #[error("amounts, fee rate or height out of range: the spend was not built, check the values")]
    Overflow,
}
