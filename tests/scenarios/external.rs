//! An `in` that is paid from a wallet outside the node. Whatever is sent that is not swapped comes home.

use bitcoin::OutPoint;
use cambista_harness::market::{DEAR, USUAL};
use cambista_harness::swap::{OnChain, signed};
use cambista_harness::transaction::{Path, Seen, paid_in_mempool};
use cambista_harness::wait::{FOUND_AGAIN, secs, wait_for};
use cambista_harness::{Change, Market, MarketOptions, Price, Taken, Way};
use serde_json::{Value, json};

use crate::REVEAL_MARGIN;
use crate::taker_killed::{make_room, purses};

at_two_fee_rates!(an_exact_deposit_is_swapped_and_a_second_comes_home,);

const AMOUNT: u64 = 200_000;
/// A Lightning node lets a held payment go so many blocks before it expires.
const FAIL_BACK: u32 = 39;

/// Makers that take deposits from outside.
pub(crate) fn market(fee_rate: u32, prices: &[Price]) -> Market {
    let mut options = MarketOptions::new(fee_rate, prices);
    options.refund_delta = 144;
    let market = Market::start(&options);
    for maker in &market.makers {
        maker.cli(&["maker", "set", "--external-ppm", "500"]);
    }
    market
}

/// Takes a swap that is paid from outside, and what is to be sent where.
pub(crate) fn take(market: &Market, amount: u64) -> (Taken, Value) {
    let amount = amount.to_string();
    let args = ["in", &amount, "--external", "--yes", "--detach"];
    let answer = market.taker.cli(&args);
    let deposit = answer["swap"]["deposit"].clone();
    assert!(deposit.is_object(), "{answer}");
    (Taken::from_json(&answer), deposit)
}

/// The wallet outside pays; where that is.
pub(crate) fn send(market: &Market, taken: &Taken, deposit: &Value, amount: u64) -> OutPoint {
    let address = deposit["address"].as_str().unwrap();
    market.bitcoind.fund_address(address, amount);
    let found = paid_in_mempool(&market.bitcoind, &taken.script, amount);
    found.unwrap().0
}

fn an_exact_deposit_is_swapped_and_a_second_comes_home(fee_rate: u32) {
    let market = market(fee_rate, &[USUAL]);
    make_room(&market);
    let before = purses(&market);
    let (taken, deposit) = take(&market, AMOUNT);
    assert_eq!(deposit["amount_sat"], AMOUNT);
    let outpoint = send(&market, &taken, &deposit, AMOUNT);
    market.mine(taken.quote.confirmations);
    taken.wait_spend(&market.bitcoind, outpoint);
    let seen = market.mine_until_claimed(&taken, outpoint);
    assert_eq!(seen.spend.path(outpoint), Path::Key);
    let received = Change {
        lightning: signed(AMOUNT) - taken.quote.maker_fee_sat,
        chain: 0,
    };
    before[0].assert_changed(&market.taker, &market.bitcoind, received);
    before[1].assert_changed(
        &market.makers[0],
        &market.bitcoind,
        taken.maker_change(&seen, 0),
    );

    // The wallet outside pays a second time, against what it was told.
    let second = send(&market, &taken, &deposit, AMOUNT);
    market.mine(6);
    taken.assert_outcome(&market.makers[0], "done");
    let home = comes_home(&market, second);
    let received = Change {
        lightning: received.lightning,
        chain: signed(home.only_output()),
    };
    before[0].assert_changed(&market.taker, &market.bitcoind, received);
    before[1].assert_changed(
        &market.makers[0],
        &market.bitcoind,
        taken.maker_change(&seen, 0),
    );
    taken.assert_outcome(&market.taker, "done");
}

/// Mines until the output is spent to the taker alone and that is in a block. It takes a block or two until the node knows that
/// it is not swapped, and a moment beside the blocks until it is sent home.
fn comes_home(market: &Market, outpoint: OutPoint) -> Seen {
    let spend = market.mine_until_spent(outpoint, 8, secs(10));
    assert_eq!(spend.path(outpoint), Path::Key);
    spend
}

