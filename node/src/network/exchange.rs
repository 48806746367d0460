//! The three request-response protocols and what they have in common.

use std::{fmt, time::Duration};

use libp2p::{
    StreamProtocol,
    request_response::{self, ProtocolSupport},
};

use super::{book, frame::FrameCodec, quote, swap};

/// Streams of one protocol that one connection may have open, both directions together.
const STREAMS_PER_CONNECTION: usize = 32;

/// A request-response protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Asking a maker for a firm quote.
    Quote,
    /// The messages of one swap.
    Swap,
    /// Asking a peer for the offers it knows.
    Book,
}

/// What one protocol allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) name: &'static str,
    /// Largest request and largest answer, in bytes.
    pub(super) max_bytes: usize,
    /// How long both sides wait for the answer.
    pub(super) timeout: Duration,
    /// Answers being worked out at one time.
    pub(super) running: usize,
    /// Requests held at one time, those being answered included.
    pub(super) waiting: usize,
    /// The same from one peer.
    pub(super) waiting_per_peer: usize,
}

impl Protocol {
    pub(super) const fn rules(self) -> &'static Rules {
        match self {
            Self::Quote => &quote::RULES,
            Self::Swap => &swap::RULES,
            Self::Book => &book::RULES,
        }
    }

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.rules().name
    }

    /// Most bytes a request or an answer may have.
    #[must_use]
    pub const fn max_bytes(self) -> usize {
        self.rules().max_bytes
    }

    /// How long a request waits for its answer, connecting included.
    #[must_use]
    pub const fn timeout(self) -> Duration {
        self.rules().timeout
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One protocol's part of the swarm.
pub(super) type Exchange = request_response::Behaviour<FrameCodec>;
/// What such a part reports.
pub(super) type ExchangeEvent = request_response::Event<Vec<u8>, Vec<u8>>;
/// Where an answer goes.
pub(super) type AnswerChannel = request_response::ResponseChannel<Vec<u8>>;

pub(super) fn new(protocol: Protocol) -> Exchange {
    let rules = protocol.rules();
    let config = request_response::Config::default()
        .with_request_timeout(rules.timeout)
        .with_max_concurrent_streams(STREAMS_PER_CONNECTION);
    Exchange::with_codec(
        FrameCodec::new(rules.max_bytes),
        [(StreamProtocol::new(rules.name), ProtocolSupport::Full)],
        config,
    )
}
