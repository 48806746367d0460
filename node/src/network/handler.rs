//! What the swarm asks of the node it runs in.

use futures::future::BoxFuture;
use libp2p::PeerId;

use super::exchange::Protocol;

/// What becomes of a gossiped offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Valid and new: passed on to other peers.
    Accept,
    /// Breaks the rules: dropped, and the peer that passed it on loses standing.
    Reject,
    /// Stale or already known: dropped without blame.
    Ignore,
}

/// Judges offers and answers requests.
///
/// Every future runs in a task of its own and is never cancelled, so it may write to the store at
/// any point. The number of futures is bounded in total, per protocol and per peer; what exceeds
/// the bound is dropped before it reaches the handler.
pub trait Handler: Send + Sync + 'static {
    /// Judges an offer that `from` passed on (which need not be its maker). A verdict that takes
    /// longer than ten seconds comes too late for the offer to be passed on.
    fn offer<'a>(&'a self, from: PeerId, payload: Vec<u8>) -> BoxFuture<'a, Verdict>;

    /// Answers a request. `None` closes the stream without an answer. The peer waits no longer
    /// than [`Protocol::timeout`].
    fn request<'a>(
        &'a self,
        from: PeerId,
        protocol: Protocol,
        body: Vec<u8>,
    ) -> BoxFuture<'a, Option<Vec<u8>>>;

    /// A peer of the same network is connected and has identified itself. Called once for every
    /// time a peer comes (back), not for further connections with it.
    fn connected<'a>(&'a self, peer: PeerId) -> BoxFuture<'a, ()>;
}