/// Another amount, one that comes too late, and none at all: the taker pays for the way home and nothing else.
#[test]
fn what_is_not_swapped_comes_home() {
    let market = market(3, &[USUAL]);
    make_room(&market);
    let before = purses(&market);
    let (wrong, to_wrong) = take(&market, 100_000);
    let (late, to_late) = take(&market, 110_000);
    let (none, _) = take(&market, 120_000);
    let sent = send(&market, &wrong, &to_wrong, 100_001);
    let mut homecoming = comes_home(&market, sent).only_output();
    assert!(wrong.seen_by(&market.taker)["deposit"].is_null());

    let last = u32::try_from(to_late["last_safe_height"].as_u64().unwrap()).unwrap();
    market.mine_to_height(last);
    assert_eq!(late.seen_by(&market.taker)["state"], "expired");
    market.mine_to_height(late.refund_height - REVEAL_MARGIN + 1);
    let sent = send(&market, &late, &to_late, 110_000);
    homecoming += comes_home(&market, sent).only_output();
    // The late one is paid back long before the refund height.
    assert!(market.bitcoind.height() < late.refund_height);

    // The payments return when Lightning ends them, and not before: anything could still have arrived.
    assert_eq!(none.seen_by(&market.taker)["ended"], false);
    let ends = [&wrong, &late, &none].map(|taken| {
        let swap = taken.seen_by(&market.makers[0]);
        // A payer's view adds three blocks in which a channel would be closed.
        u32::try_from(swap["locked_until"].as_u64().unwrap()).unwrap() - 3 - FAIL_BACK
    });
    let first = ends.into_iter().min().unwrap();
    market.bitcoind.mine(first - 2 - market.bitcoind.height());
    market.sync();
    for taken in [&wrong, &late, &none] {
        assert_eq!(taken.seen_by(&market.taker)["ended"], false);
    }
    market.mine_to_height(ends.into_iter().max().unwrap() + 1);
    for (taken, by_taker, by_maker) in [
        (&wrong, "taken_back", "nothing_happened"),
        (&late, "taken_back", "taken_back"),
        (&none, "nothing_happened", "nothing_happened"),
    ] {
        taken.assert_outcome(&market.taker, by_taker);
        taken.assert_outcome(&market.makers[0], by_maker);
    }
    let home = Change {
        lightning: 0,
        chain: signed(homecoming),
    };
    before[0].assert_changed(&market.taker, &market.bitcoind, home);
    before[1].assert_changed(&market.makers[0], &market.bitcoind, Change::default());
}

/// The node between is asleep: the maker's payment has not arrived, and so nobody is told where to send coins.
#[test]
fn the_address_is_shown_when_the_payment_is_held() {
    let mut market = market(3, &[DEAR, USUAL]);
    let far = market.makers[1].status()["node_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let room = Taken::take(&market.taker, Way::Out, 500_000, &["--maker", &far]);
    market.confirm_and_claim(&room);
    market.mine(5);
    room.assert_outcome(&market.makers[1], "done");

    let ask = json!({ "direction": "in", "amount_sat": AMOUNT, "external": true, "maker": far });
    let quotes = market.taker.api_post("/quotes", &ask);
    let quote = quotes["quotes"][0].clone();
    assert_eq!(quote["maker"], far.as_str(), "{quotes}");
    market.makers[0].freeze();
    let started = market
        .taker
        .api_post("/orders", &json!({ "quote_id": quote["id"] }));
    let taken = Taken::from_json(&json!({ "quote": quote, "swap": started["swap"] }));
    std::thread::sleep(secs(1));
    let swap = taken.seen_by(&market.taker);
    assert!(swap["deposit"].is_null(), "{swap}");
    market.makers[0].thaw();
    let deposit = wait_for("the address", FOUND_AGAIN, || {
        let swap = taken.seen_by(&market.taker);
        let deposit = swap["deposit"].clone();
        let shown = deposit.is_object();
        shown.then_some(deposit).ok_or_else(|| swap.to_string())
    });
    let outpoint = send(&market, &taken, &deposit, AMOUNT);
    market.mine(taken.quote.confirmations);
    taken.wait_spend(&market.bitcoind, outpoint);
    let seen: OnChain = market.mine_until_claimed(&taken, outpoint);
    assert_eq!(seen.spend.path(outpoint), Path::Key);
    market.mine(5);
    taken.assert_outcome(&market.taker, "done");
}
