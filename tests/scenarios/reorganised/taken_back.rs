//! The payer gave up, the funder has taken its coins back by key path, and that is not on the chain any more: it is sent
//! again, with the funding if that is gone too, and the payment goes back only when it is buried.

use cambista_harness::swap::signed;
use cambista_harness::transaction::Path;
use cambista_harness::{Change, Taken, Way};

use super::{BURIED, FOR_TWO, assert_goes_on, market_for, reorganise_and_forget};
use crate::taker_killed::purses;

#[test]
fn by_a_maker() {
    again(Way::Out);
}

#[test]
fn by_a_taker() {
    again(Way::In);
}

fn again(way: Way) {
    let (mut market, _) = market_for(way);
    for with_the_funding in [false, true] {
        let before = purses(&market);
        let taken = Taken::take(&market.taker, way, FOR_TWO, &[]);
        let (outpoint, funding) = taken.wait_funding(&market.bitcoind);
        market.mine(1);
        market.taker.cli(&["cancel", &taken.id, "--yes"]);
        let back = taken.wait_spend(&market.bitcoind, outpoint);
        assert_eq!(back.path(outpoint), Path::Key);
        market.mine(BURIED - 1);
        assert_goes_on(&taken, way.funder(&market));
        reorganise_and_forget(&mut market, BURIED - 1 + u32::from(with_the_funding));
        let back = taken.wait_spend(&market.bitcoind, outpoint);
        assert_eq!(back.path(outpoint), Path::Key);
        market.mine(BURIED - 1);
        assert_goes_on(&taken, way.funder(&market));
        market.mine(1);

        let back = taken.confirmed_spend(&market.bitcoind, outpoint);
        let costs = signed(funding.fee_sat + back.fee_sat);
        let prepay = match way {
            Way::Out => signed(taken.quote.prepay_sat),
            Way::In => 0,
        };
        let funded = Change {
            lightning: prepay,
            chain: -costs,
        };
        let paid = Change {
            lightning: -prepay,
            chain: 0,
        };
        let (taker, maker, outcome) = match way {
            Way::Out => (paid, funded, "prepay_kept"),
            Way::In => (funded, paid, "taken_back"),
        };
        before[0].assert_changed(&market.taker, &market.bitcoind, taker);
        before[1].assert_changed(&market.makers[0], &market.bitcoind, maker);
        taken.assert_outcome(&market.taker, outcome);
        taken.assert_outcome(&market.makers[0], outcome);
    }
}
