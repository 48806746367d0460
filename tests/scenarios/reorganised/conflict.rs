//! A funding that is too late is replaced by its sender with a spend to itself, and the chain changes its mind about which
//! of the two confirms. Neither side acts on one of them before it is buried.

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{OutPoint, Txid};
use cambista_harness::swap::signed;
use cambista_harness::transaction::{Path, Seen, spend_in_mempool, wait_other_spend};
use cambista_harness::{Change, Market, Purse, Taken, Way};

use super::{BURIED, FOR_TWO, assert_goes_on, market_for, reorganise_and_forget};
use crate::REVEAL_MARGIN;
use crate::taker_killed::finish;

macro_rules! each_way {
    ($($scenario:ident),+ $(,)?) => {
        $(mod $scenario {
            #[test]
            fn of_an_out() {
                super::$scenario(cambista_harness::Way::Out);
            }

            #[test]
            fn of_an_in() {
                super::$scenario(cambista_harness::Way::In);
            }
        })+
    };
}

each_way!(
    the_replacement_is_sent_again,
    the_replacement_gives_way_to_the_funding,
    the_funding_gives_way_to_the_replacement,
);

/// One block short of being buried, the replacement leaves the chain and every mempool.
fn the_replacement_is_sent_again(way: Way) {
    let (mut market, before) = market_for(way);
    let late = replaced(&market, way);
    market.mine(BURIED - 1);
    assert_confirmations(&market, late.replacement.txid, BURIED - 1);
    assert_goes_on(&late.taken, way.funder(&market));
    reorganise_and_forget(&mut market, BURIED - 1);
    let again = wait_other_spend(&market.bitcoind, late.input, late.outpoint.txid);
    market.mine(BURIED - 1);
    assert_goes_on(&late.taken, way.funder(&market));
    market.mine(1);
    taken_back(&market, &late, &again, &before);
}

/// A miner took the funding instead: the swap goes through, because it is buried in time.
fn the_replacement_gives_way_to_the_funding(way: Way) {
    let (market, before) = market_for(way);
    let late = replaced(&market, way);
    market.mine(1);
    assert_confirmations(&market, late.replacement.txid, 1);
    exchange(&market, 1, &late.funding);
    market.mine(BURIED - 3);
    assert_confirmations(&market, late.funding.txid, BURIED - 1);
    let early = spend_in_mempool(&market.bitcoind, late.outpoint);
    assert_eq!(early, None, "claimed before it was buried");
    market.mine(1);
    // Too near to the refund height to wait for the funder's key.
    let claim = late.taken.wait_spend(&market.bitcoind, late.outpoint);
    assert_eq!(claim.path(late.outpoint), Path::Claim);
    finish(&market, &late.taken, late.outpoint, &before);
}

/// The payer was one block short of revealing for the funding.
fn the_funding_gives_way_to_the_replacement(way: Way) {
    let (market, before) = market_for(way);
    let late = replaced(&market, way);
    market
        .bitcoind
        .mine_only(&[serialize_hex(&late.funding.tx)]);
    market.sync();
    market.mine(BURIED - 2);
    assert_confirmations(&market, late.funding.txid, BURIED - 1);
    let early = spend_in_mempool(&market.bitcoind, late.outpoint);
    assert_eq!(early, None, "claimed before it was buried");
    exchange(&market, BURIED - 1, &late.replacement);
    market.mine(BURIED - 1);
    taken_back(&market, &late, &late.replacement, &before);
}

/// A swap whose funding nobody mined until its sender replaced it.
struct Late {
    taken: Taken,
    outpoint: OutPoint,
    funding: Seen,
    /// What funding and replacement both spend.
    input: OutPoint,
    replacement: Seen,
}

fn replaced(market: &Market, way: Way) -> Late {
    let taken = Taken::take(&market.taker, way, FOR_TWO, &[]);
    let (outpoint, funding) = taken.wait_funding(&market.bitcoind);
    let input = funding.tx.input[0].previous_output;
    let from = taken.refund_height - REVEAL_MARGIN - taken.quote.confirmations - BURIED;
    market.mine_empty_to_height(from);
    let replacement = wait_other_spend(&market.bitcoind, input, outpoint.txid);
    Late {
        taken,
        outpoint,
        funding,
        input,
        replacement,
    }
}

/// Replaces the last `depth` blocks by a branch that is one longer, with `instead` in its first block.
fn exchange(market: &Market, depth: u32, instead: &Seen) {
    market
        .bitcoind
        .invalidate(market.bitcoind.height() + 1 - depth);
    market.bitcoind.mine_only(&[serialize_hex(&instead.tx)]);
    for _ in 0..depth {
        market.bitcoind.mine_only(&[]);
    }
    market.sync();
}

fn assert_confirmations(market: &Market, txid: Txid, wanted: u32) {
    let seen = market.bitcoind.tx(txid);
    assert_eq!(seen["confirmations"], wanted, "{seen}");
}

/// The coins are with the funder, less one fee, and the payment is back with the payer.
fn taken_back(market: &Market, late: &Late, by: &Seen, before: &[Purse; 2]) {
    let fee = Change {
        lightning: 0,
        chain: -signed(by.fee_sat),
    };
    let (taker, maker) = match late.taken.quote.direction {
        Way::Out => (Change::default(), fee),
        Way::In => (fee, Change::default()),
    };
    before[0].assert_changed(&market.taker, &market.bitcoind, taker);
    before[1].assert_changed(&market.makers[0], &market.bitcoind, maker);
    late.taken.assert_outcome(&market.taker, "taken_back");
    late.taken.assert_outcome(&market.makers[0], "taken_back");
}
