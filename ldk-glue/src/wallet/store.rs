//! Between the wallet's changes in the store and BDK's wallet in memory.

use std::collections::BTreeMap;

use bdk_wallet::chain::{Merge as _, local_chain};
use bdk_wallet::{ChangeSet, KeychainKind, Update};
use bitcoin::Network;
use lightning::chain::BestBlock;

use super::keys::Keys;
use super::sync::bdk_id;
use super::{Wallet, WalletError, WalletSink};
use crate::chain::BlockId;

/// How many keys beyond the last used one are recognised. Quotes that come to nothing use up addresses, so this is wider
/// than a wallet for people needs.
const LOOKAHEAD: u32 = 100;

fn wrong(reason: impl ToString) -> WalletError {
    WalletError::WrongWallet(reason.to_string())
}

/// All changes in the store as one.
pub(super) fn stored(sink: &dyn WalletSink) -> Result<ChangeSet, WalletError> {
    let mut stored = ChangeSet::default();
    for change in sink
        .load()
        .map_err(|err| WalletError::Store(err.to_string()))?
    {
        let change = serde_json::from_slice(&change)
            .map_err(|err| WalletError::Store(format!("a stored change is damaged: {err}")))?;
        stored.merge(change);
    }
    Ok(stored)
}

/// A new wallet that looks at blocks after `start`, or at all of them.
pub(super) fn create(
    keys: &Keys,
    network: Network,
    start: Option<BlockId>,
) -> Result<bdk_wallet::Wallet, WalletError> {
    let external = keys.descriptor(KeychainKind::External);
    let internal = keys.descriptor(KeychainKind::Internal);
    let mut bdk = bdk_wallet::Wallet::create(external, internal)
        .network(network)
        .lookahead(LOOKAHEAD)
        .create_wallet_no_persist()
        .map_err(wrong)?;
    if let Some(start) = start.filter(|start| start.height > 0) {
        let chain = bdk
            .latest_checkpoint()
            .insert(bdk_id(start.height, start.hash));
        let update = Update {
            chain: Some(chain),
            ..Update::default()
        };
        bdk.apply_update(update).map_err(wrong)?;
    }
    Ok(bdk)
}

/// The wallet these changes made.
pub(super) fn restore(
    keys: &Keys,
    network: Network,
    stored: ChangeSet,
) -> Result<bdk_wallet::Wallet, WalletError> {
    bdk_wallet::Wallet::load()
        .descriptor(
            KeychainKind::External,
            Some(keys.descriptor(KeychainKind::External)),
        )
        .descriptor(
            KeychainKind::Internal,
            Some(keys.descriptor(KeychainKind::Internal)),
        )
        .check_network(network)
        .lookahead(LOOKAHEAD)
        .load_wallet_no_persist(stored)
        .map_err(wrong)?
        .ok_or_else(|| wrong("it is incomplete"))
}

impl Wallet {
    /// Takes back every block above `fork`. BDK has no call for that, so its wallet is made anew from the store.
    pub(super) fn rewind(&self, fork: BestBlock) -> Result<(), WalletError> {
        self.mutate(|state| {
            let tips = state.bdk.local_chain().iter_checkpoints();
            let gone = tips
                .map(|block| block.height())
                .take_while(|height| *height > fork.height);
            let mut blocks: BTreeMap<_, _> = gone.map(|height| (height, None)).collect();
            blocks.insert(fork.height, Some(fork.block_hash));
            let local_chain = local_chain::ChangeSet { blocks };
            let change = ChangeSet {
                local_chain,
                ..ChangeSet::default()
            };
            state.unsaved.merge(change);
            let mut changes = stored(self.sink.as_ref())?;
            changes.merge(state.unsaved.clone());
            state.bdk = restore(&self.keys, self.network, changes)?;
            Ok(())
        })
    }
}
