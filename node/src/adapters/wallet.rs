//! The wallet port.

use std::sync::Arc;

use bitcoin::{Amount, FeeRate, OutPoint, ScriptBuf, Transaction};
use cambista_engine::ports::{BuiltFunding, PortError, TakenBack, Wallet as WalletPortTrait};
use cambista_ldk::wallet::{Funding, Wallet, WalletError};

/// The node's on-chain wallet.
pub struct WalletPort {
    wallet: Arc<Wallet>,
}

impl WalletPort {
    pub(super) const fn new(wallet: Arc<Wallet>) -> Self {
        Self { wallet }
    }

    fn known(&self, tx: &Transaction, script: &ScriptBuf) -> Result<Funding, PortError> {
        self.wallet
            .funding_from_tx(tx.clone(), script)
            .map_err(failed)
    }
}

fn failed(error: WalletError) -> PortError {
    PortError(error.to_string())
}

fn built(funding: Funding) -> BuiltFunding {
    BuiltFunding {
        tx: funding.tx,
        fee: funding.fee,
        first_input: funding.first_input,
    }
}

fn inputs(tx: &Transaction) -> Vec<OutPoint> {
    tx.input.iter().map(|input| input.previous_output).collect()
}

impl WalletPortTrait for WalletPort {
    fn fresh_script(&self) -> Result<ScriptBuf, PortError> {
        self.wallet
            .new_address()
            .map(|address| address.script_pubkey())
            .map_err(failed)
    }

    fn fundable(&self) -> Amount {
        self.wallet.fundable()
    }

    fn funding_fee(&self, amount: Amount, rate: FeeRate) -> Result<Amount, PortError> {
        self.wallet
            .estimate_funding_fee(amount, rate)
            .map_err(failed)
    }

    fn fund(
        &self,
        script: ScriptBuf,
        amount: Amount,
        rate: FeeRate,
    ) -> Result<BuiltFunding, PortError> {
        self.wallet
            .fund(script, amount, rate)
            .map(built)
            .map_err(failed)
    }

    fn bump(
        &self,
        funding: &Transaction,
        script: &ScriptBuf,
        rate: FeeRate,
    ) -> Result<BuiltFunding, PortError> {
        let funding = self.known(funding, script)?;
        self.wallet
            .refund_fund(&funding, rate)
            .map(built)
            .map_err(failed)
    }

    fn take_back(
        &self,
        funding: &Transaction,
        script: &ScriptBuf,
        rate: FeeRate,
    ) -> Result<TakenBack, PortError> {
        let funding = self.known(funding, script)?;
        let (tx, fee) = self.wallet.cancel_funding(&funding, rate).map_err(failed)?;
        Ok(TakenBack { tx, fee })
    }

    fn reserve(&self, funding: &Transaction) {
        self.wallet.lock(&inputs(funding));
    }

    fn release(&self, funding: &Transaction) {
        self.wallet.release(&inputs(funding));
    }
}
