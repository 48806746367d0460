//! A fee spike while blocks leave our transactions where they are: everything is estimated anew with every block and
//! replaced by the rules of replacement, never lowered again, and no limit is passed before the value is at stake.

use cambista_harness::filler::{estimate, floor};
use cambista_harness::market::USUAL;
use cambista_harness::swap::signed;
use cambista_harness::transaction::{Path, spend_in_mempool};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Auction, Change, Filler, Market, MarketOptions, Taken, Way};

use crate::taker_killed::{finish, purses};

/// What is paid while bitcoind has no estimate (sat/vB).
const CALM: u64 = 2;
const SPIKE: u64 = 80;
/// So many blocks before the refund height a taker reveals for the last time.
const REVEAL_MARGIN: u32 = 42;

fn market() -> (Market, Filler) {
    let mut options = MarketOptions::new(0, &[USUAL]);
    options.refund_delta = 76;
    let market = Market::start(&options);
    let filler = Filler::new(&market.bitcoind, 260, 1_000_000);
    market.sync();
    (market, filler)
}

/// A maker that says nothing: the claim leaf goes alone, and follows as well.
#[test]
fn a_claim_follows_it_too() {
    let (mut market, mut filler) = market();
    let before = purses(&market);
    let more = ["--max-miner-fee", "60000"];
    let taken = Taken::take(&market.taker, Way::Out, 400_000, &more);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    market.makers[0].freeze();
    market.mine(taken.quote.confirmations);
    taken.wait_revealed(&market.taker);
    market.mine(1);
    let mut claim = Auction::of(outpoint);
    let cheap = claim.wait_rate(&market.bitcoind, CALM);
    assert_eq!(cheap.path(outpoint), Path::Claim);
    spike(&market, &mut filler, SPIKE);
    market.mine_empty(1);
    let dear = claim.wait_rate(&market.bitcoind, SPIKE * 9 / 10);
    assert_eq!(dear.path(outpoint), Path::Claim);
    market.makers[0].thaw();
    finish(&market, &taken, outpoint, &before);
}

/// From the refund height on the value itself is the limit, and every block that passes the refund by makes it dearer.
#[test]
fn a_refund_follows_it_beyond_every_limit() {
    let (mut market, mut filler) = market();
    let before = purses(&market);
    let taken = Taken::take(&market.taker, Way::Out, 400_000, &[]);
    let (outpoint, funding) = taken.wait_funding(&market.bitcoind);
    market.taker.kill9();
    market.mine(2);
    market.mine_empty_to_height(taken.refund_height);
    let mut refund = Auction::of(outpoint);
    let cheap = refund.wait_rate(&market.bitcoind, CALM);
    assert_eq!(cheap.path(outpoint), Path::Refund);
    cheap.assert_rate(CALM);
    spike(&market, &mut filler, SPIKE);
    market.mine_empty(1);
    let mut dear = refund.wait_rate(&market.bitcoind, SPIKE * 9 / 10);
    assert!(dear.fee_sat > 5 * funding.fee_sat, "the maker's limit");
    for _ in 0..3 {
        market.mine_empty(1);
        let what = "a higher bid after a block without it";
        dear = refund.wait(&market.bitcoind, what, |seen| seen.fee_sat > dear.fee_sat);
    }
    market.mine(6);
    let paid = taken.confirmed_spend(&market.bitcoind, outpoint);
    assert_eq!(paid.txid, dear.txid);
    market.taker.restart();
    market.sync();
    let kept = signed(taken.quote.prepay_sat);
    let change = Change {
        lightning: kept,
        chain: -signed(funding.fee_sat + paid.fee_sat),
    };
    before[1].assert_changed(&market.makers[0], &market.bitcoind, change);
    let ended = taken.assert_outcome(&market.makers[0], "prepay_kept");
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
    let (market, mut filler) = market();
    let chain = &market.bitcoind;
    let before = purses(&market);
    let taken = Taken::take(
        &market.taker,
        Way::Out,
        400_000,
        &["--max-miner-fee", "60000"],
    );
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
fn a_funding_follows_as_far_as_its_limit_goes_and_the_swap_goes_on() {
    let (market, mut filler) = market();
    let chain = &market.bitcoind;
    let taken = Taken::take(
        &market.taker,
        Way::Out,
        400_000,
        &["--max-miner-fee", "60000"],
    );
    let (_, funding) = taken.wait_funding(chain);
    let mut auction = Auction::of(funding.tx.input[0].previous_output);
    auction.wait_rate(chain, CALM);
    spike(&market, &mut filler, SPIKE);
    market.mine_empty(1);
    // The maker pays what it charged for five times over at most.
    let limit = 5 * funding.fee_sat;
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
    sweep.wait_rate(chain, SPIKE * 9 / 10);
    market.mine(6);
    taken.assert_outcome(&market.taker, "done");
    taken.assert_outcome(&market.makers[0], "done");
}

/// Before the secret is out a claim above the limit waits. Afterwards the limit holds as long as there is time, and is
/// lifted when there is not: it never loses a swap.
#[test]
fn a_limit_binds_until_the_value_is_at_stake() {
    const LIMIT: u64 = 900;
    let (market, mut filler) = market();
    let chain = &market.bitcoind;
    let before = purses(&market);
    let limit = LIMIT.to_string();
    let taken = Taken::take(
        &market.taker,
        Way::Out,
        400_000,
        &["--max-miner-fee", &limit],
    );
    let (outpoint, funding) = taken.wait_funding(chain);
    chain.mine_only(&[funding.txid.to_string()]);
    spike(&market, &mut filler, SPIKE);
    market.mine_empty(2);
    wait_for("the taker to say what it waits for", FOUND_AGAIN, || {
        let swap = taken.seen_by(&market.taker);
        let next = swap["next"].as_str().unwrap_or_default().to_owned();
        let says = next.contains(&format!("your limit is {LIMIT} sat"));
        says.then_some(()).ok_or(next)
    });
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
