//! The server of both nodes goes away for thirty blocks in the middle of each part of a swap: every part goes on where it was.

use cambista_harness::swap::signed;
use cambista_harness::transaction::Path;
use cambista_harness::{Change, Market, Taken, Way};
use serde_json::json;

use crate::taker_killed::{finish, market_for, purses};

const AMOUNT: u64 = 200_000;
/// A refund by its leaf to an address of the node.
const REFUND_VBYTES: u64 = 138;
/// So many blocks nobody sees coming.
const AWAY: u32 = 30;

/// The funding is in the first of the blocks nobody saw.
#[test]
fn a_taker_that_pays_claims_what_was_confirmed_unseen() {
    goes_on(Way::Out, false);
}

#[test]
fn a_maker_that_pays_claims_what_was_confirmed_unseen() {
    goes_on(Way::In, false);
}

/// R is out, and the claim is in no block and in no mempool when the server is back.
#[test]
fn a_taker_that_pays_claims_what_it_told_r_for() {
    goes_on(Way::Out, true);
}

#[test]
fn a_maker_that_pays_claims_what_it_told_r_for() {
    goes_on(Way::In, true);
}

/// T is among the blocks nobody saw, and the payer is gone for good.
#[test]
fn a_maker_that_funds_takes_its_coins_back() {
    takes_back(Way::Out);
}

#[test]
fn a_taker_that_funds_takes_its_coins_back() {
    takes_back(Way::In);
}

fn goes_on(way: Way, revealed: bool) {
    let mut market = market_for(way, 3);
    let before = purses(&market);
    let taken = Taken::take(&market.taker, way, AMOUNT, &[]);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    let mut first = waiting(&market);
    if revealed {
        market.mine(taken.quote.confirmations);
        let claim = taken.wait_spend(&market.bitcoind, outpoint);
        assert_ne!(claim.path(outpoint), Path::Refund);
        first.clear();
    }
    market.bitcoind.mine_while_away(&first, AWAY - 1);
    assert!(market.bitcoind.height() < taken.refund_height);
    taken.wait_spend(&market.bitcoind, outpoint);
    finish(&market, &taken, outpoint, &before);
}

fn takes_back(way: Way) {
    let mut market = market_for(way, 3);
    let before = purses(&market);
    let taken = Taken::take(&market.taker, way, AMOUNT, &[]);
    let (outpoint, funding) = taken.wait_funding(&market.bitcoind);
    let funder = match way {
        Way::Out => {
            market.taker.kill9();
            1
        }
        Way::In => {
            market.makers[0].kill9();
            0
        }
    };
    market.mine(1);
    while market.bitcoind.height() < taken.refund_height - AWAY / 2 {
        let left = taken.refund_height - AWAY / 2 - market.bitcoind.height();
        market.bitcoind.mine(left.min(24));
        market.sync();
    }
    market.bitcoind.mine_while_away(&[], AWAY - 1);
    assert!(market.bitcoind.height() > taken.refund_height);
    let refund = taken.wait_spend(&market.bitcoind, outpoint);
    assert_eq!(refund.path(outpoint), Path::Refund);
    market.mine(6);
    let refund = taken.confirmed_spend(&market.bitcoind, outpoint);
    // It was in none of the blocks that were read before it was sent, so none of them says that it pays too little.
    let usual = REFUND_VBYTES * 3;
    assert!(refund.fee_sat < usual * 3 / 2, "{} sat", refund.fee_sat);
    let (kept, ended) = match way {
        Way::Out => {
            market.taker.restart();
            (taken.quote.prepay_sat, "prepay_kept")
        }
        Way::In => {
            market.makers[0].restart();
            (0, "taken_back")
        }
    };
    market.mine(1);
    let nodes = [&market.taker, &market.makers[0]];
    let mut changes = [Change {
        lightning: -signed(kept),
        chain: 0,
    }; 2];
    changes[funder] = Change {
        lightning: signed(kept),
        chain: -signed(funding.fee_sat + refund.fee_sat),
    };
    for ((before, node), change) in before.iter().zip(nodes).zip(changes) {
        before.assert_settled(node, &market.bitcoind, change);
        taken.assert_outcome(node, ended);
    }
}

/// What is in the mempool (hex).
fn waiting(market: &Market) -> Vec<String> {
    let chain = &market.bitcoind;
    let raw = |txid| {
        let hex = chain.rpc("getrawtransaction", json!([txid, 0]));
        hex.unwrap().as_str().unwrap().to_owned()
    };
    chain.mempool().into_iter().map(raw).collect()
}
