//! From a plan to a signed transaction.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, FeeRate, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};

use super::coins::Coins;
use super::keys::Keys;
use super::plan::{self, Coin, FeeRule, Plan};
use super::{Lock, State, Wallet, WalletError};

/// A signed transaction and what it pays.
pub(super) struct Built {
    pub(super) tx: Transaction,
    pub(super) fee: Amount,
}

/// A fee rule for a transaction that replaces nothing.
pub(super) fn plain(rate: FeeRate) -> FeeRule {
    FeeRule {
        rate,
        replaces: None,
    }
}

/// Refuses outputs the network would not relay.
pub(super) fn check_dust(output: &TxOut) -> Result<(), WalletError> {
    let minimum = output.script_pubkey.minimal_non_dust();
    if output.value < minimum {
        return Err(WalletError::Dust {
            amount: output.value,
            minimum,
        });
    }
    Ok(())
}

impl State {
    /// A new spend of free coins to `output`, leaving the reserve, in coins that can be spent at once where there are any
    /// besides.
    pub(super) fn plan_new(
        &self,
        output: &TxOut,
        rate: FeeRate,
        with_change: bool,
    ) -> Result<Plan, WalletError> {
        check_dust(output)?;
        let coins = self.coins();
        let Coins {
            confirmed, change, ..
        } = &coins;
        let usable = if with_change {
            [confirmed.as_slice(), change].concat()
        } else {
            confirmed.clone()
        };
        let outputs = std::slice::from_ref(output);
        let short =
            |needed| self.short(needed, plan::total(&usable).min(self.above_reserve(&coins)));
        let plan = self
            .choose(&[], confirmed, &usable, outputs, plain(rate))
            .map_err(short)?;
        let needed = output.value + plan.fee;
        if needed > self.above_reserve(&coins) {
            return Err(short(needed));
        }
        Ok(plan)
    }

    /// As [`plan::choose`], but without touching the confirmed coins that make the reserve while others do as well.
    pub(super) fn choose(
        &self,
        must: &[Coin],
        confirmed: &[Coin],
        may: &[Coin],
        outputs: &[TxOut],
        rule: FeeRule,
    ) -> Result<Plan, Amount> {
        let kept = plan::keep(confirmed, self.reserve);
        let others: Vec<Coin> = may
            .iter()
            .filter(|coin| !kept.contains(coin))
            .cloned()
            .collect();
        plan::choose(must, &others, outputs, rule)
            .or_else(|_| plan::choose(must, may, outputs, rule))
    }

    /// What the reserve lacks in confirmed coins when this plan's inputs are spent.
    pub(super) fn lacking(&self, plan: &Plan) -> Amount {
        let confirmed = self.coins().confirmed.into_iter();
        let left: Amount = confirmed
            .filter(|coin| !plan.inputs.contains(coin))
            .map(|coin| coin.value())
            .sum();
        self.reserve.checked_sub(left).unwrap_or(Amount::ZERO)
    }

    /// What is worth more than the reserve.
    pub(super) fn above_reserve(&self, coins: &Coins) -> Amount {
        coins
            .worth()
            .checked_sub(self.reserve)
            .unwrap_or(Amount::ZERO)
    }

    pub(super) fn short(&self, needed: Amount, available: Amount) -> WalletError {
        WalletError::InsufficientFunds {
            needed,
            available,
            reserve: self.reserve,
        }
    }

    /// Builds and signs what `plan` says, change to `change` (or a fresh change key), and sets its inputs aside. Outputs
    /// are ordered by script, which says nothing about which of them is the change.
    pub(super) fn build(
        &mut self,
        keys: &Keys,
        plan: Plan,
        mut outputs: Vec<TxOut>,
        change: Option<ScriptBuf>,
        lock: Lock,
    ) -> Result<Built, WalletError> {
        if let Some(value) = plan.change {
            let script_pubkey = change.unwrap_or_else(|| self.change_script());
            outputs.push(TxOut {
                value,
                script_pubkey,
            });
        }
        outputs.sort_by(|a, b| a.script_pubkey.cmp(&b.script_pubkey));
        let input = plan.inputs.iter().map(|coin| TxIn {
            previous_output: coin.outpoint,
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            script_sig: ScriptBuf::new(),
            witness: Witness::new(),
        });
        // The present height as lock time, as most wallets do: it takes a miner's reason to rewrite the last block.
        let height = self.bdk.latest_checkpoint().height();
        let mut tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::from_height(height).unwrap_or(LockTime::ZERO),
            input: input.collect(),
            output: outputs,
        };
        let prevouts: Vec<TxOut> = plan.inputs.iter().map(|coin| coin.txout.clone()).collect();
        let owned: Vec<_> = plan
            .inputs
            .iter()
            .enumerate()
            .map(|(at, coin)| (at, coin.keychain, coin.index))
            .collect();
        keys.sign(&mut tx, &prevouts, &owned)?;
        self.locked
            .extend(plan.inputs.iter().map(|coin| (coin.outpoint, lock)));
        Ok(Built { tx, fee: plan.fee })
    }
}

impl Wallet {
    /// Plans and builds a new spend in one go.
    pub(super) fn spend(
        &self,
        output: TxOut,
        rate: FeeRate,
        with_change: bool,
        lock: Lock,
    ) -> Result<Built, WalletError> {
        self.mutate(|state| {
            let plan = state.plan_new(&output, rate, with_change)?;
            state.build(&self.keys, plan, vec![output], None, lock)
        })
    }
}
