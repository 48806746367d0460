//! The chain port over bitcoind.

use std::sync::Arc;

use bitcoin::{FeeRate, OutPoint, Transaction};
use cambista_engine::ports::{Chain, ChainTip, NotAccepted};
use cambista_ldk::Node;
use cambista_ldk::chain::{BlockId, Reject};
use cambista_ldk::rpc::RpcError;
use cambista_protocol::words::Direction;

/// The longest a fee is estimated for (blocks): bitcoind knows no further.
const LONGEST: u16 = 1008;

/// The rate for so many blocks.
fn fee_rate(node: &Node, blocks: u32) -> FeeRate {
    let blocks = u16::try_from(blocks).unwrap_or(LONGEST);
    node.fees().rate(blocks.clamp(1, LONGEST))
}

/// What this side's own transaction of a swap it takes costs now (sat).
#[must_use]
pub fn own_miner_fee(node: &Node, direction: Direction) -> u64 {
    cambista_engine::taker_chain_cost(direction, |blocks| fee_rate(node, blocks)).to_sat()
}

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

    fn in_touch(&self) -> bool {
        crate::offers::in_touch(&self.node)
    }

    async fn broadcast(&self, package: &[Transaction]) -> Result<(), NotAccepted> {
        let sent = self.node.broadcaster().broadcast(package).await;
        // What bitcoind refuses is not waited for. Who did not answer may have it, or must get it when it is back.
        let refused = matches!(&sent, Err(error @ RpcError::Rpc { .. }) if !error.is_transient());
        if !refused {
            package.iter().for_each(|tx| self.node.mempool().expect(tx));
        }
        sent.map_err(|error| match &error {
            RpcError::Rpc { message, .. } if !error.is_transient() => {
                NotAccepted::Refused(message.clone())
            }
            _ => NotAccepted::Unavailable(error.to_string()),
        })
    }

    async fn test_accept(&self, tx: &Transaction) -> Result<(), NotAccepted> {
        // What the answer decides is decided on the chain as bitcoind knows it now, headers without blocks included.
        let asked = self.node.chain().refresh_health().await;
        asked.map_err(|error| NotAccepted::Unavailable(error.to_string()))?;
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
        fee_rate(&self.node, blocks)
    }

    fn increment(&self) -> FeeRate {
        self.node.fees().incremental().max(FeeRate::BROADCAST_MIN)
    }

    fn watch_mempool(&self, outpoint: OutPoint) {
        self.node.mempool().watch(outpoint);
    }

    fn unwatch_mempool(&self, outpoint: OutPoint) {
        self.node.mempool().unwatch(&outpoint);
    }
}
