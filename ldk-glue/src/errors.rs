//! What can go wrong with the node, and what it means.

use std::net::SocketAddr;

use lightning::io;
use lightning::ln::msgs::DecodeError;

use crate::chain::ChainError;
use crate::rpc::RpcError;
use crate::wallet::WalletError;

/// The node could not start. Nothing was broadcast and nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// bitcoind does not answer as it should.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The chain could not be followed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The wallet could not be opened.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// The store gave an error.
    #[error(
        "{what} could not be read from the database ({source}). Your funds are untouched: do not delete anything, repair \
         the disk or its permissions and start again"
    )]
    Store {
        /// What was read.
        what: &'static str,
        /// The store's error.
        source: io::Error,
    },
    /// A stored record cannot be decoded.
    #[error(
        "{what} in the database cannot be decoded ({reason}). Your channels are untouched: start the version of this \
         program that ran last, and do not restore an older copy of the database"
    )]
    Corrupt {
        /// What was decoded.
        what: &'static str,
        /// The decoder's complaint.
        reason: DecodeError,
    },
    /// Channel state and channel monitors do not belong together.
    #[error(
        "the database holds channel state older than what this node already acted upon ({detail}). Starting from it could \
         lose the channels' funds, so nothing was started: put the newest copy of the database back"
    )]
    StaleState {
        /// What does not fit.
        detail: String,
    },
    /// A listening address is taken or not ours.
    #[error(
        "cannot listen for Lightning peers on {address} ({source}): choose another address or stop what uses it"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: std::io::Error,
    },
    /// `run` was called twice, or after `stop`.
    #[error("this node has been started before: load it anew")]
    AlreadyStarted,
}

/// The node is shutting down, so what was waited for will not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Lightning node is stopping; what is saved goes on at the next start")]
pub struct Stopped;

/// An invoice could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvoiceError {
    /// The description is longer than an invoice can carry.
    #[error("the description is longer than the 639 bytes an invoice can carry: shorten it")]
    Description,
    /// LDK refused the values.
    #[error("no invoice with these values can be made ({0}); no money is involved yet")]
    Refused(String),
}

/// A payment could not be started. No HTLC is in flight for it unless it is a [`PayError::Duplicate`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayError {
    /// The text is no invoice, or one of another network.
    #[error("this is not an invoice we can pay ({0}); nothing was sent")]
    BadInvoice(String),
    /// The invoice leaves the amount to the payer.
    #[error("the invoice names no amount; nothing was sent. Ask for one that does")]
    NoAmount,
    /// The invoice has expired.
    #[error("the invoice has expired; nothing was sent. Ask for a new one")]
    Expired,
    /// A payment with this identifier exists: look at [`crate::Node::payment`].
    #[error("this payment has been started before; it was not started again")]
    Duplicate,
    /// No way to the receiver within the limits.
    #[error(
        "no route to the receiver within the limits for fee, lock time and parts, through the chosen channels; nothing was \
         sent. Raise the limits, lower the amount, or open a channel with more balance"
    )]
    NoRoute,
    /// The node is shutting down.
    #[error("the node is stopping; nothing was sent")]
    Stopped,
    /// The rule for this payment could not be stored.
    #[error("the payment could not be recorded ({0}); nothing was sent")]
    Store(String),
    /// Something else.
    #[error("the payment could not be sent: {0}")]
    Other(String),
}

/// A peer could not be reached or remembered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// The address has no meaning.
    #[error("\"{0}\" is not an address: write host:port")]
    Address(String),
    /// No connection.
    #[error(
        "peer {node} cannot be reached at {address} ({reason}): check the address and that the peer is online"
    )]
    Unreachable {
        /// The peer.
        node: String,
        /// Where it was looked for.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// There is no room for another one.
    #[error("{0} peers are remembered, which is the limit: forget one first")]
    Full(usize),
    /// The peer could not be written down.
    #[error("the peer could not be remembered: {0}")]
    Store(String),
}

/// A channel could not be opened or closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// The peer is needed and absent.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// There is no connection to the peer.
    #[error("not connected to the peer: connect to it first; nothing was spent")]
    NotConnected,
    /// The wallet cannot pay for it.
    #[error(
        "the wallet can spend {spendable_sat} sat, the channel needs {needed_sat} sat and the mining fee; nothing was \
         spent. The reserve for closing channels cannot be used"
    )]
    Funds {
        /// What the wallet can spend, in satoshis.
        spendable_sat: u64,
        /// The channel's size, in satoshis.
        needed_sat: u64,
    },
    /// The peer or LDK refused.
    #[error("the channel was refused: {0}. Nothing was spent")]
    Refused(String),
    /// The peer did not answer in time.
    #[error(
        "the peer did not finish opening the channel in time; nothing was spent. Try again or choose another peer"
    )]
    Timeout,
    /// There is no such channel.
    #[error("there is no such channel")]
    Unknown,
}
