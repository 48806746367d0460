//! A fee spike while blocks leave our transactions where they are: everything is estimated anew with every block and
//! replaced by the rules of replacement, never lowered again, and no limit is passed before the value is at stake.

use cambista_harness::filler::{estimate, floor};
use cambista_harness::market::USUAL;
use cambista_harness::swap::signed;
use cambista_harness::transaction::{Path, spend_in_mempool};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Auction, Change, Filler, Market, MarketOptions, Taken, Way};

use crate::REVEAL_MARGIN;
use crate::taker_killed::{finish, make_room, purses};

/// What is paid while bitcoind has no estimate (sat/vB).
const CALM: u64 = 2;
const SPIKE: u64 = 80;
/// What a maker charges for a sweep by key path at a calm rate, five times over (sat).
const MAKERS: u64 = 5 * 111 * CALM;

fn market(way: Way) -> (Market, Filler) {
    let mut options = MarketOptions::new(0, &[USUAL]);
    options.refund_delta = 76;
    let market = Market::start(&options);
    if way == Way::In {
        make_room(&market);
    }
    let filler = Filler::new(&market.bitcoind, 260, 1_000_000);
    market.sync();
    (market, filler)
}

/// What is swapped (sat). A maker can pay back less than it was paid.
pub(crate) const fn amount(way: Way) -> u64 {
    match way {
        Way::Out => 400_000,
        Way::In => 200_000,
    }
}

/// A swap whose taker lets miners have this, where it is the one that would pay them.
fn take(market: &Market, way: Way, most: u64) -> Taken {
    let most = most.to_string();
    let more = ["--max-miner-fee", most.as_str()];
    Taken::take(&market.taker, way, amount(way), &more)
}

#[test]
fn a_takers_claim_follows_it_too() {
    claim_follows(Way::Out);
}

#[test]
fn a_makers_claim_follows_it_to_its_limit_and_beyond_when_time_runs_out() {
    claim_follows(Way::In);
}

/// A funder that says nothing: the claim leaf goes alone, and follows as well. A maker as the payer spends what it charged for
/// five times over, until the value is at stake.
fn claim_follows(way: Way) {
    let (mut market, mut filler) = market(way);
    let before = purses(&market);
    let taken = match way {
        Way::Out => take(&market, way, 60_000),
        Way::In => Taken::take(&market.taker, way, amount(way), &[]),
    };
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    way.funder_mut(&mut market).freeze();
    market.mine(taken.quote.confirmations);
    taken.wait_revealed(way.payer(&market));
    market.mine(1);
    let mut claim = Auction::of(outpoint);
    let cheap = claim.wait_rate(&market.bitcoind, CALM);
    assert_eq!(cheap.path(outpoint), Path::Claim);
    spike(&market, &mut filler, SPIKE);
    market.mine_empty(1);
    if way == Way::In {
        let what = "a higher bid, as high as the limit";
        let most = claim.wait(&market.bitcoind, what, |seen| seen.fee_sat > cheap.fee_sat);
        assert!(most.fee_sat <= MAKERS, "{most:?}");
        market.mine_empty_to_height(taken.refund_height - REVEAL_MARGIN);
        let still = claim.look(&market.bitcoind).map(|seen| seen.txid);
        assert_eq!(still, Some(most.txid));
        market.mine_empty(1);
    }
    let dear = claim.wait_rate(&market.bitcoind, SPIKE * 9 / 10);
    assert_eq!(dear.path(outpoint), Path::Claim);
    way.funder_mut(&mut market).thaw();
    finish(&market, &taken, outpoint, &before);
}

#[test]
fn a_makers_refund_follows_it_beyond_every_limit() {
    refund_follows(Way::Out);
}

#[test]
fn a_takers_refund_follows_it_beyond_every_limit() {
    refund_follows(Way::In);
}

