//! The chain port over bitcoind.

use std::sync::Arc;

use bitcoin::{FeeRate, OutPoint, Transaction};
use cambista_engine::ports::{Chain, ChainTip, NotAccepted, PortError};
use cambista_ldk::Node;
use cambista_ldk::chain::{BlockId, Reject};

/// The longest a fee is estimated for (blocks): bitcoind knows no further.
const LONGEST: u16 = 1008;

/// The node's chain source.
pub struct ChainPort {
    node: Arc<Node>,
}

impl ChainPort {
    pub(super) const fn new(node: Arc<Node>) -> Self {
        Self { node }
    }
}

fn tip(block: BlockId) -> ChainTip {
    ChainTip {
        height: block.height,
        hash: block.hash,
        time: u64::from(block.time),
    }
}

impl Chain for ChainPort {
    fn tip(&self) -> ChainTip {
        tip(self.node.chain().tip())
    }

    fn source_height(&self) -> u32 {
        let status = self.node.chain().status();
        status.node_height.max(status.headers)
    }

    async fn broadcast(&self, package: &[Transaction]) -> Result<(), PortError> {
        self.node
            .broadcaster()
            .broadcast(package)
            .await
            .map_err(|error| PortError(error.to_string()))
    }

    async fn test_accept(&self, tx: &Transaction) -> Result<(), NotAccepted> {
        self.node
            .mempool()
            .test_accept(tx)
            .await
            .map_err(|reject| match reject {
                Reject::Refused(reason) => NotAccepted::Refused(reason),
                Reject::Unavailable(error) => NotAccepted::Unavailable(error.to_string()),
            })
    }

    fn fee_rate(&self, blocks: u32) -> FeeRate {
        self.node
            .fees()
            .rate(u16::try_from(blocks).unwrap_or(LONGEST).clamp(1, LONGEST))
    }

    fn watch_mempool(&self, outpoint: OutPoint) {
        self.node.mempool().watch(outpoint);
    }

    fn unwatch_mempool(&self, outpoint: OutPoint) {
        self.node.mempool().unwatch(&outpoint);
    }
}
