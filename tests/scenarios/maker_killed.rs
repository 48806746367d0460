//! The maker is killed in the middle of a swap and started again: the swap goes through, and nobody needed it to be
//! there after coins were locked.

use cambista_harness::transaction::Path;
use cambista_harness::{Market, Taken, Way};

use crate::taker_killed::{finish, goes_on_after_the_funding, purses};

at_two_fee_rates!(
    out_goes_on_after_the_funding,
    out_is_claimed_without_it,
    in_goes_on_after_the_funding,
);

fn out_goes_on_after_the_funding(fee_rate: u32) {
    goes_on_after_the_funding(fee_rate, Way::Out, |market| &mut market.makers[0]);
}

/// The taker reveals to nobody, waits a block for the maker's key and uses its own leaf. The maker finds the preimage
/// in the chain when it is back, and is paid.
fn out_is_claimed_without_it(fee_rate: u32) {
    let mut market = Market::direct(fee_rate);
    let before = purses(&market);
    let taken = Taken::take(&market.taker, Way::Out, 500_000, &[]);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    market.makers[0].kill9();
    market.mine(taken.quote.confirmations);
    taken.wait_revealed(&market.taker);
    market.mine(1);
    let claim = taken.wait_spend(&market.bitcoind, outpoint);
    assert_eq!(claim.path(outpoint), Path::Claim);
    market.mine(1);
    market.makers[0].restart();
    finish(&market, &taken, outpoint, &before);
}

/// Here the maker is the payer: it has paid, and must still reveal and claim.
fn in_goes_on_after_the_funding(fee_rate: u32) {
    goes_on_after_the_funding(fee_rate, Way::In, |market| &mut market.makers[0]);
}
