//! A funding that pays too little for the moment is replaced by its sender.

use cambista_harness::transaction::Path;
use cambista_harness::{Market, Taken, Way};

use crate::taker_killed::purses;

#[test]
fn from_3_to_12_sat_per_vb() {
    its_sender_replaces_it(3, 12);
}

#[test]
fn from_4_to_9_sat_per_vb() {
    its_sender_replaces_it(4, 9);
}

/// The replacement spends the same first input, so one of the two at most can ever confirm.
fn its_sender_replaces_it(fee_rate: u32, later: u32) {
    let mut market = Market::direct(fee_rate);
    let before = purses(&market);
    let taken = Taken::take(&market.taker, Way::Out, 400_000, &[]);
    let (first, cheap) = taken.wait_funding(&market.bitcoind);
    cheap.assert_rate(u64::from(fee_rate));
    market.makers[0].stop();
    market.makers[0].set_fee_rate(later);
    market.makers[0].restart();
    market.mine_empty(1);

    let (outpoint, dear) = taken.wait_other_funding(&market.bitcoind, first);
    dear.assert_rate(u64::from(later));
    let input = |seen: &cambista_harness::transaction::Seen| seen.tx.input[0].previous_output;
    assert_eq!(input(&cheap), input(&dear));
    assert!(!market.bitcoind.mempool().contains(&cheap.txid));

    let seen = market.confirm_and_claim(&taken);
    assert_eq!(seen.outpoint, outpoint);
    assert_eq!(seen.spend.path(outpoint), Path::Key);
    let chain = &market.bitcoind;
    before[0].assert_changed(&market.taker, chain, taken.taker_change(&seen, 0, true));
    before[1].assert_changed(&market.makers[0], chain, taken.maker_change(&seen, 0));
    market.mine(5);
    taken.assert_outcome(&market.taker, "done");
    let ended = taken.assert_outcome(&market.makers[0], "done");
    let earned = taken.quote.maker_fee_sat - i64::try_from(seen.funding.fee_sat).unwrap();
    assert_eq!(ended["cost"]["total_sat"], -earned, "{ended}");
}
