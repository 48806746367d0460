//! Blocks that everybody concerned takes in.

use cambista_harness::Bitcoind;

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

fn left(bitcoind: &Bitcoind, height: u32) -> Option<u32> {
    let left = height.saturating_sub(bitcoind.height());
    (left > 0).then(|| left.min(AT_ONCE))
}
