//! A node is asleep for exactly as long as it may be, while miners leave what it sends for as long as they may: it ends with
//! what it would have had awake.

use bitcoin::Txid;
use cambista_harness::swap::{OnChain, signed};
use cambista_harness::transaction::{Path, Seen};
use cambista_harness::{Change, Market, Purse, Taken, Way};

use crate::REVEAL_MARGIN;
use crate::at_once::add;
use crate::taker_killed::{market_for, purses};

/// A spend is taken to be in a block within so many.
const CONFIRM: u32 = 18;
/// So deep a transaction is final.
const BURIED: u32 = 6;

/// How long around T a funder may be away (blocks): a maker, and a taker.
const fn claim_margin(way: Way) -> u32 {
    match way {
        Way::Out => 12,
        Way::In => 144,
    }
}

#[test]
fn a_maker_sleeps_from_before_the_claim_to_the_end_of_its_margin() {
    funder_sleeps(Way::Out);
}

#[test]
fn a_taker_sleeps_from_before_the_claim_to_the_end_of_its_margin() {
    funder_sleeps(Way::In);
}

#[test]
fn a_taker_wakes_for_its_last_height_to_tell_r_and_sleeps_again() {
    payer_sleeps(Way::Out);
}

#[test]
fn a_maker_wakes_for_its_last_height_to_tell_r_and_sleeps_again() {
    payer_sleeps(Way::In);
}

/// Of two swaps the payer claims one, and never gets to the other one, both while the funder sleeps. It wakes `claim_margin`
/// blocks after T: one payment is its own, by the R in a block it has missed; for the other one its refund has to go out, is
/// left in the mempool as long as a fair spend may be, and is final just before Lightning would give the payment back.
fn funder_sleeps(way: Way) {
    let mut market = market_for(way, 3);
    let before = purses(&market);
    let claimed = Taken::take(&market.taker, way, 200_000, &[]);
    let silent = Taken::take(&market.taker, way, 100_000, &[]);
    let (first, funding) = claimed.wait_funding(&market.bitcoind);
    let (second, other) = silent.wait_funding(&market.bitcoind);
    assert_eq!(claimed.refund_height, silent.refund_height);
    let t = claimed.refund_height;

    way.funder_mut(&mut market).kill9();
    only(&market, funding.txid);
    market.mine_empty(claimed.quote.confirmations - 1);
    claimed.wait_revealed(way.payer(&market));
    // By the claim leaf, a block after R was told to nobody.
    market.mine_empty(1);
    let claim = claimed.wait_spend(&market.bitcoind, first);
    assert_eq!(claim.path(first), Path::Claim);
    only(&market, claim.txid);
    way.payer_mut(&mut market).kill9();
    only(&market, other.txid);

    let wakes = t + claim_margin(way);
    market.bitcoind.mine(wakes - market.bitcoind.height());
    way.funder_mut(&mut market).restart();
    market.sync();
    let refund = silent.wait_spend(&market.bitcoind, second);
    assert_eq!(refund.path(second), Path::Refund);
    market.mine_empty(CONFIRM - 1);
    market.mine(BURIED);
    assert_eq!(
        market.bitcoind.height(),
        wakes + CONFIRM + BURIED - 1,
        "one block before the earliest claim deadline there can be"
    );
    let refund = silent.confirmed_spend(&market.bitcoind, second);
    let ended = ended_unpaid(way);
    silent.assert_outcome(way.funder(&market), ended);

    way.payer_mut(&mut market).restart();
    market.sync();
    let claim = OnChain {
        outpoint: first,
        funding,
        spend: Seen::read(&market.bitcoind, claim.txid),
    };
    let changes = [
        unpaid(&silent, way, other.fee_sat + refund.fee_sat),
        paid(&claimed, &claim),
    ];
    assert_ended(&market, &before, &changes);
    for node in [&market.taker, &market.makers[0]] {
        claimed.assert_outcome(node, "done");
        silent.assert_outcome(node, ended);
    }
}

