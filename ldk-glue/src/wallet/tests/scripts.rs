//! Which scripts channels get.

use super::*;

#[test]
fn channels_share_a_script_until_it_is_paid_so_that_strangers_use_up_no_keys() {
    let mut bench = Bench::with(&[10_000]);
    let wallet = bench.wallet.clone();
    let script = wallet.channel_script().unwrap();
    let shown = wallet.unused_address().unwrap();
    assert_ne!(shown.script_pubkey(), script, "people get another one");
    for _ in 0..300 {
        assert_eq!(wallet.channel_script().unwrap(), script);
    }
    let next = wallet.new_address().unwrap();
    let index = |address: &Address| {
        let state = wallet.state();
        state
            .bdk
            .derivation_of_spk(address.script_pubkey())
            .unwrap()
    };
    assert_eq!(index(&next).1, index(&shown).1 + 1);
    // A channel ended.
    let mut paid = bench.deposit(70_000);
    paid.output[0].script_pubkey = script.clone();
    bench.mine(vec![paid]);
    assert_eq!(wallet.fundable(), sats(80_000));
    assert_ne!(wallet.channel_script().unwrap(), script);
}
