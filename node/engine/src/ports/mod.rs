//! What the engine needs of the world, in its own words.

mod archive;
mod chain;
mod keys;
mod lightning;
mod makers;
mod peers;
mod store;
mod wallet;
mod witness;

pub use archive::{Archived, Partner, Sought};
pub use chain::{Chain, ChainTip, NotAccepted};
pub use keys::{Clock, Entropy, Keys, SwapSecrets};
pub use lightning::{
    HoldRequest, Lightning, Liquidity, PayError, PayRequest, PaymentStatus, RouteTarget,
};
pub use makers::{MakerOffer, Makers, Wanted};
pub use peers::{PeerAddress, PeerError, PeerProtocol, Peers};
pub use store::{
    BatchEvent, BatchStep, Commit, NewSwap, OutboxItem, Share, Store, StoredBatch, StoredEvent,
    StoredSwap, StoredSweep,
};
pub use wallet::{BuiltFunding, TakenBack, Wallet};
pub use witness::Witness;

/// Something outside failed. The text is for people: what happened and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PortError(pub String);

/// All ports of one engine.
pub trait Ports: Witness {
    /// The block chain.
    type Chain: Chain;
    /// The on-chain wallet.
    type Wallet: Wallet;
    /// The Lightning node.
    type Lightning: Lightning;
    /// Other Cambista nodes.
    type Peers: Peers;
    /// Durable state.
    type Store: Store;
    /// Secrets of this node.
    type Keys: Keys;
    /// Time.
    type Clock: Clock;
    /// Randomness.
    type Entropy: Entropy;

    /// The chain.
    fn chain(&self) -> &Self::Chain;
    /// The wallet.
    fn wallet(&self) -> &Self::Wallet;
    /// Lightning.
    fn lightning(&self) -> &Self::Lightning;
    /// The peers.
    fn peers(&self) -> &Self::Peers;
    /// The store.
    fn store(&self) -> &Self::Store;
    /// The keys.
    fn keys(&self) -> &Self::Keys;
    /// The clock.
    fn clock(&self) -> &Self::Clock;
    /// The entropy.
    fn entropy(&self) -> &Self::Entropy;
}
