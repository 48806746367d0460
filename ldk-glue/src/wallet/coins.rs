//! What the wallet has, sorted by what may be done with it.

use bdk_wallet::{KeychainKind, LocalOutput};
use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction};

use super::plan::{self, Coin};
use super::{Lock, State};

/// Blocks a coinbase output must be deep before it can be spent.
const COINBASE_MATURITY: u32 = 100;

/// All unspent coins, sorted.
#[derive(Default)]
pub(super) struct Coins {
    /// Confirmed, mature, not set aside.
    pub(super) confirmed: Vec<Coin>,
    /// Unconfirmed change of the wallet's own final transactions.
    pub(super) change: Vec<Coin>,
    /// Unconfirmed change of fundings, which may yet be replaced: ours in any case, not to be spent before it confirms.
    pub(super) held_change: Amount,
    /// Unconfirmed coins from others, and immature coinbases.
    pub(super) pending: Amount,
    /// Set aside and not spent by a transaction the wallet has seen.
    pub(super) locked: Amount,
}

impl Coins {
    /// Everything that is ours for sure and not set aside.
    pub(super) fn worth(&self) -> Amount {
        plan::total(&self.confirmed) + plan::total(&self.change) + self.held_change
    }
}

fn coin(output: LocalOutput) -> Coin {
    Coin {
        outpoint: output.outpoint,
        txout: output.txout,
        keychain: output.keychain,
        index: output.derivation_index,
    }
}

impl State {
    pub(super) fn coins(&self) -> Coins {
        let tip = self.bdk.latest_checkpoint().height();
        let mut coins = Coins::default();
        for output in self.bdk.list_unspent() {
            let value = output.txout.value;
            let tx = self.bdk.tx_graph().get_tx(output.outpoint.txid);
            if self.locked.contains_key(&output.outpoint) {
                coins.locked += value;
            } else if let Some(height) = output.chain_position.confirmation_height_upper_bound() {
                let coinbase = tx.is_none_or(|tx| tx.is_coinbase());
                if coinbase && tip + 1 < height + COINBASE_MATURITY {
                    coins.pending += value;
                } else {
                    coins.confirmed.push(coin(output));
                }
            } else if output.keychain == KeychainKind::Internal
                && tx.as_ref().is_some_and(|tx| self.all_ours(tx))
            {
                if tx.is_some_and(|tx| self.spends_funding(&tx)) {
                    coins.held_change += value;
                } else {
                    coins.change.push(coin(output));
                }
            } else {
                coins.pending += value;
            }
        }
        coins
    }

    /// Whether this transaction spends only the wallet's own coins.
    pub(super) fn all_ours(&self, tx: &Transaction) -> bool {
        tx.input
            .iter()
            .all(|input| self.coin(input.previous_output).is_some())
    }

    /// Whether it spends a coin set aside for a funding, so that it may be one version of several.
    pub(super) fn spends_funding(&self, tx: &Transaction) -> bool {
        tx.input
            .iter()
            .any(|input| self.locked.get(&input.previous_output) == Some(&Lock::Funding))
    }

    /// A coin of ours, spent or not.
    pub(super) fn coin(&self, outpoint: OutPoint) -> Option<Coin> {
        let txout = self.bdk.tx_graph().get_txout(outpoint)?.clone();
        let (keychain, index) = self.bdk.derivation_of_spk(txout.script_pubkey.clone())?;
        Some(Coin {
            outpoint,
            txout,
            keychain,
            index,
        })
    }

    /// Confirmed coins for LDK's fee bumps, the reserve included. Coins whose only spender is an unconfirmed bump belong to
    /// them: LDK replaces its own bumps, and must be able to use the same coin for that.
    pub(super) fn bump_coins(&self) -> Vec<Coin> {
        let mut coins = self.coins().confirmed;
        for tx in self
            .bdk
            .transactions()
            .filter(|tx| tx.chain_position.is_unconfirmed())
        {
            let tx = &tx.tx_node.tx;
            if self.all_ours(tx) {
                continue;
            }
            for input in &tx.input {
                let outpoint = input.previous_output;
                let confirmed = self
                    .bdk
                    .get_tx(outpoint.txid)
                    .is_some_and(|parent| parent.chain_position.is_confirmed());
                if confirmed && !self.locked.contains_key(&outpoint) {
                    coins.extend(self.coin(outpoint));
                }
            }
        }
        coins
    }

    /// A change key no transaction uses, kept from others for this run.
    pub(super) fn change_script(&mut self) -> ScriptBuf {
        let free = self
            .bdk
            .list_unused_addresses(KeychainKind::Internal)
            .find(|info| !self.change_in_use.contains(&info.index));
        let info = free.unwrap_or_else(|| self.bdk.reveal_next_address(KeychainKind::Internal));
        self.change_in_use.insert(info.index);
        info.address.script_pubkey()
    }

    /// The change key for LDK's sweeps: the same until it is used, as LDK asks again for every try.
    pub(super) fn sweep_script(&mut self) -> ScriptBuf {
        let unused = self
            .bdk
            .list_unused_addresses(KeychainKind::Internal)
            .find(|info| Some(info.index) == self.sweep_key)
            .map(|info| info.address.script_pubkey());
        match unused {
            Some(script) => script,
            None => {
                let script = self.change_script();
                self.sweep_key = self
                    .bdk
                    .derivation_of_spk(script.clone())
                    .map(|(_, index)| index);
                script
            }
        }
    }

    /// See [`super::Wallet::channel_script`].
    pub(super) fn channel_script(&mut self) -> ScriptBuf {
        let given = self
            .bdk
            .list_unused_addresses(KeychainKind::External)
            .find(|info| Some(info.index) == self.channel_key);
        let info = given.unwrap_or_else(|| self.bdk.reveal_next_address(KeychainKind::External));
        self.channel_key = Some(info.index);
        info.address.script_pubkey()
    }
}
