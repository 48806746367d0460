//! Coins for closing channels.

use super::*;

#[test]
fn the_reserve_stays_in_a_coin_that_can_be_spent_while_others_do() {
    let bench = Bench::with(&[30_000, 500_000, 200_000]);
    let wallet = &bench.wallet;
    wallet.set_reserve(sats(25_000));
    let small = |tx: &Transaction| {
        let mut inputs = tx.input.iter().map(|input| input.previous_output);
        inputs.any(|coin| wallet.state().coin(coin).unwrap().value() == sats(30_000))
    };
    // The coin of 30,000 alone would do.
    let funding = wallet.fund(contract(), sats(20_000), rate(1)).unwrap();
    assert!(!small(&funding.tx));
    let to = Address::from_script(&contract(), Network::Regtest).unwrap();
    let send = |sat| wallet.send(&to, SendAmount::Exact(sats(sat)), rate(1));
    let sent = send(490_000).unwrap();
    assert!(!small(&sent));
    wallet.release_tx(&sent);
    // What cannot be paid otherwise takes it along.
    let all = send(503_000).unwrap();
    assert!(small(&all));
    assert!(bench.wallet.locked().len() >= 3);
}

#[test]
fn a_wallet_of_one_coin_that_funds_a_channel_makes_one_for_its_closing() {
    let mut bench = Bench::with(&[1_000_000]);
    let wallet = bench.wallet.clone();
    wallet.set_reserve(sats(25_000));
    let funding = wallet
        .channel_funding(&contract(), sats(500_000), rate(2))
        .unwrap();
    assert_eq!(funding.output.len(), 3);
    // 154 vB and another output of 43.
    assert_eq!(funding.vsize(), 197);
    assert_eq!(fee_of(&wallet, &funding), sats(394));
    wallet.sent(&funding);
    bench.mine(vec![funding]);
    // A swap takes the change, and a coin is still there for LDK.
    let swap = wallet.fund(contract(), sats(400_000), rate(1)).unwrap();
    wallet.sent(&swap.tx);
    let coins = WalletSourceSync::list_confirmed_utxos(wallet.as_ref()).unwrap();
    let values: Vec<Amount> = coins.iter().map(|coin| coin.output.value).collect();
    assert_eq!(values, [sats(25_000)]);
    // All but the reserve goes, and that coin stays where it is.
    wallet.release_tx(&swap.tx);
    bench.mine(vec![swap.tx]);
    let to = Address::from_script(&contract(), Network::Regtest).unwrap();
    let all = wallet.send(&to, SendAmount::All, rate(2)).unwrap();
    assert_eq!((all.input.len(), all.output.len()), (1, 1));
    wallet.sent(&all);
    let left = WalletSourceSync::list_confirmed_utxos(wallet.as_ref()).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].output.value, sats(25_000));
}

#[test]
fn a_channel_that_takes_nearly_all_is_still_funded() {
    let bench = Bench::with(&[100_000]);
    bench.wallet.set_reserve(sats(25_000));
    let funding = bench
        .wallet
        .channel_funding(&contract(), sats(70_000), rate(1))
        .unwrap();
    assert_eq!(funding.output.len(), 2, "the change is the reserve");
}