/// Both sides sleep. The payer wakes at the last height at which it may tell R: for one of two swaps, since the other one's T
/// is a block nearer. Nobody hears it, and it sleeps again at once, its claim forgotten by everybody, for all the blocks it may
/// be away; then the claim is left in the mempool as long as a fair spend may be. It is in a block before T all the same.
fn payer_sleeps(way: Way) {
    let mut market = market_for(way, 3);
    let before = purses(&market);
    let late = Taken::take(&market.taker, way, 100_000, &[]);
    let (second, other) = late.wait_funding(&market.bitcoind);
    market.mine_empty(1);
    let in_time = Taken::take(&market.taker, way, 200_000, &[]);
    let (first, funding) = in_time.wait_funding(&market.bitcoind);
    let t = in_time.refund_height;
    assert_eq!(late.refund_height, t - 1);
    way.funder_mut(&mut market).kill9();
    way.payer_mut(&mut market).kill9();

    let last = t - REVEAL_MARGIN;
    market.bitcoind.mine(last - market.bitcoind.height());
    way.payer_mut(&mut market).restart();
    let claim = in_time.wait_spend(&market.bitcoind, first);
    assert_eq!(claim.path(first), Path::Claim);
    way.payer_mut(&mut market).kill9();
    market.bitcoind.restart_forgetful();
    market.bitcoind.mine(REVEAL_MARGIN - CONFIRM - 2);
    way.payer_mut(&mut market).restart();
    market.sync();
    in_time.wait_spend(&market.bitcoind, first);
    market.mine_empty(CONFIRM - 1);
    market.mine(1);
    assert!(market.bitcoind.height() < late.refund_height);
    let claim = in_time.confirmed_spend(&market.bitcoind, first);
    assert_eq!(claim.path(first), Path::Claim);

    // The funder finds R in a block, and the key for the coins of the other swap with the payer.
    way.funder_mut(&mut market).restart();
    market.sync();
    let back = late.wait_spend(&market.bitcoind, second);
    assert_eq!(back.path(second), Path::Key);
    market.mine(BURIED);
    let back = late.confirmed_spend(&market.bitcoind, second);
    let claim = OnChain {
        outpoint: first,
        funding,
        spend: claim,
    };
    let changes = [
        unpaid(&late, way, other.fee_sat + back.fee_sat),
        paid(&in_time, &claim),
    ];
    assert_ended(&market, &before, &changes);
    for node in [&market.taker, &market.makers[0]] {
        in_time.assert_outcome(node, "done");
        late.assert_outcome(node, ended_unpaid(way));
    }
}

/// Mines a block of this transaction alone.
fn only(market: &Market, txid: Txid) {
    market.bitcoind.mine_only(&[txid.to_string()]);
    market.sync();
}

/// What a funder says of a swap whose payer had its chance and did not use it.
const fn ended_unpaid(way: Way) -> &'static str {
    match way {
        Way::Out => "prepay_kept",
        Way::In => "taken_back",
    }
}

/// What taker and maker gain by a swap whose payer let it go: the funder its miner fees less than before, and a maker the
/// prepay more.
fn unpaid(taken: &Taken, way: Way, fees: u64) -> [Change; 2] {
    let prepay = signed(taken.quote.prepay_sat);
    let fees = signed(fees);
    match way {
        Way::Out => [
            Change {
                lightning: -prepay,
                chain: 0,
            },
            Change {
                lightning: prepay,
                chain: -fees,
            },
        ],
        Way::In => [
            Change {
                lightning: 0,
                chain: -fees,
            },
            Change::default(),
        ],
    }
}

fn paid(taken: &Taken, chain: &OnChain) -> [Change; 2] {
    [
        taken.taker_change(chain, 0, true),
        taken.maker_change(chain, 0),
    ]
}

#[track_caller]
fn assert_ended(market: &Market, before: &[Purse; 2], changes: &[[Change; 2]; 2]) {
    for (at, node) in [&market.taker, &market.makers[0]].into_iter().enumerate() {
        let mut sum = changes[0][at];
        add(&mut sum, changes[1][at]);
        before[at].assert_changed(node, &market.bitcoind, sum);
    }
}
