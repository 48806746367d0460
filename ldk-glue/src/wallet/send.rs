//! Paying somebody from the wallet.

use bitcoin::{Address, Amount, FeeRate, Script, ScriptBuf, Transaction, TxOut};

use super::build::{check_dust, plain};
use super::{Lock, Wallet, WalletError, plan};

/// How much to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendAmount {
    /// This much arrives; the fee is on top.
    Exact(Amount),
    /// Everything but the reserve; the fee is taken from it.
    All,
}

impl Wallet {
    /// Signs a payment. Nothing is sent; its inputs are set aside until it is broadcast or [`Wallet::release_tx`] is called.
    /// The wallet's own unconfirmed change may be spent.
    ///
    /// # Errors
    /// When coins above the reserve do not suffice, the amount is dust, or the store fails.
    pub fn send(
        &self,
        to: &Address,
        amount: SendAmount,
        rate: FeeRate,
    ) -> Result<Transaction, WalletError> {
        let script_pubkey = to.script_pubkey();
        match amount {
            SendAmount::Exact(value) => Ok(self
                .spend(
                    TxOut {
                        value,
                        script_pubkey,
                    },
                    rate,
                    true,
                    Lock::Sending,
                )?
                .tx),
            SendAmount::All => self.send_all(script_pubkey, rate),
        }
    }

    /// Signs the funding of a channel; LDK sends it. Call [`Wallet::release_tx`] if it never does.
    ///
    /// # Errors
    /// As [`Wallet::send`].
    pub fn channel_funding(
        &self,
        script: &Script,
        amount: Amount,
        rate: FeeRate,
    ) -> Result<Transaction, WalletError> {
        let output = TxOut {
            value: amount,
            script_pubkey: script.to_owned(),
        };
        Ok(self.spend(output, rate, false, Lock::Sending)?.tx)
    }

    fn send_all(
        &self,
        script_pubkey: ScriptBuf,
        rate: FeeRate,
    ) -> Result<Transaction, WalletError> {
        self.mutate(|state| {
            let coins = state.coins();
            // What is ours but cannot be spent yet counts towards the reserve.
            let keep = state
                .reserve
                .checked_sub(coins.held_change)
                .unwrap_or(Amount::ZERO);
            let inputs = [coins.confirmed, coins.change].concat();
            let mut output = TxOut {
                value: Amount::ZERO,
                script_pubkey,
            };
            let (plan, value) = plan::sweep(&inputs, output.weight(), keep, plain(rate))
                .map_err(|needed| state.short(needed, plan::total(&inputs)))?;
            output.value = value;
            check_dust(&output)?;
            Ok(state
                .build(&self.keys, plan, vec![output], None, Lock::Sending)?
                .tx)
        })
    }
}
