//! bitcoind comes back with an empty mempool: what waited there is in it again before the next block, as it was.

use cambista_harness::market::USUAL;
use cambista_harness::transaction::spend_in_mempool;
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Market, MarketOptions, Taken, Way};

use crate::taker_killed::{finish, purses};

#[test]
fn funding_and_sweep_are_sent_again() {
    let mut market = Market::start(&MarketOptions::new(3, &[USUAL]));
    let before = purses(&market);
    let taken = Taken::take(&market.taker, Way::Out, 400_000, &[]);
    let (outpoint, funding) = taken.wait_funding(&market.bitcoind);
    let input = funding.tx.input[0].previous_output;
    forget(&mut market, input);

    market.mine(taken.quote.confirmations);
    taken.wait_spend(&market.bitcoind, outpoint);
    forget(&mut market, outpoint);
    finish(&market, &taken, outpoint, &before);
}

fn forget(market: &mut Market, spent: bitcoin::OutPoint) {
    let waiting = spend_in_mempool(&market.bitcoind, spent);
    assert!(waiting.is_some());
    let height = market.bitcoind.height();
    market.bitcoind.restart_forgetful();
    wait_for("the transaction to be back", FOUND_AGAIN, || {
        let found = spend_in_mempool(&market.bitcoind, spent);
        (found == waiting)
            .then_some(())
            .ok_or_else(|| format!("{found:?}"))
    });
    assert_eq!(market.bitcoind.height(), height);
}