/// From the refund height on the value itself is the limit, and every block that passes the refund by makes it dearer.
fn refund_follows(way: Way) {
    let (mut market, mut filler) = market(way);
    let before = purses(&market);
    let taken = Taken::take(&market.taker, way, amount(way), &[]);
    let (outpoint, funding) = taken.wait_funding(&market.bitcoind);
    way.payer_mut(&mut market).kill9();
    market.mine(2);
    market.mine_empty_to_height(taken.refund_height);
    let mut refund = Auction::of(outpoint);
    let cheap = refund.wait_rate(&market.bitcoind, CALM);
    assert_eq!(cheap.path(outpoint), Path::Refund);
    cheap.assert_rate(CALM);
    spike(&market, &mut filler, SPIKE);
    market.mine_empty(1);
    let mut dear = refund.wait_rate(&market.bitcoind, SPIKE * 9 / 10);
    assert!(dear.fee_sat > 5 * funding.fee_sat, "the funder's limit");
    for _ in 0..3 {
        market.mine_empty(1);
        let what = "a higher bid after a block without it";
        dear = refund.wait(&market.bitcoind, what, |seen| seen.fee_sat > dear.fee_sat);
    }
    market.mine(6);
    let paid = taken.confirmed_spend(&market.bitcoind, outpoint);
    assert_eq!(paid.txid, dear.txid);
    way.payer_mut(&mut market).restart();
    market.sync();
    // An `in` has no prepay.
    let kept = signed(taken.quote.prepay_sat);
    let change = Change {
        lightning: kept,
        chain: -signed(funding.fee_sat + paid.fee_sat),
    };
    let (own, outcome) = match way {
        Way::Out => (&before[1], "prepay_kept"),
        Way::In => (&before[0], "taken_back"),
    };
    own.assert_changed(way.funder(&market), &market.bitcoind, change);
    let ended = taken.assert_outcome(way.funder(&market), outcome);
    // What was bid and not taken cost nothing, and nothing was bid against a block.
    assert_eq!(ended["cost"]["total_sat"], -change.chain - kept, "{ended}");
}

/// Blocks of strangers, until bitcoind's estimate has followed. Those who paid less wait, and count against their rate.
fn spike(market: &Market, filler: &mut Filler, sat_per_vb: u64) {
    for _ in 0..6 {
        filler.spike(&market.bitcoind, sat_per_vb);
        market.sync();
        if estimate(&market.bitcoind) >= sat_per_vb * 950 {
            return;
        }
    }
    panic!("bitcoind does not believe in {sat_per_vb} sat/vB");
}

#[test]
fn a_sweep_follows_it_by_valid_replacements_and_stays_where_it_got() {
    let (market, mut filler) = market(Way::Out);
    let chain = &market.bitcoind;
    let before = purses(&market);
    let taken = take(&market, Way::Out, 60_000);
    let (outpoint, funding) = taken.wait_funding(chain);
    funding.assert_rate(CALM);
    let mut sweep = Auction::of(outpoint);
    market.mine(taken.quote.confirmations);
    let first = sweep.wait_rate(chain, CALM);
    assert_eq!(first.path(outpoint), Path::Key);
    first.assert_rate(CALM);

    spike(&market, &mut filler, SPIKE);
    market.mine_empty(1);
    let dear = sweep.wait_rate(chain, SPIKE * 9 / 10);
    // Calm again for a day: what is out stays as it is.
    for _ in 0..3 {
        filler.spike(chain, CALM + 1);
        market.sync();
        assert_eq!(sweep.look(chain).map(|seen| seen.txid), Some(dear.txid));
    }
    finish(&market, &taken, outpoint, &before);
}

#[test]
fn a_makers_funding_follows_as_far_as_its_limit_goes_and_the_swap_goes_on() {
    funding_follows(Way::Out);
}

#[test]
fn a_takers_funding_follows_as_far_as_its_limit_goes_and_the_swap_goes_on() {
    funding_follows(Way::In);
}

