//! A deposit from a wallet outside is confirmed and is not any more, before the reveal and after the claim.

use cambista_harness::market::USUAL;
use cambista_harness::swap::signed;
use cambista_harness::transaction::{Path, spend_in_mempool};
use cambista_harness::{Change, Taken, Way};

use super::{BURIED, FOR_TWO};
use crate::external;
use crate::taker_killed::purses;

#[test]
fn it_counts_anew_and_is_claimed_once_more() {
    let market = external::market(3, &[USUAL]);
    let room = Taken::take(&market.taker, Way::Out, 2 * FOR_TWO, &[]);
    market.confirm_and_claim(&room);
    market.mine(BURIED - 1);
    room.assert_outcome(&market.makers[0], "done");
    let before = purses(&market);

    let (taken, deposit) = external::take(&market, FOR_TWO);
    assert_eq!(taken.quote.confirmations, 2);
    let outpoint = external::send(&market, &taken, &deposit, FOR_TWO);
    market.mine(1);
    market.reorganise(1);
    market.mine(1);
    let early = spend_in_mempool(&market.bitcoind, outpoint);
    assert_eq!(early, None, "claimed after one confirmation");
    market.mine(1);
    let claim = taken.wait_spend(&market.bitcoind, outpoint);
    assert_eq!(claim.path(outpoint), Path::Key);
    market.mine(BURIED - 1);
    taken.confirmed_spend(&market.bitcoind, outpoint);
    // Deposit and claim: both are waiting again.
    market.reorganise(2 + BURIED - 1);
    taken.wait_spend(&market.bitcoind, outpoint);

    let seen = market.mine_until_claimed(&taken, outpoint);
    market.mine(BURIED - 1);
    let received = Change {
        lightning: signed(FOR_TWO) - taken.quote.maker_fee_sat,
        chain: 0,
    };
    before[0].assert_changed(&market.taker, &market.bitcoind, received);
    before[1].assert_changed(
        &market.makers[0],
        &market.bitcoind,
        taken.maker_change(&seen, 0),
    );
    taken.assert_outcome(&market.taker, "done");
    taken.assert_outcome(&market.makers[0], "done");
}
