//! The mempool fills up and throws our transactions out; its floor rises. Without waiting for a block they come back
//! above the floor, by the rules of replacement.

use cambista_harness::market::USUAL;
use cambista_harness::transaction::Path;
use cambista_harness::{Auction, Filler, Market, MarketOptions, Taken, Way};

use crate::taker_killed::{finish, purses};

/// The lowest floor a mempool has (sat/vB).
const LOWEST: u64 = 1;

#[test]
fn funding_and_sweep_come_back_above_the_floor() {
    let mut options = MarketOptions::new(0, &[USUAL]);
    // Megabytes of memory: some thirty large transactions.
    options.bitcoind_args = vec!["-maxmempool=5".to_owned()];
    let market = Market::start(&options);
    let chain = &market.bitcoind;
    let mut filler = Filler::new(chain, 190, 10_000_000);
    market.sync();
    let before = purses(&market);
    let more = ["--max-miner-fee", "60000"];
    let taken = Taken::take(&market.taker, Way::Out, 400_000, &more);
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
    // Twice, and each time without a block.
    for sat_per_vb in [20, 60] {
        let floor = filler.flood(chain, sat_per_vb);
        sweep.wait(chain, "the sweep above the floor", |seen| {
            seen.fee_sat * 1_000 >= floor * seen.vsize
        });
    }
    assert_eq!(sweep.bids().len(), 3);
    finish(&market, &taken, outpoint, &before);
}