fn funding_follows(way: Way) {
    /// What the taker of an `in` lets miners have of its funding (sat).
    const TAKERS: u64 = 1_600;
    let (market, mut filler) = market(way);
    let chain = &market.bitcoind;
    let taken = take(
        &market,
        way,
        match way {
            Way::Out => 60_000,
            Way::In => TAKERS,
        },
    );
    let (_, funding) = taken.wait_funding(chain);
    let mut auction = Auction::of(funding.tx.input[0].previous_output);
    auction.wait_rate(chain, CALM);
    spike(&market, &mut filler, SPIKE);
    market.mine_empty(1);
    let limit = match way {
        // The maker pays what it charged for five times over at most.
        Way::Out => 5 * funding.fee_sat,
        Way::In => TAKERS,
    };
    let dear = auction.wait_rate(chain, 9);
    assert!(
        dear.fee_sat <= limit && dear.fee_sat * 10 > limit * 9,
        "{dear:?}"
    );
    market.mine_empty(2);
    assert_eq!(auction.look(chain).map(|seen| seen.txid), Some(dear.txid));

    let (outpoint, _) = taken.wait_funding(chain);
    assert_eq!(outpoint.txid, dear.txid);
    market.mine(taken.quote.confirmations);
    let mut sweep = Auction::of(outpoint);
    match way {
        Way::Out => {
            sweep.wait_rate(chain, SPIKE * 9 / 10);
        }
        // What a maker charged for is not enough for a claim now: it reveals when a calm block has come.
        Way::In => {
            wait_limit(&market, way, &taken);
            filler.spike(chain, CALM + 1);
            market.mine_empty(1);
            sweep.wait_rate(chain, CALM);
        }
    }
    market.mine(6);
    taken.assert_outcome(&market.taker, "done");
    taken.assert_outcome(&market.makers[0], "done");
}

/// Waits until the payer says that its limit is in the way, and reads it (sat).
fn wait_limit(market: &Market, way: Way, taken: &Taken) -> u64 {
    wait_for("the payer to say what it waits for", FOUND_AGAIN, || {
        let swap = taken.seen_by(way.payer(market));
        let next = swap["next"].as_str().unwrap_or_default();
        let named = next.split_once("your limit is ");
        let named = named.and_then(|(_, rest)| rest.split_once(" sat"));
        let limit = named.and_then(|(sat, _)| sat.parse().ok());
        limit.ok_or_else(|| next.to_owned())
    })
}

/// Before the secret is out a claim above the limit waits. Afterwards the limit holds as long as there is time, and is
/// lifted when there is not: it never loses a swap.
#[test]
fn a_limit_binds_until_the_value_is_at_stake() {
    const LIMIT: u64 = 900;
    let (market, mut filler) = market(Way::Out);
    let chain = &market.bitcoind;
    let before = purses(&market);
    let taken = take(&market, Way::Out, LIMIT);
    let (outpoint, funding) = taken.wait_funding(chain);
    chain.mine_only(&[funding.txid.to_string()]);
    spike(&market, &mut filler, SPIKE);
    market.mine_empty(2);
    assert_eq!(wait_limit(&market, Way::Out, &taken), LIMIT);
    assert_eq!(spend_in_mempool(chain, outpoint), None);

    // A calm block is enough to reveal.
    let mut sweep = Auction::of(outpoint);
    filler.spike(chain, CALM + 1);
    market.mine_empty(1);
    sweep.wait_rate(chain, CALM);
    spike(&market, &mut filler, SPIKE);
    let last = taken.refund_height - REVEAL_MARGIN;
    while chain.height() < last {
        market.mine_empty(1);
        // One that is being replaced at that moment cannot be read.
        let bid = sweep.wait(chain, "the sweep", |_| true);
        assert!(
            bid.fee_sat <= LIMIT,
            "{} sat at {}",
            bid.fee_sat,
            chain.height()
        );
    }
    market.mine_empty(1);
    let mut dear = sweep.wait_rate(chain, SPIKE * 9 / 10);
    assert!(dear.fee_sat > LIMIT);
    // Blocks pass it by, so the estimate is too low: it pays more with each.
    for _ in 0..2 {
        market.mine_empty(1);
        let what = "a higher bid after a block without it";
        dear = sweep.wait(chain, what, |seen| seen.fee_sat > dear.fee_sat);
    }
    assert_eq!(floor(chain), 1_000, "the mempool was never full");
    finish(&market, &taken, outpoint, &before);
}
