//! What can go wrong in the wallet.

use bitcoin::{Amount, OutPoint};

/// The wallet could not do what was asked. Nothing was spent or sent.
#[derive(Debug, thiserror::Error)]
pub enum WalletError {
    /// Not enough coins that may be used for this.
    #[error(
        "{needed} are needed, fee included, and {available} may be used for this ({reserve} are kept back to close channels \
         safely, other coins may be unconfirmed or set aside). Nothing was spent: deposit more, wait for a confirmation, or \
         take a smaller amount"
    )]
    InsufficientFunds {
        /// Amount and fee.
        needed: Amount,
        /// What this kind of spend may use.
        available: Amount,
        /// Kept for anchor channels.
        reserve: Amount,
    },
    /// The amount is too small for the network to relay.
    #[error(
        "{amount} is below the {minimum} the network relays for this address. Nothing was spent: take a larger amount"
    )]
    Dust {
        /// What was asked for.
        amount: Amount,
        /// The smallest amount possible.
        minimum: Amount,
    },
    /// A coin that is not (or no longer) this wallet's.
    #[error(
        "coin {0} is not known to this wallet, so a transaction that spends it cannot be replaced. Nothing was sent; a wallet \
         that is still syncing finds it when it is done"
    )]
    UnknownCoin(OutPoint),
    /// The transaction handed in is not the funding it is said to be.
    #[error(
        "this transaction is not a funding of that contract by this wallet ({0}). Nothing was sent"
    )]
    NotAFunding(&'static str),
    /// Wallet data of another seed or network.
    #[error(
        "the wallet data in the store does not belong to this seed and network ({0}). Nothing was changed: use the data \
         folder this seed was made in, or the seed this folder belongs to"
    )]
    WrongWallet(String),
    /// The store failed.
    #[error(
        "the wallet's changes cannot be stored or read ({0}). The node stops so that no coin is used twice: check the disk, \
         then start it again"
    )]
    Store(String),
    /// A key or signature could not be made. Not expected to happen.
    #[error("the wallet could not sign ({0}). Nothing was sent; please report this")]
    Signing(String),
}
