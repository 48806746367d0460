//! The wallet port. Only the wallet selects coins.

use bitcoin::{Amount, FeeRate, OutPoint, ScriptBuf, Transaction};

use super::PortError;

/// A signed funding transaction, not broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltFunding {
    /// The transaction.
    pub tx: Transaction,
    /// Its fee.
    pub fee: Amount,
    /// Its first input, kept by every later version.
    pub first_input: OutPoint,
}

/// A signed transaction that ends a funding, not broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenBack {
    /// The transaction.
    pub tx: Transaction,
    /// Its fee.
    pub fee: Amount,
}

/// The on-chain wallet.
pub trait Wallet: Send + Sync + 'static {
    /// The script of a fresh address of this wallet.
    ///
    /// # Errors
    /// When it cannot be stored.
    fn fresh_script(&self) -> Result<ScriptBuf, PortError>;

    /// What may be spent on fundings now: confirmed, neither reserved nor the anchor reserve.
    fn fundable(&self) -> Amount;

    /// The miner fee a funding of this amount would have.
    ///
    /// # Errors
    /// When the coins do not suffice.
    fn funding_fee(&self, amount: Amount, rate: FeeRate) -> Result<Amount, PortError>;

    /// Builds and signs a funding from confirmed coins, and reserves them.
    ///
    /// # Errors
    /// When the coins do not suffice.
    fn fund(
        &self,
        script: ScriptBuf,
        amount: Amount,
        rate: FeeRate,
    ) -> Result<BuiltFunding, PortError>;

    /// A replacement of a funding with the same first input, output script and amount.
    ///
    /// # Errors
    /// When the coins do not suffice or the rate does not replace it.
    fn bump(
        &self,
        funding: &Transaction,
        script: &ScriptBuf,
        rate: FeeRate,
    ) -> Result<BuiltFunding, PortError>;

    /// A replacement of a funding that spends its first input back to this wallet.
    ///
    /// # Errors
    /// When it cannot be built at this rate.
    fn take_back(
        &self,
        funding: &Transaction,
        script: &ScriptBuf,
        rate: FeeRate,
    ) -> Result<TakenBack, PortError>;

    /// Reserves the inputs of a stored funding again, after a restart.
    fn reserve(&self, funding: &Transaction);

    /// Gives the inputs of a funding that was never published back.
    fn release(&self, funding: &Transaction);
}
