//! What can go wrong between us and bitcoind, and what to do about it.

use bitcoin::Network;

/// JSON-RPC error codes of bitcoind that mean something to us.
pub(crate) mod code {
    /// The RPC server is up but the node is still loading.
    pub(crate) const IN_WARMUP: i64 = -28;
    /// Unknown block, transaction or key.
    pub(crate) const NOT_FOUND: i64 = -5;
    /// More arguments than the method takes: answered with the method's help.
    pub(crate) const USAGE: i64 = -1;
    /// bitcoind has no such method.
    pub(crate) const NO_METHOD: i64 = -32601;
    /// The transaction, or its outputs, are already in the chain.
    pub(crate) const ALREADY_IN_CHAIN: i64 = -27;
}

/// A call to bitcoind did not give an answer we can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RpcError {
    /// No connection, or no answer in time.
    #[error(
        "bitcoind at {endpoint} does not answer ({reason}). Nothing is lost, but no block can be seen and nothing can be \
         broadcast until it is back: check that bitcoind runs with `server=1` and that host and port are right"
    )]
    Unreachable {
        /// `host:port`.
        endpoint: String,
        /// What the connection said.
        reason: String,
    },
    /// bitcoind refused the credentials, or they cannot be read.
    #[error(
        "bitcoind at {endpoint} refuses the login ({reason}). Check the cookie file's path and that it may be read, or the \
         RPC user and password"
    )]
    Unauthorized {
        /// `host:port`.
        endpoint: String,
        /// Which credential failed.
        reason: String,
    },
    /// bitcoind runs on another network than this node.
    #[error(
        "bitcoind is on {found}, this node on {expected}. Nothing was done: point the node at a bitcoind of its own network"
    )]
    WrongNetwork {
        /// The network this node was configured for.
        expected: Network,
        /// What bitcoind says it is on.
        found: String,
    },
    /// bitcoind understood and said no.
    #[error("bitcoind refused: {message} (code {code})")]
    Rpc {
        /// bitcoind's error code.
        code: i64,
        /// bitcoind's own words.
        message: String,
    },
    /// A block that is needed is no longer kept.
    #[error(
        "bitcoind has pruned a block that this node has not seen yet. Nothing is lost and nothing was done, but without it \
         the node cannot tell what became of its coins: point it at a bitcoind that has all blocks, or have this one fetch \
         them again (`prune=0`, then start it once with `-reindex`)"
    )]
    Pruned,
    /// The answer is not what this method answers.
    #[error(
        "bitcoind's answer to {method} cannot be read ({reason}). The address may belong to another program, or this \
         bitcoind is too old: 24.0 or newer is needed"
    )]
    Malformed {
        /// The method called.
        method: String,
        /// What was wrong with the answer.
        reason: String,
    },
}

impl RpcError {
    /// What bitcoind said no to, and why.
    pub(super) fn refused(code: i64, message: String) -> Self {
        // The code says nothing: it is the one of wrong use as well.
        if message.contains("pruned data") {
            return Self::Pruned;
        }
        Self::Rpc { code, message }
    }

    /// Whether a later try may succeed with nothing changed by the user: no connection, or bitcoind still loading.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Rpc { code, .. } => *code == code::IN_WARMUP,
            _ => false,
        }
    }

    /// bitcoind's version does not take these arguments.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Rpc {
                code: code::USAGE,
                ..
            }
        )
    }

    /// bitcoind does not know the block or transaction asked for.
    pub fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::Rpc {
                code: code::NOT_FOUND,
                ..
            }
        )
    }
}
