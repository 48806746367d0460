//! A funding that pays far too little is still unconfirmed when its refund height comes, and its sender was away all the
//! time: it gets its coins back, without waiting for the funding to confirm first.

use bitcoin::OutPoint;
use cambista_harness::auction::check_replacement;
use cambista_harness::filler::estimate;
use cambista_harness::market::USUAL;
use cambista_harness::swap::signed;
use cambista_harness::transaction::{Path, Seen, spend_in_mempool};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Auction, Change, Filler, Market, MarketOptions, Purse, Taken, Way};
use serde_json::{Value, json};

use crate::fees_spike::amount;
use crate::taker_killed::make_room;

const DEAR: u64 = 40;

struct Stuck {
    way: Way,
    market: Market,
    filler: Filler,
    taken: Taken,
    outpoint: OutPoint,
    funding: Seen,
    before: Purse,
}

impl Stuck {
    fn funder_returns(&mut self) {
        self.way.funder_mut(&mut self.market).restart();
    }

    /// The funder has all it had but for this (sat), and the payer its payment, once it is there to take it.
    fn over(mut self, fees: u64) -> Value {
        self.market.mine(5);
        self.way.payer_mut(&mut self.market).restart();
        self.market.sync();
        let funder = self.way.funder(&self.market);
        let ended = self.taken.assert_outcome(funder, "taken_back");
        let costs = Change {
            lightning: 0,
            chain: -signed(fees),
        };
        self.before
            .assert_changed(funder, &self.market.bitcoind, costs);
        let payer = self.way.payer(&self.market);
        self.taken.assert_outcome(payer, "taken_back");
        ended
    }
}

/// Both sides are away from the funding on; when the funder may come back, all the world pays far more.
fn stuck(way: Way) -> Stuck {
    let mut options = MarketOptions::new(0, &[USUAL]);
    options.refund_delta = 76;
    let mut market = Market::start(&options);
    if way == Way::In {
        make_room(&market);
    }
    let mut filler = Filler::new(&market.bitcoind, 150, 1_000_000);
    market.sync();
    let before = Purse::of(way.funder(&market), &market.bitcoind);
    let taken = Taken::take(&market.taker, way, amount(way), &[]);
    let (outpoint, funding) = taken.wait_funding(&market.bitcoind);
    funding.assert_rate(2);
    // The funding is never confirmed in one story: then who pays knows of it only if it has seen it by now.
    wait_for("the payer to see the funding", FOUND_AGAIN, || {
        let swap = taken.seen_by(way.payer(&market));
        let seen = swap["funding_txid"].is_string();
        seen.then_some(()).ok_or_else(|| swap.to_string())
    });
    market.makers[0].kill9();
    market.taker.kill9();
    market.mine_empty_to_height(taken.refund_height - 6);
    while estimate(&market.bitcoind) < DEAR * 950 {
        filler.spike(&market.bitcoind, DEAR);
    }
    market.mine_empty_to_height(taken.refund_height);
    assert_eq!(market.bitcoind.height(), taken.refund_height);
    Stuck {
        way,
        market,
        filler,
        taken,
        outpoint,
        funding,
        before,
    }
}

#[test]
fn a_makers_is_replaced_by_a_spend_to_its_sender() {
    is_replaced(Way::Out);
}

#[test]
fn a_takers_is_replaced_by_a_spend_to_its_sender() {
    is_replaced(Way::In);
}

/// Its first input goes back to the wallet. No refund of the same coins competes with that.
fn is_replaced(way: Way) {
    let mut world = stuck(way);
    let mut auction = Auction::of(world.funding.tx.input[0].previous_output);
    auction.wait_rate(&world.market.bitcoind, 2);
    world.funder_returns();
    let market = &world.market;
    let back = auction.wait_rate(&market.bitcoind, DEAR * 9 / 10);
    // It stays what it is, block after block.
    market.mine_empty(2);
    let still = auction.look(&market.bitcoind).map(|seen| seen.txid);
    assert_eq!(still, Some(back.txid));
    assert_eq!(spend_in_mempool(&market.bitcoind, world.outpoint), None);
    market.mine(1);
    let ended = world.over(back.fee_sat);
    assert_eq!(ended["cost"]["miner_fee_sat"], back.fee_sat, "{ended}");
}

#[test]
fn where_a_makers_cannot_be_replaced_the_refund_pays_for_both() {
    refund_pays_for_both(Way::Out);
}

#[test]
fn where_a_takers_cannot_be_replaced_the_refund_pays_for_both() {
    refund_pays_for_both(Way::In);
}

/// A miner was paid to keep the funding: bitcoind takes no replacement of it. The refund spends it unconfirmed and pays
/// for both, so that both go into one block, before the payer could claim.
fn refund_pays_for_both(way: Way) {
    let mut world = stuck(way);
    let chain = &world.market.bitcoind;
    let favour = json!([world.funding.txid, 0, 1_000_000]);
    chain.rpc("prioritisetransaction", favour).unwrap();
    world.funder_returns();
    world.market.mine_empty(1);
    let chain = &world.market.bitcoind;
    let mut refunds = Auction::of(world.outpoint);
    let refund = refunds.wait(chain, "a refund that pays for both", |refund| {
        let fees = world.funding.fee_sat + refund.fee_sat;
        fees >= DEAR * 9 / 10 * (world.funding.vsize + refund.vsize)
    });
    assert_eq!(refund.path(world.outpoint), Path::Refund);

    // With the favour gone it is the child that brings its parent into a block of those who pay well.
    let none = json!([world.funding.txid, 0, -1_000_000]);
    chain.rpc("prioritisetransaction", none).unwrap();
    for _ in 0..20 {
        world.filler.send(chain, DEAR / 2, 20_000);
    }
    chain.mine(1);
    world.market.sync();
    let confirmed = world.taken.confirmed_spend(chain, world.outpoint);
    if confirmed.txid != refund.txid {
        check_replacement(chain, &refund, &confirmed);
    }
    wait_for("the funding in the same block", FOUND_AGAIN, || {
        let blocks =
            [world.funding.txid, confirmed.txid].map(|id| chain.tx(id)["blockhash"].clone());
        (blocks[0] == blocks[1])
            .then_some(())
            .ok_or_else(|| format!("{blocks:?}"))
    });
    let fees = world.funding.fee_sat + confirmed.fee_sat;
    world.over(fees);
}
