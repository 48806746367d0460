//! The wallet as LDK wants to see it: coins for fee bumps, a place for swept money.

use bitcoin::{Psbt, ScriptBuf, Transaction, TxOut};
use lightning::events::bump_transaction::sync::WalletSourceSync;
use lightning::events::bump_transaction::{Utxo, WalletSource};
use lightning::sign::{ChangeDestinationSource, ChangeDestinationSourceSync};
use lightning::util::async_poll::AsyncResult;

use super::{Wallet, WalletError};

/// An empty script sig's length (4 WU), the witness' item count, the signature's length and the signature.
const SATISFACTION_WEIGHT: u64 = 4 + 1 + 1 + 64;

impl Wallet {
    /// Signs every input of `psbt` that spends a coin of this wallet. All inputs must name the output they spend.
    ///
    /// # Errors
    /// When an input does not say what it spends.
    pub fn sign_inputs(&self, psbt: &Psbt) -> Result<Transaction, WalletError> {
        let mut tx = psbt.unsigned_tx.clone();
        let mut prevouts: Vec<TxOut> = Vec::with_capacity(psbt.inputs.len());
        let mut owned = Vec::new();
        let state = self.state();
        for (at, (input, txin)) in psbt.inputs.iter().zip(&psbt.unsigned_tx.input).enumerate() {
            let known = state.coin(txin.previous_output).map(|coin| coin.txout);
            let prevout = known.or_else(|| input.witness_utxo.clone());
            let prevout = prevout.ok_or(WalletError::UnknownCoin(txin.previous_output))?;
            // Also of a parent the wallet was not told of. A lie about it only makes the signature invalid.
            let key = state.bdk.derivation_of_spk(prevout.script_pubkey.clone());
            owned.extend(key.map(|(keychain, index)| (at, keychain, index)));
            prevouts.push(prevout);
        }
        drop(state);
        self.keys.sign(&mut tx, &prevouts, &owned)?;
        Ok(tx)
    }

    fn told<T>(&self, result: Result<T, WalletError>) -> Result<T, ()> {
        result.map_err(|error| tracing::error!(%error, "LDK could not use the wallet"))
    }
}

impl WalletSourceSync for Wallet {
    fn list_confirmed_utxos(&self) -> Result<Vec<Utxo>, ()> {
        let utxo = |coin: super::plan::Coin| Utxo {
            outpoint: coin.outpoint,
            output: coin.txout,
            satisfaction_weight: SATISFACTION_WEIGHT,
        };
        Ok(self.state().bump_coins().into_iter().map(utxo).collect())
    }

    fn get_change_script(&self) -> Result<ScriptBuf, ()> {
        self.told(self.mutate(|state| Ok(state.sweep_script())))
    }

    fn sign_psbt(&self, psbt: Psbt) -> Result<Transaction, ()> {
        self.told(self.sign_inputs(&psbt))
    }
}

impl WalletSource for Wallet {
    fn list_confirmed_utxos<'a>(&'a self) -> AsyncResult<'a, Vec<Utxo>, ()> {
        Box::pin(std::future::ready(WalletSourceSync::list_confirmed_utxos(
            self,
        )))
    }

    fn get_change_script<'a>(&'a self) -> AsyncResult<'a, ScriptBuf, ()> {
        Box::pin(std::future::ready(WalletSourceSync::get_change_script(
            self,
        )))
    }

    fn sign_psbt<'a>(&'a self, psbt: Psbt) -> AsyncResult<'a, Transaction, ()> {
        Box::pin(std::future::ready(WalletSourceSync::sign_psbt(self, psbt)))
    }
}

impl ChangeDestinationSourceSync for Wallet {
    fn get_change_destination_script(&self) -> Result<ScriptBuf, ()> {
        self.told(self.mutate(|state| Ok(state.sweep_script())))
    }
}

impl ChangeDestinationSource for Wallet {
    fn get_change_destination_script<'a>(&'a self) -> AsyncResult<'a, ScriptBuf, ()> {
        Box::pin(std::future::ready(
            ChangeDestinationSourceSync::get_change_destination_script(self),
        ))
    }
}
