//! What can go wrong in the swarm, in words for the one who runs the node.

use libp2p::Multiaddr;

use super::exchange::Protocol;

/// The swarm could not start. Nothing has been sent and no swap is affected.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// A bootstrap address names no peer.
    #[error(
        "bootstrap address {0} does not say which peer it leads to: append /p2p/<peer id>, as the \
         peer's own node prints it"
    )]
    BootstrapWithoutPeer(Multiaddr),
    /// A listener could not be opened.
    #[error(
        "cannot listen on {address}: {reason}. No swap is affected; choose another address or port, \
         or stop the program that uses it"
    )]
    Listen {
        /// The configured address.
        address: Multiaddr,
        /// What the system said.
        reason: String,
    },
    /// The identity or a protocol could not be set up.
    #[error("cannot set up the peer-to-peer network: {0}")]
    Setup(String),
}

/// An offer was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Larger than any peer would take.
    #[error("the offer has {size} bytes, more than the {max} peers accept; it was not published")]
    TooLarge {
        /// Size of the offer in bytes.
        size: usize,
        /// Most bytes an offer may have.
        max: usize,
    },
    /// Refused by the gossip protocol.
    #[error("the offer could not be published: {0}")]
    Refused(String),
    /// The swarm is no longer running.
    #[error("the offer was not published: the peer-to-peer network is stopped")]
    Stopped,
}

/// A connection could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The peer did not answer, or is not who the address says.
    #[error("cannot connect to {address}: {reason}")]
    Failed {
        /// The dialled address.
        address: Multiaddr,
        /// What happened.
        reason: String,
    },
    /// Too many connections are being made at once.
    #[error("too many connections are being set up; try again in a few seconds")]
    Busy,
    /// The swarm is no longer running.
    #[error("the peer-to-peer network is stopped")]
    Stopped,
}

/// A request got no answer. [`RequestError::may_have_arrived`] tells whether the peer may
/// nevertheless have acted on it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Larger than the protocol allows; not sent.
    #[error("the {protocol} request has {size} bytes, more than {max}; it was not sent")]
    TooLarge {
        /// The protocol asked for.
        protocol: Protocol,
        /// Size of the request in bytes.
        size: usize,
        /// Most bytes a message of this protocol may have.
        max: usize,
    },
    /// Too many requests wait for an answer; not sent.
    #[error(
        "too many requests are waiting for an answer; this one was not sent, try again shortly"
    )]
    Busy,
    /// No connection to the peer; not sent.
    #[error("the peer cannot be reached; nothing was sent")]
    Unreachable,
    /// The peer speaks another version; not sent.
    #[error("the peer does not speak {0}; nothing was sent")]
    Unsupported(Protocol),
    /// No answer in time. The peer may have acted on the request.
    #[error("the peer did not answer in time; it may or may not have acted on the request")]
    Timeout,
    /// The connection broke before the answer. The peer may have acted on the request.
    #[error(
        "the connection broke before the answer came; the peer may or may not have acted on the \
         request"
    )]
    Lost,
    /// The peer closed the stream without an answer: it refuses, or is too busy.
    #[error("the peer gave no answer: it refuses the request or is too busy")]
    Declined,
    /// The answer breaks the protocol's framing or size limit.
    #[error("the peer's answer breaks the protocol: {0}")]
    Malformed(String),
    /// The swarm is no longer running.
    #[error("the peer-to-peer network is stopped; the request may or may not have been sent")]
    Stopped,
}

impl RequestError {
    /// Whether the peer may have received the request. `false` means it certainly was not sent, so
    /// asking somebody else instead cannot make anything happen twice.
    #[must_use]
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::TooLarge { .. } | Self::Busy | Self::Unreachable | Self::Unsupported(_) => false,
            Self::Timeout | Self::Lost | Self::Declined | Self::Malformed(_) | Self::Stopped => {
                true
            }
        }
    }
}
