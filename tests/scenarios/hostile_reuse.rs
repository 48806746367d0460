//! A maker of `in` brings the hash of a swap that is somebody else's: the taker's own.

use std::str::FromStr;

use cambista_harness::{Change, Market, Purse, Taken, Way};
use cambista_protocol::words::SwapId;

use crate::adversary::in_maker::InMaker;
use crate::adversary::join;
use crate::adversary::prey::Hostile as _;
use crate::taker_killed::purses;

/// R of the taker's own `out` is with its maker as soon as that is paid for. Who reuses H as the maker of an `in` would be paid for
/// on the chain with an R it never had to buy: it is refused while the `out` is open, and for ever after.
#[test]
fn the_hash_of_the_takers_own_out_is_refused_for_an_in() {
    let market = Market::direct(3);
    let (taker, maker, chain) = (&market.taker, &market.makers[0], &market.bitcoind);
    let hostile = join::with_in(&market);
    let before = purses(&market);
    let honest = maker.id();
    let taken = Taken::take(taker, Way::Out, 200_000, &["--maker", &honest]);
    let hash = SwapId::from_str(&taken.payment_hash).unwrap().0;
    let (outpoint, _) = taken.wait_funding(chain);
    refused(&market, &hostile, hash);

    market.mine(taken.quote.confirmations);
    taken.wait_spend(chain, outpoint);
    refused(&market, &hostile, hash);
    let seen = market.mine_until_claimed(&taken, outpoint);
    market.mine(5);
    taken.assert_outcome(taker, "done");
    refused(&market, &hostile, hash);

    assert_eq!(hostile.agreed(), 0, "terms went to a thief");
    assert!(hostile.payer.own.lock_height(hash).is_none());
    let expected = taken.taker_change(&seen, 0, true);
    before[0].assert_settled(taker, chain, expected);
    before[1].assert_settled(maker, chain, taken.maker_change(&seen, 0));
    assert_eq!(taker.status()["open_swaps"], 0);

    // With an H of its own it is a maker like others: nothing else stood against it.
    let now = Purse::of(taker, chain);
    take(&market, &hostile).expect("an honest hash");
    assert_eq!(hostile.agreed(), 1);
    now.assert_changed(taker, chain, Change::default());
}

/// The taker takes an `in` of this maker, or says why not.
fn take(market: &Market, hostile: &InMaker) -> Result<serde_json::Value, String> {
    join::catch_up(market, hostile);
    let id = hostile.own().lightning().node_id().to_string();
    let args = ["in", "100000", "--maker", &id, "--yes", "--detach"];
    let taken = market.taker.try_cli(&args);
    taken.map_err(|error| error.output)
}

#[track_caller]
fn refused(market: &Market, hostile: &InMaker, hash: [u8; 32]) {
    hostile.reuse(hash);
    let why = take(market, hostile).expect_err("a hash a second time");
    assert!(why.contains("a payment hash a second time"), "{why}");
    let reservations = market.taker.status();
    assert!(
        reservations["open_swaps"].as_u64().unwrap() <= 1,
        "{reservations}"
    );
}
