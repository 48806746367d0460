//! What is simulated.

/// What spammers send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spam {
    /// Nothing.
    None,
    /// Offers that do not hold.
    Garbage,
    /// Valid offers of makers made up for it, as fast as one processor core finds the work of this grade.
    Work(u8),
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Params {
    pub(crate) nodes: u32,
    /// Makers among them, the first so many.
    pub(crate) makers: u32,
    pub(crate) seconds: u64,
    /// Nodes that spam, of a thousand.
    pub(crate) spammers_permille: u32,
    pub(crate) spam: Spam,
    /// One announcement in so many is a maker's first.
    pub(crate) renewals: u32,
    pub(crate) seed: u64,
}

/// Peers a node calls.
pub(crate) const CALLS: usize = 8;
/// The gossip mesh, as the gossip protocol's defaults have it: wanted, least and most.
pub(crate) const MESH: (usize, usize, usize) = (6, 5, 12);
/// Peers outside the mesh told what is new at each heartbeat.
pub(crate) const LAZY: usize = 6;
/// An offer on the wire with its framing (bytes).
pub(crate) const OFFER_BYTES: u64 = 560;
/// One message id in a list of them (bytes).
pub(crate) const ID_BYTES: u64 = 34;
/// What a home sends at most (bytes a second): 5 Mbit/s.
pub(crate) const UPLINK: u64 = 625_000;
/// One way over the network (microseconds), least and most.
pub(crate) const LATENCY: (u64, u64) = (15_000, 150_000);
/// Judging an offer (microseconds): the signature mostly.
pub(crate) const JUDGE: u64 = 100;
/// A maker announces again after so many seconds, least and most.
pub(crate) const AGAIN: (u64, u64) = (1_800, 3_600);
/// How long a node stays, and how long it is gone, in the mean (seconds).
pub(crate) const STAYS: u64 = 4 * 3_600;
pub(crate) const GONE: u64 = 3_600;
/// How long one core takes for the work of an offer (microseconds): 2^20 tries at five million tries a second, sixteen times as
/// many for each grade.
pub(crate) const WORK: u64 = 210_000;
/// Invalid offers a peer is forgiven before it is no longer heard.
pub(crate) const FORGIVEN: u8 = 3;
/// A book's page (bytes), and what asks for one.
pub(crate) const PAGE: u64 = 65_536;
pub(crate) const ASK_BYTES: u64 = 80;
/// A page that has not come after so long is asked of another peer (microseconds).
pub(crate) const PATIENCE: u64 = 30_000_000;

impl Params {
    pub(crate) const fn new(nodes: u32, minutes: u32) -> Self {
        Self {
            nodes,
            makers: nodes / 5,
            seconds: minutes as u64 * 60,
            spammers_permille: 0,
            spam: Spam::None,
            renewals: 50,
            seed: 1,
        }
    }

    pub(crate) const fn with(self, spammers_permille: u32, spam: Spam) -> Self {
        Self {
            spammers_permille,
            spam,
            ..self
        }
    }

    /// Pages of a book of all makers.
    pub(crate) const fn pages(&self) -> u64 {
        (self.makers as u64 * OFFER_BYTES).div_ceil(PAGE)
    }

    /// Spammers are the last nodes.
    pub(crate) const fn is_spammer(&self, node: u32) -> bool {
        node >= self.nodes - self.nodes * self.spammers_permille / 1_000
    }
}
