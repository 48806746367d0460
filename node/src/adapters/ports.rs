//! All ports in one value.

use std::sync::Arc;

use bitcoin::secp256k1::PublicKey;
use cambista_engine::ports::{Ports, Witness};
use cambista_ldk::Node;
use cambista_market::Lesson;
use cambista_market::fault::Fault;

use super::system::{SystemClock, SystemEntropy};
use super::{ChainPort, LightningPort, PeersPort, WalletPort};
use crate::keys::Seed;
use crate::network::NetworkHandle;
use crate::offers::Memory;
use crate::store::Store;

/// What the engine runs on in a real node.
pub struct NodePorts {
    chain: ChainPort,
    wallet: WalletPort,
    lightning: LightningPort,
    peers: PeersPort,
    store: Arc<Store>,
    seed: Seed,
    memory: Arc<Memory>,
}

impl NodePorts {
    /// Over these parts.
    #[must_use]
    pub fn new(
        node: &Arc<Node>,
        network: NetworkHandle,
        store: Arc<Store>,
        seed: Seed,
        memory: Arc<Memory>,
    ) -> Self {
        Self {
            chain: ChainPort::new(Arc::clone(node)),
            wallet: WalletPort::new(Arc::clone(node.wallet())),
            lightning: LightningPort::new(Arc::clone(node)),
            peers: PeersPort::new(network),
            store,
            seed,
            memory,
        }
    }
}

impl Ports for NodePorts {
    type Chain = ChainPort;
    type Wallet = WalletPort;
    type Lightning = LightningPort;
    type Peers = PeersPort;
    type Store = Store;
    type Keys = Seed;
    type Clock = SystemClock;
    type Entropy = SystemEntropy;

    fn chain(&self) -> &ChainPort {
        &self.chain
    }

    fn wallet(&self) -> &WalletPort {
        &self.wallet
    }

    fn lightning(&self) -> &LightningPort {
        &self.lightning
    }

    fn peers(&self) -> &PeersPort {
        &self.peers
    }

    fn store(&self) -> &Store {
        &self.store
    }

    fn keys(&self) -> &Seed {
        &self.seed
    }

    fn clock(&self) -> &SystemClock {
        &SystemClock
    }

    fn entropy(&self) -> &SystemEntropy {
        &SystemEntropy
    }
}

impl Witness for NodePorts {
    fn learn(&self, maker: &PublicKey, lesson: Lesson) {
        self.memory.learn(maker, lesson);
    }

    fn fault(&self, maker: &PublicKey, fault: Fault) {
        self.memory.fault(maker, fault);
    }
}
