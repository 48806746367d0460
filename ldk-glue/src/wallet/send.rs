//! Paying somebody from the wallet.

use std::sync::Arc;

use bdk_wallet::Update;
use bitcoin::{Address, Amount, FeeRate, Script, ScriptBuf, Transaction, TxOut, Txid};

use super::build::{check_dust, plain};
use super::plan::Plan;
use super::{Lock, State, Wallet, WalletError, plan};
use crate::chain::OnBroadcast as _;

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

    /// Signs the funding of a channel; LDK sends it. Call [`Wallet::release_tx`] if it never does. The wallet keeps the
    /// transaction, should a crash keep LDK from sending it. Where no coin is left that makes the reserve, one is split
    /// off the change: before the channel can need it, it has confirmed.
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
        self.mutate(|state| {
            let mut plan = state.plan_new(&output, rate, false)?;
            let mut outputs = vec![output];
            let lacking = state.lacking(&plan);
            if lacking > Amount::ZERO
                && let Some(value) = plan.split(lacking, rate)
            {
                let script_pubkey = state.change_script();
                outputs.push(TxOut {
                    value,
                    script_pubkey,
                });
            }
            let built = state.build(&self.keys, plan, outputs, None, Lock::Sending)?;
            state.keep(&built.tx)?;
            Ok(built.tx)
        })
    }

    /// The funding of a channel that LDK has on disk is on its way, even where the process ended before it was sent.
    pub(crate) fn resume_funding(&self, txid: &Txid) {
        let state = self.state();
        if state.bdk.get_tx(*txid).is_some() {
            return;
        }
        let kept = state.bdk.tx_graph().get_tx(*txid);
        drop(state);
        if let Some(tx) = kept {
            self.sent(&tx);
        }
    }

    /// What [`Wallet::send`] would have arrive, and what miners would get, if it were called now. Nothing is set aside.
    ///
    /// # Errors
    /// As [`Wallet::send`].
    pub fn plan_send(
        &self,
        to: &Address,
        amount: SendAmount,
        rate: FeeRate,
    ) -> Result<(Amount, Amount), WalletError> {
        let script_pubkey = to.script_pubkey();
        let state = self.state();
        match amount {
            SendAmount::Exact(value) => {
                let output = TxOut {
                    value,
                    script_pubkey,
                };
                Ok((value, state.plan_new(&output, rate, true)?.fee))
            }
            SendAmount::All => {
                let (plan, output) = state.plan_all(script_pubkey, rate)?;
                Ok((output.value, plan.fee))
            }
        }
    }

    /// What a transaction pays miners; none when it spends coins this wallet does not know.
    pub fn fee_of(&self, tx: &Transaction) -> Option<Amount> {
        self.state().bdk.calculate_fee(tx).ok()
    }

    fn send_all(
        &self,
        script_pubkey: ScriptBuf,
        rate: FeeRate,
    ) -> Result<Transaction, WalletError> {
        self.mutate(|state| {
            let (plan, output) = state.plan_all(script_pubkey, rate)?;
            Ok(state
                .build(&self.keys, plan, vec![output], None, Lock::Sending)?
                .tx)
        })
    }
}

impl State {
    /// Keeps a transaction that was not seen anywhere yet, and so counts for nothing.
    fn keep(&mut self, tx: &Transaction) -> Result<(), WalletError> {
        let mut update = Update::default();
        update.tx_update.txs.push(Arc::new(tx.clone()));
        self.bdk
            .apply_update(update)
            .map_err(|err| WalletError::WrongWallet(err.to_string()))
    }

    /// A spend of everything but the reserve, and what it pays.
    fn plan_all(
        &self,
        script_pubkey: ScriptBuf,
        rate: FeeRate,
    ) -> Result<(Plan, TxOut), WalletError> {
        let coins = self.coins();
        // What is ours but cannot be spent yet counts towards the reserve.
        let mut keep = self
            .reserve
            .checked_sub(coins.held_change)
            .unwrap_or(Amount::ZERO);
        let mut inputs = [coins.confirmed.as_slice(), &coins.change].concat();
        // A coin that is there can close a channel at once, change only when it has confirmed.
        let stay = plan::stay(&coins.confirmed, keep, rate);
        if !stay.is_empty() {
            keep = Amount::ZERO;
            inputs.retain(|coin| !stay.contains(coin));
        }
        let mut output = TxOut {
            value: Amount::ZERO,
            script_pubkey,
        };
        let (plan, value) = plan::sweep(&inputs, output.weight(), keep, plain(rate))
            .map_err(|needed| self.short(needed, plan::total(&inputs)))?;
        output.value = value;
        check_dust(&output)?;
        Ok((plan, output))
    }
}
