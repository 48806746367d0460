//! What a funder tells of its funding is kept for the payer, and no more of it than a funder has use for.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::tests_outside_test_module
)]

mod common;

use bitcoin::{Transaction, Witness, absolute, consensus};
use cambista_protocol::message::SwapRequest;
use cambista_protocol::words::SwapId;

use common::{ask, outpoint, payment, run, start, to_be_swept, with};

/// One more version of the funding, this large (bytes of its witness).
fn version(number: u32, size: usize) -> Transaction {
    let script = to_be_swept(1).record.deal.script_pubkey;
    let mut tx = payment(&script, 250_000, outpoint(50));
    tx.lock_time = absolute::LockTime::from_height(number).unwrap();
    tx.input[0].witness = Witness::from_slice(&[vec![7; size]]);
    tx
}

/// How many of these versions are kept.
fn kept(size: usize) -> usize {
    let mut swap = to_be_swept(1);
    swap.events.truncate(1);
    run(async {
        let fake = with([swap]);
        let handle = start(&fake).await;
        for number in 0..200 {
            let told = SwapRequest::Funded {
                swap_id: SwapId([1; 32]),
                tx: consensus::encode::serialize(&version(number, size)),
            };
            let first = ask(&handle, &told).await;
            assert_eq!(ask(&handle, &told).await, first, "told again");
        }
        fake.disk().swaps[0].fundings.len()
    })
}

#[test]
fn a_funder_may_bump_in_every_block_of_a_swap() {
    assert_eq!(kept(64), 160);
    assert!(kept(1_200) >= 144);
}

#[test]
fn large_versions_do_not_fill_the_disk() {
    assert_eq!(kept(60_000), 4);
}
