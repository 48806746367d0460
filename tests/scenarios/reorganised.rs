//! The blocks that confirm a funding are replaced: counting begins anew, and a decision that was made stays made.

use cambista_harness::transaction::{Path, spend_in_mempool};
use cambista_harness::{Market, Taken, Way};

use crate::taker_killed::{finish, purses};

at_two_fee_rates!(before_the_reveal, after_the_reveal);

fn before_the_reveal(fee_rate: u32) {
    let market = Market::direct(fee_rate);
    let before = purses(&market);
    let taken = Taken::take(&market.taker, Way::Out, 400_000, &[]);
    assert_eq!(taken.quote.confirmations, 2);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    market.mine(1);
    market.reorganise(1);
    assert!(market.bitcoind.mempool().contains(&outpoint.txid));
    // The first confirmation counts for nothing any more.
    market.mine(1);
    let early = spend_in_mempool(&market.bitcoind, outpoint);
    assert_eq!(early, None, "claimed after one confirmation");
    market.mine(1);
    let claim = taken.wait_spend(&market.bitcoind, outpoint);
    assert_eq!(claim.path(outpoint), Path::Key);
    finish(&market, &taken, outpoint, &before);
}

/// Funding and claim are both unconfirmed again, and both confirm in the end.
fn after_the_reveal(fee_rate: u32) {
    let market = Market::direct(fee_rate);
    let before = purses(&market);
    let taken = Taken::take(&market.taker, Way::Out, 400_000, &["--confs", "1"]);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    market.mine(1);
    taken.wait_spend(&market.bitcoind, outpoint);
    market.mine(1);
    taken.confirmed_spend(&market.bitcoind, outpoint);
    market.reorganise(2);
    assert_eq!(
        market.bitcoind.tx(outpoint.txid)["confirmations"],
        serde_json::Value::Null
    );
    finish(&market, &taken, outpoint, &before);
}
