//! What the wallet shows.

use bitcoin::{Amount, SignedAmount, Txid};

use super::{Wallet, plan};

/// What the wallet holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// In confirmed coins, those set aside included.
    pub confirmed: Amount,
    /// On the way: unconfirmed, or newly mined.
    pub pending: Amount,
    /// Part of it that cannot be spent now: set aside for fundings, and the reserve for anchor channels.
    pub reserved: Amount,
    /// What a payment may use, its fee included.
    pub spendable: Amount,
}

/// One transaction of the wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletTx {
    /// Its id.
    pub txid: Txid,
    /// What it did to the balance, fee included.
    pub net: SignedAmount,
    /// Its fee, where the wallet knows all inputs.
    pub fee: Option<Amount>,
    /// Where it is confirmed.
    pub height: Option<u32>,
    /// Block time, or when it was sent; seconds since the epoch.
    pub time: Option<u64>,
}

impl Wallet {
    /// The balance.
    pub fn balance(&self) -> Balance {
        let state = self.state();
        let coins = state.coins();
        let change = plan::total(&coins.change);
        let free = plan::total(&coins.confirmed) + change;
        Balance {
            confirmed: plan::total(&coins.confirmed) + coins.locked,
            pending: change + coins.held_change + coins.pending,
            reserved: coins.locked + state.reserve.min(coins.worth()),
            spendable: free.min(state.above_reserve(&coins)),
        }
    }

    /// What fundings may use, their fees included: confirmed, not set aside, above the reserve.
    pub fn fundable(&self) -> Amount {
        let state = self.state();
        let coins = state.coins();
        plan::total(&coins.confirmed).min(state.above_reserve(&coins))
    }

    /// All transactions, newest first.
    pub fn history(&self) -> Vec<WalletTx> {
        let state = self.state();
        let list = state
            .bdk
            .transactions_sort_by(|a, b| b.chain_position.cmp(&a.chain_position));
        let entry = |tx: bdk_wallet::WalletTx<'_>| {
            let (sent, received) = state.bdk.sent_and_received(&tx.tx_node.tx);
            let net = received
                .to_signed()
                .ok()?
                .checked_sub(sent.to_signed().ok()?)?;
            let (height, time) = match &tx.chain_position {
                bdk_wallet::chain::ChainPosition::Confirmed { anchor, .. } => {
                    (Some(anchor.block_id.height), Some(anchor.confirmation_time))
                }
                bdk_wallet::chain::ChainPosition::Unconfirmed { first_seen, .. } => {
                    (None, *first_seen)
                }
            };
            Some(WalletTx {
                txid: tx.tx_node.txid,
                net,
                fee: state.bdk.calculate_fee(&tx.tx_node.tx).ok(),
                height,
                time,
            })
        };
        list.into_iter().filter_map(entry).collect()
    }
}
