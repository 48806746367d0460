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
