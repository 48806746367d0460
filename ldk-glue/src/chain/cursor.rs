//! A place in the chain and the one step that leads on from it.

use bitcoin::{Block, BlockHash};

use super::{BlockId, ChainError};
use crate::rpc::{HeaderInfo, Rpc};

/// Where somebody stands in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Height of the last block told.
    pub(super) height: u32,
    /// Its hash.
    pub(super) hash: BlockHash,
}

impl From<BlockId> for Cursor {
    fn from(block: BlockId) -> Self {
        Self {
            height: block.height,
            hash: block.hash,
        }
    }
}

/// What comes next for somebody at a [`Cursor`].
pub(super) enum Step {
    /// The cursor's block is the best one.
    AtTip(BlockId),
    /// The cursor's block left the best chain; `0` is its last ancestor that is still in it.
    Back(BlockId),
    /// The next block.
    Forward(Box<Block>, BlockId),
}

/// A header's place.
pub(super) fn place(header: &HeaderInfo) -> BlockId {
    BlockId {
        height: header.height,
        hash: header.hash,
        time: header.time,
    }
}

/// The header of the cursor's block, or [`ChainError::UnknownBlock`].
async fn header_at(rpc: &Rpc, at: Cursor, who: &'static str) -> Result<HeaderInfo, ChainError> {
    let unknown = ChainError::UnknownBlock {
        who,
        height: at.height,
        hash: at.hash,
    };
    match rpc.header(&at.hash).await {
        Ok(header) if header.height == at.height => Ok(header),
        Ok(_) => Err(unknown),
        Err(err) if err.is_not_found() => Err(unknown),
        Err(err) => Err(err.into()),
    }
}

/// The next step from `at`. Only ever one block or one fork point: a reorganisation in the middle of a long catch-up is
/// then nothing special.
pub(super) async fn step(rpc: &Rpc, at: Cursor, who: &'static str) -> Result<Step, ChainError> {
    let header = header_at(rpc, at, who).await?;
    if !header.in_best_chain() {
        return fork_point(rpc, header, who).await.map(Step::Back);
    }
    let Some(next) = header.next else {
        return Ok(Step::AtTip(place(&header)));
    };
    let block = rpc.block(&next).await?;
    let bad = |reason| ChainError::BadBlock { hash: next, reason };
    if block.block_hash() != next {
        return Err(bad("its hash is another one"));
    }
    if block.header.prev_blockhash != at.hash {
        return Err(bad("its parent is another block"));
    }
    if !block.check_merkle_root() {
        return Err(bad("its transactions do not match its header"));
    }
    let id = BlockId {
        height: at.height + 1,
        hash: next,
        time: block.header.time,
    };
    Ok(Step::Forward(Box::new(block), id))
}

/// Walks back from a stale block to the best chain.
async fn fork_point(
    rpc: &Rpc,
    stale: HeaderInfo,
    who: &'static str,
) -> Result<BlockId, ChainError> {
    let mut header = stale;
    while !header.in_best_chain() {
        let (Some(previous), Some(height)) = (header.previous, header.height.checked_sub(1)) else {
            return Err(ChainError::UnknownBlock {
                who,
                height: header.height,
                hash: header.hash,
            });
        };
        header = header_at(
            rpc,
            Cursor {
                height,
                hash: previous,
            },
            who,
        )
        .await?;
    }
    Ok(place(&header))
}
