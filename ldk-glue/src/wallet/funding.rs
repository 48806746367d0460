//! Funding a contract: every version of a funding spends the same first input, so that at most one can ever confirm.

use bitcoin::{Amount, FeeRate, OutPoint, Script, ScriptBuf, Transaction, TxOut};

use super::build::Built;
use super::plan::{self, Coin, FeeRule, Replaced};
use super::{Lock, State, Wallet, WalletError};

/// A signed transaction that pays one contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funding {
    /// The transaction, version 2, signalling replacement.
    pub tx: Transaction,
    /// Its fee.
    pub fee: Amount,
    /// The coin every version of this funding spends.
    pub first_input: OutPoint,
    /// Which output is the contract.
    pub vout: u32,
}

impl Funding {
    fn new(built: Built, script: &Script) -> Result<Self, WalletError> {
        let Built { tx, fee } = built;
        let vout = find(&tx, script)?;
        let first = tx
            .input
            .first()
            .ok_or(WalletError::NotAFunding("it has no input"))?;
        let first_input = first.previous_output;
        Ok(Self {
            tx,
            fee,
            first_input,
            vout,
        })
    }

    /// The contract's output.
    pub fn outpoint(&self) -> OutPoint {
        OutPoint::new(self.tx.compute_txid(), self.vout)
    }

    fn output(&self) -> Result<TxOut, WalletError> {
        let index = usize::try_from(self.vout).unwrap_or(usize::MAX);
        self.tx
            .output
            .get(index)
            .cloned()
            .ok_or(WalletError::NotAFunding("the output is not there"))
    }

    fn rule(&self, rate: FeeRate) -> FeeRule {
        FeeRule {
            rate,
            replaces: Some(Replaced {
                fee: self.fee,
                weight: self.tx.weight(),
            }),
        }
    }
}

fn find(tx: &Transaction, script: &Script) -> Result<u32, WalletError> {
    let at = tx
        .output
        .iter()
        .position(|output| output.script_pubkey.as_script() == script);
    at.and_then(|at| u32::try_from(at).ok())
        .ok_or(WalletError::NotAFunding("it does not pay the contract"))
}

impl Wallet {
    /// Signs a transaction that pays `amount` to `script`, from confirmed coins only, change to a P2TR key, and sets its
    /// inputs aside until [`Wallet::release_tx`]. Nothing is sent.
    ///
    /// # Errors
    /// When coins above the reserve do not suffice, the amount is dust, or the store fails.
    pub fn fund(
        &self,
        script: ScriptBuf,
        amount: Amount,
        rate: FeeRate,
    ) -> Result<Funding, WalletError> {
        let output = TxOut {
            value: amount,
            script_pubkey: script.clone(),
        };
        Funding::new(self.spend(output, rate, false, Lock::Funding)?, &script)
    }

    /// A replacement for a funding: the same output, the same inputs in the same order and more of them if the fee needs
    /// it, at `rate` or whatever more BIP125 asks for.
    ///
    /// # Errors
    /// As [`Wallet::fund`]; also when the wallet does not know an input.
    pub fn refund_fund(&self, prev: &Funding, rate: FeeRate) -> Result<Funding, WalletError> {
        let output = prev.output()?;
        let script = output.script_pubkey.clone();
        let built = self.mutate(|state| {
            let must = state.inputs(&prev.tx)?;
            let coins = state.coins();
            let may: Vec<Coin> = coins
                .confirmed
                .iter()
                .filter(|coin| !must.contains(coin))
                .cloned()
                .collect();
            let outputs = std::slice::from_ref(&output);
            let plan = state
                .choose(&must, &may, &may, outputs, prev.rule(rate))
                .map_err(|needed| state.short(needed, plan::total(&must) + plan::total(&may)))?;
            let extra = plan::total(&plan.inputs[must.len()..]);
            let free = plan::total(&coins.confirmed) + plan::total(&coins.change);
            if extra > Amount::ZERO && free < extra + state.reserve {
                return Err(state.short(output.value + plan.fee, plan::total(&must)));
            }
            let change = state.change_of(&prev.tx, &script);
            state.build(&self.keys, plan, vec![output], change, Lock::Funding)
        })?;
        Funding::new(built, &script)
    }

    /// A replacement that pays nobody: the funding's first input back to this wallet. The other inputs join only when the
    /// first cannot pay the fee. Gives its fee as well.
    ///
    /// # Errors
    /// As [`Wallet::refund_fund`].
    pub fn cancel_funding(
        &self,
        prev: &Funding,
        rate: FeeRate,
    ) -> Result<(Transaction, Amount), WalletError> {
        let Built { tx, fee } = self.mutate(|state| {
            let mut inputs = state.inputs(&prev.tx)?;
            let at = inputs
                .iter()
                .position(|coin| coin.outpoint == prev.first_input);
            let first = inputs
                .remove(at.ok_or(WalletError::NotAFunding("its first input is another one"))?);
            let available = first.value() + plan::total(&inputs);
            let plan = plan::choose(std::slice::from_ref(&first), &inputs, &[], prev.rule(rate))
                .map_err(|needed| state.short(needed, available))?;
            let script = prev.output()?.script_pubkey;
            let change = state.change_of(&prev.tx, &script);
            state.build(&self.keys, plan, Vec::new(), change, Lock::Funding)
        })?;
        Ok((tx, fee))
    }

    /// The fee [`Wallet::fund`] would pay now. Nothing is set aside.
    ///
    /// # Errors
    /// As [`Wallet::fund`].
    pub fn estimate_funding_fee(
        &self,
        amount: Amount,
        rate: FeeRate,
    ) -> Result<Amount, WalletError> {
        let script_pubkey = ScriptBuf::from_bytes([&[0x51, 0x20][..], &[0; 32]].concat());
        self.state()
            .plan_new(
                &TxOut {
                    value: amount,
                    script_pubkey,
                },
                rate,
                false,
            )
            .map(|plan| plan.fee)
    }

    /// A funding again, from its stored transaction.
    ///
    /// # Errors
    /// When it does not pay `script` or spends coins this wallet does not know.
    pub fn funding_from_tx(
        &self,
        tx: Transaction,
        script: &Script,
    ) -> Result<Funding, WalletError> {
        let inputs = plan::total(&self.state().inputs(&tx)?);
        let outputs: Amount = tx.output.iter().map(|output| output.value).sum();
        let fee = inputs
            .checked_sub(outputs)
            .ok_or(WalletError::NotAFunding("it pays more than it spends"))?;
        Funding::new(Built { tx, fee }, script)
    }
}

impl State {
    /// The coins a transaction of ours spends, in order.
    fn inputs(&self, tx: &Transaction) -> Result<Vec<Coin>, WalletError> {
        let coin = |outpoint| {
            self.coin(outpoint)
                .ok_or(WalletError::UnknownCoin(outpoint))
        };
        tx.input
            .iter()
            .map(|input| coin(input.previous_output))
            .collect()
    }

    /// The change script of an earlier version, to be used again.
    fn change_of(&self, tx: &Transaction, contract: &Script) -> Option<ScriptBuf> {
        let scripts = tx.output.iter().map(|output| &output.script_pubkey);
        let mut ours = scripts
            .filter(|script| script.as_script() != contract && self.bdk.is_mine((*script).clone()));
        ours.next().cloned()
    }
}
