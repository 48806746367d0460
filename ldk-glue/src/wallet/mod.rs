//! The on-chain wallet: BIP86 keys, BDK for knowing what is ours, our own choice of coins.
//!
//! Only this module chooses coins. It keeps back the reserve that anchor channels need, never spends what others may still
//! take back (unconfirmed coins that are not its own change), and sets coins aside ("locks" them) from the moment a
//! transaction spending them is signed.

mod build;
mod coins;
mod error;
mod funding;
mod keys;
mod ldk;
mod plan;
mod send;
mod sink;
mod store;
mod sync;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bdk_wallet::chain::Merge as _;
use bdk_wallet::{ChangeSet, KeychainKind};
use bitcoin::bip32::Xpriv;
use bitcoin::{Address, Amount, Network, OutPoint, ScriptBuf, Transaction};
use lightning::chain::BestBlock;
use tokio::sync::watch;

pub use error::WalletError;
pub use funding::Funding;
pub use send::SendAmount;
pub use sink::{SinkError, WalletSink};
pub use view::{Balance, WalletTx};

use crate::chain::BlockId;
use keys::Keys;

/// Why a coin is set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lock {
    /// It funds a contract: set aside until released.
    Funding,
    /// A transaction that spends it is signed but not yet sent.
    Sending,
}

struct State {
    bdk: bdk_wallet::Wallet,
    /// Changes the store refused so far.
    unsaved: ChangeSet,
    locked: HashMap<OutPoint, Lock>,
    reserve: Amount,
    /// Change keys handed out in this run whose transactions may not be sent yet.
    change_in_use: HashSet<u32>,
    /// The key LDK's sweeps go to, until it is used.
    sweep_key: Option<u32>,
    /// The key channels pay to at their end, until it is used.
    channel_key: Option<u32>,
    /// Time given to the last transaction seen; strictly rising, so that a replacement beats what it replaces.
    last_seen: u64,
}

/// The on-chain wallet.
pub struct Wallet {
    network: Network,
    keys: Keys,
    sink: Arc<dyn WalletSink>,
    state: Mutex<State>,
    failure: watch::Sender<Option<String>>,
}

impl Wallet {
    /// Opens the wallet kept in `sink`, or begins a new one.
    ///
    /// `account` is the BIP86 account key (m/86'/coin'/0'). `start` matters for a new wallet only: it looks at blocks after
    /// this one. Give a block a little below the tip for a fresh seed, `None` to look through the whole chain for the coins
    /// of a restored one.
    ///
    /// # Errors
    /// When the store fails or holds the wallet of another seed or network.
    pub fn open(
        account: Xpriv,
        network: Network,
        sink: Arc<dyn WalletSink>,
        start: Option<BlockId>,
    ) -> Result<Arc<Self>, WalletError> {
        let keys = Keys::new(account);
        let stored = store::stored(sink.as_ref())?;
        let bdk = if stored.is_empty() {
            store::create(&keys, network, start)?
        } else {
            store::restore(&keys, network, stored)?
        };
        let state = State {
            bdk,
            unsaved: ChangeSet::default(),
            locked: HashMap::new(),
            reserve: Amount::ZERO,
            change_in_use: HashSet::new(),
            sweep_key: None,
            channel_key: None,
            last_seen: 0,
        };
        let wallet = Self {
            network,
            keys,
            sink,
            state: Mutex::new(state),
            failure: watch::Sender::new(None),
        };
        wallet.mutate(|_| Ok(()))?;
        Ok(Arc::new(wallet))
    }

    /// The network its addresses are for.
    pub fn network(&self) -> Network {
        self.network
    }

    /// The last block the wallet has seen.
    pub fn best_block(&self) -> BestBlock {
        let tip = self.state().bdk.latest_checkpoint();
        BestBlock::new(tip.hash(), tip.height())
    }

    /// Becomes `Some(reason)` once a change could not be stored: the node must stop.
    pub fn failure(&self) -> watch::Receiver<Option<String>> {
        self.failure.subscribe()
    }

    /// An address never given out before.
    ///
    /// # Errors
    /// When the store fails.
    pub fn new_address(&self) -> Result<Address, WalletError> {
        self.mutate(|state| {
            Ok(state
                .bdk
                .reveal_next_address(KeychainKind::External)
                .address)
        })
    }

    /// An address nothing was received on yet; the same one until something is. For showing to people.
    ///
    /// # Errors
    /// When the store fails.
    pub fn unused_address(&self) -> Result<Address, WalletError> {
        self.mutate(|state| {
            let shown = state
                .bdk
                .list_unused_addresses(KeychainKind::External)
                .find(|info| Some(info.index) != state.channel_key);
            let info =
                shown.unwrap_or_else(|| state.bdk.reveal_next_address(KeychainKind::External));
            Ok(info.address)
        })
    }

    /// Where a channel pays to at its end. All channels get the same until something was paid there: strangers who open
    /// channels and never pay for them must not drive the wallet to keys a restored one does not look for.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn channel_script(&self) -> Result<ScriptBuf, WalletError> {
        self.mutate(|state| Ok(state.channel_script()))
    }

    /// Keeps this much back for closing anchor channels: nothing here spends below it, LDK's own bumps may.
    pub fn set_reserve(&self, reserve: Amount) {
        self.state().reserve = reserve;
    }

    /// What [`Wallet::set_reserve`] set.
    pub fn reserve(&self) -> Amount {
        self.state().reserve
    }

    /// Sets coins aside for fundings made before a restart. To be called before anything is spent.
    pub fn lock(&self, outpoints: &[OutPoint]) {
        let mut state = self.state();
        state
            .locked
            .extend(outpoints.iter().map(|outpoint| (*outpoint, Lock::Funding)));
    }

    /// Gives coins free again: their transaction will never be sent, or is final.
    pub fn release(&self, outpoints: &[OutPoint]) {
        let mut state = self.state();
        for outpoint in outpoints {
            state.locked.remove(outpoint);
        }
    }

    /// Gives the inputs of a transaction free again.
    pub fn release_tx(&self, tx: &Transaction) {
        let inputs: Vec<OutPoint> = tx.input.iter().map(|input| input.previous_output).collect();
        self.release(&inputs);
    }

    /// All coins set aside.
    pub fn locked(&self) -> Vec<OutPoint> {
        self.state().locked.keys().copied().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the wallet and stores the change before anybody can see its result.
    fn mutate<T>(
        &self,
        change: impl FnOnce(&mut State) -> Result<T, WalletError>,
    ) -> Result<T, WalletError> {
        let mut state = self.state();
        let result = change(&mut state);
        if let Some(staged) = state.bdk.take_staged() {
            state.unsaved.merge(staged);
        }
        if !state.unsaved.is_empty() {
            let stored = serde_json::to_vec(&state.unsaved)
                .map_err(|err| err.to_string())
                .and_then(|bytes| self.sink.append(&bytes).map_err(|err| err.to_string()));
            if let Err(reason) = stored {
                let error = WalletError::Store(reason);
                self.fail(&error);
                return Err(error);
            }
            state.unsaved = ChangeSet::default();
        }
        result
    }

    fn fail(&self, error: &WalletError) {
        tracing::error!(%error, "the wallet cannot go on");
        self.failure.send_replace(Some(error.to_string()));
    }
}
