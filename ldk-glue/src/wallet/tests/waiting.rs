//! What waits for a block.

use super::*;

#[test]
fn a_child_is_not_lost_before_its_parent_and_goes_with_it() {
    let bench = Bench::with(&[500_000, 300_000]);
    let wallet = &bench.wallet;
    let to = Address::from_script(&contract(), Network::Regtest).unwrap();
    let pay = |sat| {
        let tx = wallet
            .send(&to, SendAmount::Exact(sats(sat)), rate(1))
            .unwrap();
        wallet.sent(&tx);
        tx
    };
    let parent = pay(400_000);
    let other = pay(290_000);
    let child = pay(50_000);
    assert_eq!(
        child.input[0].previous_output.txid,
        parent.compute_txid(),
        "it spends the larger change"
    );
    let waiting = |tx: &Transaction| wallet.unconfirmed().contains(tx);
    wallet.lost(&child.compute_txid());
    assert!(waiting(&child), "its parent may come back, and it with it");
    wallet.lost(&parent.compute_txid());
    assert_eq!(wallet.unconfirmed(), std::slice::from_ref(&other));
    assert_eq!(wallet.fundable(), sats(500_000));
    // Taken after all: they count again.
    wallet.sent(&parent);
    wallet.sent(&child);
    assert!(waiting(&parent) && waiting(&child));
    assert_eq!(wallet.fundable(), Amount::ZERO);
}

#[test]
fn a_channels_funding_counts_for_nothing_until_it_is_on_its_way_also_after_a_restart() {
    let bench = Bench::with(&[500_000]);
    let funding = bench
        .wallet
        .channel_funding(&contract(), sats(200_000), rate(2))
        .unwrap();
    assert!(bench.wallet.unconfirmed().is_empty());
    bench.wallet.release_tx(&funding);
    assert_eq!(bench.wallet.fundable(), sats(500_000));
    // The process ended before it was sent, and LDK has the channel.
    let again = bench.reopen();
    assert!(again.unconfirmed().is_empty());
    assert_eq!(again.fundable(), sats(500_000));
    again.resume_funding(&funding.compute_txid());
    assert_eq!(again.unconfirmed(), std::slice::from_ref(&funding));
    assert_eq!(again.fundable(), Amount::ZERO);
    again.resume_funding(&Txid::from_byte_array([3; 32]));
    assert_eq!(again.unconfirmed().len(), 1);
}
