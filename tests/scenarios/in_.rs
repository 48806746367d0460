//! On-chain -> Lightning over a direct channel.

use cambista_harness::transaction::Path;
use cambista_harness::{Market, Purse, Taken, Way};

at_two_fee_rates!(moves_coins_into_the_channel);

const AMOUNT: u64 = 250_000;

/// A channel that is all on the taker's side cannot be paid through: an `out` makes the room first.
fn moves_coins_into_the_channel(fee_rate: u32) {
    let market = Market::direct(fee_rate);
    let (taker, maker, chain) = (&market.taker, &market.makers[0], &market.bitcoind);
    let room = Taken::take(taker, Way::Out, 2 * AMOUNT, &[]);
    market.confirm_and_claim(&room);
    market.mine(5);
    room.assert_outcome(taker, "done");
    room.assert_outcome(maker, "done");

    let before = [Purse::of(taker, chain), Purse::of(maker, chain)];
    let taken = Taken::take(taker, Way::In, AMOUNT, &[]);
    let quote = &taken.quote;
    assert_eq!((quote.amount_sat, quote.prepay_sat), (AMOUNT, 0));

    let seen = market.confirm_and_claim(&taken);
    seen.funding.assert_rate(market.fee_rate());
    seen.spend.assert_rate(market.fee_rate());
    assert_eq!(seen.spend.path(seen.outpoint), Path::Key, "nobody was away");
    let (funding_fee, claim_fee) = (seen.funding.fee_sat, seen.spend.fee_sat);
    assert_eq!(seen.spend.only_output() + claim_fee, AMOUNT);
    assert!(funding_fee <= quote.max_miner_fee_sat);

    before[0].assert_changed(taker, chain, taken.taker_change(&seen, 0, true));
    before[1].assert_changed(maker, chain, taken.maker_change(&seen, 0));

    market.mine(5);
    let cost = quote.maker_fee_sat + i64::try_from(funding_fee).unwrap();
    assert!(cost <= quote.worst_total_sat);
    let ended = taken.assert_outcome(taker, "done");
    assert_eq!(ended["cost"]["total_sat"], cost, "{ended}");
    let ended = taken.assert_outcome(maker, "done");
    let earned = quote.maker_fee_sat - i64::try_from(claim_fee).unwrap();
    assert_eq!(ended["cost"]["total_sat"], -earned, "{ended}");
}
