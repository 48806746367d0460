//! Lightning -> on-chain over a direct channel.

use cambista_harness::transaction::Path;
use cambista_harness::{Change, Market, Purse, Taken, Way};

at_two_fee_rates!(pays_a_stranger, pays_the_own_wallet);

const AMOUNT: u64 = 500_000;

fn pays_a_stranger(fee_rate: u32) {
    let market = Market::direct(fee_rate);
    let stranger = market.bitcoind.new_address();
    let taken = swap(&market, &[&stranger], false);
    let list = market.taker.cli(&["swaps", &taken.id]);
    assert!(list.to_string().contains(&stranger), "{list}");
}

fn pays_the_own_wallet(fee_rate: u32) {
    swap(&Market::direct(fee_rate), &[], true);
}

/// One swap from quote to end, with every satoshi of both sides looked at.
fn swap(market: &Market, more: &[&str], to_own_wallet: bool) -> Taken {
    let (taker, maker, chain) = (&market.taker, &market.makers[0], &market.bitcoind);
    let before = [Purse::of(taker, chain), Purse::of(maker, chain)];
    let taken = Taken::take(taker, Way::Out, AMOUNT, more);
    let quote = &taken.quote;
    assert_eq!(quote.amount_sat, AMOUNT);

    let seen = market.confirm_and_claim(&taken);
    seen.funding.assert_rate(market.fee_rate());
    seen.spend.assert_rate(market.fee_rate());
    assert_eq!(seen.spend.path(seen.outpoint), Path::Key, "nobody was away");
    let paid = &seen.spend.tx.output[0];
    if let Some(address) = more.first() {
        let script: bitcoin::Address<_> = address.parse().unwrap();
        assert_eq!(paid.script_pubkey, script.assume_checked().script_pubkey());
    }
    let (received, claim_fee) = (paid.value.to_sat(), seen.spend.fee_sat);
    assert_eq!(received + claim_fee, AMOUNT);
    assert!(claim_fee <= quote.max_miner_fee_sat);

    let expected = taken.taker_change(&seen, 0, to_own_wallet);
    before[0].assert_changed(taker, chain, expected);
    before[1].assert_changed(maker, chain, taken.maker_change(&seen, 0));

    // Six deep it is over for both, and what they report agrees with what was just counted.
    market.mine(5);
    let cost = quote.maker_fee_sat + i64::try_from(claim_fee).unwrap();
    assert!(cost <= quote.worst_total_sat);
    let ended = taken.assert_outcome(taker, "done");
    assert_eq!(ended["cost"]["total_sat"], cost, "{ended}");
    assert_eq!(ended["received_sat"], received, "{ended}");
    let ended = taken.assert_outcome(maker, "done");
    let earned = quote.maker_fee_sat - i64::try_from(seen.funding.fee_sat).unwrap();
    assert_eq!(ended["cost"]["total_sat"], -earned, "{ended}");

    // Nothing more moves afterwards.
    before[0].assert_changed(taker, chain, expected);
    let nothing = Change::default();
    let settled = Purse::of(maker, chain);
    market.mine(2);
    settled.assert_changed(maker, chain, nothing);
    taken
}
