//! The mempool fills up and throws our transactions out; its floor rises. Without waiting for a block they come back
//! above the floor, by the rules of replacement.

use cambista_harness::market::USUAL;
use cambista_harness::transaction::{Path, spend_in_mempool};
use cambista_harness::{Auction, Filler, Market, MarketOptions, Taken, Way};

use crate::REVEAL_MARGIN;
use crate::fees_spike::amount;
use crate::taker_killed::{finish, make_room, purses};

/// The lowest floor a mempool has (sat/vB).
const LOWEST: u64 = 1;

#[test]
fn a_makers_funding_and_a_takers_sweep_come_back_above_the_floor() {
    come_back(Way::Out, &[20, 60]);
}

/// A maker's sweep pays what it charged for five times over at most, some ten sat/vB, until its value is at stake.
#[test]
fn a_takers_funding_and_a_makers_sweep_come_back_above_the_floor() {
    come_back(Way::In, &[8]);
}

/// The floor rises once for the funding, and then to these for the sweep (sat/vB).
fn come_back(way: Way, floors: &[u64]) {
    let mut options = MarketOptions::new(0, &[USUAL]);
    // Megabytes of memory: some thirty large transactions.
    options.bitcoind_args = vec!["-maxmempool=5".to_owned()];
    let market = Market::start(&options);
    if way == Way::In {
        make_room(&market);
    }
    let chain = &market.bitcoind;
    let mut filler = Filler::new(chain, 190, 10_000_000);
    market.sync();
    let before = purses(&market);
    let more = ["--max-miner-fee", "60000"];
    let taken = Taken::take(&market.taker, way, amount(way), &more);
    let (_, cheap) = taken.wait_funding(chain);
    let mut funding = Auction::of(cheap.tx.input[0].previous_output);
    funding.wait_rate(chain, LOWEST);

    let floor = filler.flood(chain, 4);
    let back = funding.wait(chain, "the funding above the floor", |seen| {
        seen.fee_sat * 1_000 >= floor * seen.vsize
    });
    assert_ne!(back.txid, cheap.txid);
    let (outpoint, _) = taken.wait_funding(chain);
    assert_eq!(outpoint.txid, back.txid);

    chain.mine_only(&[back.txid.to_string()]);
    market.sync();
    market.mine_empty(taken.quote.confirmations - 1);
    let mut sweep = Auction::of(outpoint);
    let first = sweep.wait_rate(chain, 4);
    assert_eq!(first.path(outpoint), Path::Key);
    // Each time without a block.
    for sat_per_vb in floors {
        let floor = filler.flood(chain, *sat_per_vb);
        sweep.wait(chain, "the sweep above the floor", |seen| {
            seen.fee_sat * 1_000 >= floor * seen.vsize
        });
    }
    if way == Way::In {
        let floor = filler.flood(chain, 20);
        market.mine_empty_to_height(taken.refund_height - REVEAL_MARGIN);
        assert_eq!(spend_in_mempool(chain, outpoint), None);
        market.mine_empty(1);
        sweep.wait(chain, "the sweep above limit and floor", |seen| {
            seen.fee_sat * 1_000 >= floor * seen.vsize
        });
    }
    assert_eq!(sweep.bids().len(), 3);
    finish(&market, &taken, outpoint, &before);
}
