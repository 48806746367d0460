//! The chain shows an old face, or one from the future: R is told only where the tip is fresh.

use std::time::{SystemTime, UNIX_EPOCH};

use cambista_harness::market::{USUAL, lightning_address, wait_usable};
use cambista_harness::transaction::{spend_in_blocks, spend_in_mempool};
use cambista_harness::wait::secs;
use cambista_harness::{Market, MarketOptions, Purse, Taken, Way};
use serde_json::json;

const AMOUNT: u64 = 200_000;

/// Two hours are twice what a tip may be old.
const OFF: u64 = 2 * 3600;

/// Whoever cuts a node off from the newest blocks shows it a tip that grows old. The blocks here are all dated two hours
/// back, so the funding has all its confirmations and the taker still does not tell R; one fresh block later it does.
#[test]
fn r_is_not_told_while_the_tip_is_old() {
    tip_is_old(Way::Out);
}

/// The same with the maker as the payer: who is paid over Lightning by it and funds is the taker.
#[test]
fn a_maker_does_not_tell_r_while_the_tip_is_old() {
    tip_is_old(Way::In);
}

fn tip_is_old(way: Way) {
    let behind = format!("-mocktime={}", now() - OFF);
    let options = MarketOptions {
        bitcoind_args: vec![behind],
        ..MarketOptions::new(3, &[USUAL])
    };
    let market = Market::start(&options);
    let (taker, maker, chain) = (&market.taker, &market.makers[0], &market.bitcoind);
    if way == Way::In {
        // So that the taker can be paid: no swap could make the room here.
        let to = lightning_address(taker);
        maker.cli(&["channel", "open", &to, "2000000"]);
        chain.wait_for_mempool(1, secs(60));
        market.mine(6);
        wait_usable(taker, 2);
        wait_usable(maker, 2);
    }
    let before = [Purse::of(taker, chain), Purse::of(maker, chain)];
    let taken = Taken::take(taker, way, AMOUNT, &[]);
    let (outpoint, _) = taken.wait_funding(chain);
    for _ in 0..taken.quote.confirmations + 6 {
        market.mine(1);
        assert_eq!(spend_in_mempool(chain, outpoint), None, "R was told");
    }
    assert!(spend_in_blocks(chain, outpoint, 20).is_none());

    chain.rpc("setmocktime", json!([0])).unwrap();
    market.mine(1);
    taken.wait_spend(chain, outpoint);
    let seen = market.mine_until_claimed(&taken, outpoint);
    let expected = taken.taker_change(&seen, 0, way == Way::Out);
    before[0].assert_changed(taker, chain, expected);
    before[1].assert_changed(maker, chain, taken.maker_change(&seen, 0));
}

/// A clock that is two hours behind the blocks': their dates lie in the future, which is no reason to wait.
#[test]
fn blocks_dated_two_hours_ahead_hold_nothing_up() {
    let ahead = format!("-mocktime={}", now() + OFF - 60);
    let options = MarketOptions {
        bitcoind_args: vec![ahead],
        ..MarketOptions::new(3, &[USUAL])
    };
    let market = Market::start(&options);
    let (taker, maker, chain) = (&market.taker, &market.makers[0], &market.bitcoind);
    let before = [Purse::of(taker, chain), Purse::of(maker, chain)];
    let taken = Taken::take(taker, Way::Out, AMOUNT, &[]);
    let seen = market.confirm_and_claim(&taken);
    before[0].assert_changed(taker, chain, taken.taker_change(&seen, 0, true));
    before[1].assert_changed(maker, chain, taken.maker_change(&seen, 0));
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}
