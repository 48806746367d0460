//! Blocks that everybody concerned takes in.

use bitcoin::OutPoint;
use cambista_harness::Bitcoind;
use cambista_harness::transaction::{spend_in_blocks, spend_in_mempool};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};

/// So many come at once where none of them matters by itself.
const AT_ONCE: u32 = 12;

/// Mines `n` blocks; after each of them `seen` waits until everybody has it.
pub(crate) fn one_by_one(bitcoind: &Bitcoind, n: u32, seen: impl Fn()) {
    for _ in 0..n {
        bitcoind.mine(1);
        seen();
    }
}

/// Mines until the chain has this height, some blocks at once.
pub(crate) fn to_height(bitcoind: &Bitcoind, height: u32, seen: impl Fn()) {
    while let Some(n) = left(bitcoind, height) {
        bitcoind.mine(n);
        seen();
    }
}

/// The same with blocks that leave the mempool where it is.
pub(crate) fn empty_to_height(bitcoind: &Bitcoind, height: u32, seen: impl Fn()) {
    while let Some(n) = left(bitcoind, height) {
        (0..n).for_each(|_| bitcoind.mine_only(&[]));
        seen();
    }
}

/// Waits until all of these are spent, and mines what spends them.
#[track_caller]
pub(crate) fn with_spends(bitcoind: &Bitcoind, outpoints: &[OutPoint], mine: impl Fn()) {
    let confirmed = |outpoint: &OutPoint| spend_in_blocks(bitcoind, *outpoint, 40).is_some();
    for outpoint in outpoints {
        wait_for("a spend in the mempool or in a block", FOUND_AGAIN, || {
            let spent = confirmed(outpoint) || spend_in_mempool(bitcoind, *outpoint).is_some();
            spent
                .then_some(())
                .ok_or_else(|| format!("none at height {}", bitcoind.height()))
        });
    }
    mine();
    assert!(outpoints.iter().all(confirmed), "no block takes them");
}

fn left(bitcoind: &Bitcoind, height: u32) -> Option<u32> {
    let left = height.saturating_sub(bitcoind.height());
    (left > 0).then(|| left.min(AT_ONCE))
}
