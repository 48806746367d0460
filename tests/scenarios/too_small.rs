//! A payment too small to be claimed on the chain in a fee spike is not taken: such a swap does not begin, whatever a
//! maker's smallest amount is.

use cambista_harness::transaction::Path;
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Change, Market, Node, Taken, Way};

use crate::taker_killed::{finish, make_room, purses};

at_two_fee_rates!(a_part_below_9000_sat_is_refused);

/// Price, limits or the maker stand against it, as the command line's help has it.
const REFUSED: i32 = 4;
/// What a held payment must be worth: 180 vB at 50 sat/vB.
const LEAST: u64 = 9_000;

fn a_part_below_9000_sat_is_refused(fee_rate: u32) {
    let market = Market::direct(fee_rate);
    let (taker, maker) = (&market.taker, &market.makers[0]);
    make_room(&market);
    let before = purses(&market);
    maker.cli(&["maker", "set", "--out-min", "1000", "--in-min", "1000"]);
    for way in ["out", "in"] {
        wait_for("the new limits to be known", FOUND_AGAIN, || {
            let offers = taker.cli(&["offers", way]);
            let known = offers["offers"][0]["min_sat"] == 1_000;
            known.then_some(()).ok_or_else(|| offers.to_string())
        });
        // The smallest one is not even asked for where its fees alone would be more.
        refused(taker, &[way, "1000", "--yes"]);
        for amount in ["5000", "8000"] {
            let said = refused(taker, &[way, amount, "--yes"]);
            assert!(said.contains("too small"), "{way} {amount}: {said}");
        }
    }
    for (node, purse) in [taker, maker].into_iter().zip(&before) {
        assert_eq!(node.status()["open_swaps"], 0);
        purse.assert_changed(node, &market.bitcoind, Change::default());
    }
    assert!(market.bitcoind.mempool().is_empty());

    // A little more than that is swapped like anything else.
    let amount = LEAST + 154 * market.fee_rate() * 3;
    let taken = Taken::take(taker, Way::In, amount, &[]);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    market.mine(taken.quote.confirmations);
    let claim = taken.wait_spend(&market.bitcoind, outpoint);
    assert_eq!(claim.path(outpoint), Path::Key);
    finish(&market, &taken, outpoint, &before);
}

/// What a command says that is refused.
fn refused(node: &Node, args: &[&str]) -> String {
    let error = node.try_cli(args).unwrap_err();
    assert_eq!(error.code, Some(REFUSED), "{}", error.output);
    error.output
}
