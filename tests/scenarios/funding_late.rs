//! The funding does not confirm in time: the secret stays with the taker, the maker gets its coins, the taker everything.

use bitcoin::consensus::encode::serialize_hex;
use cambista_harness::market::USUAL;
use cambista_harness::swap::signed;
use cambista_harness::transaction::{Path, spend_in_mempool, wait_other_spend};
use cambista_harness::{Change, Market, MarketOptions, Taken, Way};

use crate::REVEAL_MARGIN;
use crate::taker_killed::purses;

at_two_fee_rates!(
    it_is_replaced_by_a_spend_to_the_maker,
    it_confirms_after_all_and_goes_back_by_handover,
);

/// So deep a transaction is final.
const REORG_DEPTH: u32 = 6;

fn market(fee_rate: u32) -> Market {
    let mut options = MarketOptions::new(fee_rate, &[USUAL]);
    options.refund_delta = 76;
    Market::start(&options)
}

/// The height from which the maker stops waiting.
fn replaced_from(taken: &Taken) -> u32 {
    taken.refund_height - REVEAL_MARGIN - taken.quote.confirmations - REORG_DEPTH
}

fn it_is_replaced_by_a_spend_to_the_maker(fee_rate: u32) {
    let market = market(fee_rate);
    let before = purses(&market);
    let taken = Taken::take(&market.taker, Way::Out, 400_000, &[]);
    let (outpoint, funding) = taken.wait_funding(&market.bitcoind);
    let input = funding.tx.input[0].previous_output;
    market.mine_empty_to_height(replaced_from(&taken) - 1);
    assert_eq!(
        spend_in_mempool(&market.bitcoind, input),
        Some(outpoint.txid)
    );
    market.mine_empty(1);
    let replacement = wait_other_spend(&market.bitcoind, input, outpoint.txid);
    market.mine(REORG_DEPTH);

    taken.assert_outcome(&market.makers[0], "taken_back");
    let fee = Change {
        lightning: 0,
        chain: -signed(replacement.fee_sat),
    };
    before[1].assert_changed(&market.makers[0], &market.bitcoind, fee);
    before[0].assert_changed(&market.taker, &market.bitcoind, Change::default());
    taken.assert_outcome(&market.taker, "taken_back");
}

/// A miner takes the first version at the last height at which it could be of use, were it confirmed once more.
fn it_confirms_after_all_and_goes_back_by_handover(fee_rate: u32) {
    let market = market(fee_rate);
    let before = purses(&market);
    let taken = Taken::take(&market.taker, Way::Out, 400_000, &[]);
    assert_eq!(taken.quote.confirmations, 2);
    let (outpoint, funding) = taken.wait_funding(&market.bitcoind);
    let last_reveal = taken.refund_height - REVEAL_MARGIN;
    market.mine_empty_to_height(last_reveal - 1);
    market.bitcoind.mine_only(&[serialize_hex(&funding.tx)]);
    market.sync();
    assert_eq!(spend_in_mempool(&market.bitcoind, outpoint), None);
    market.mine(1);

    // Too late to reveal: the key goes to the maker, long before the refund height.
    let back = taken.wait_spend(&market.bitcoind, outpoint);
    assert_eq!(back.path(outpoint), Path::Key);
    market.mine(REORG_DEPTH);
    assert!(market.bitcoind.height() < taken.refund_height);
    taken.assert_outcome(&market.makers[0], "taken_back");
    let fees = Change {
        lightning: 0,
        chain: -signed(funding.fee_sat + back.fee_sat),
    };
    before[1].assert_changed(&market.makers[0], &market.bitcoind, fees);
    before[0].assert_changed(&market.taker, &market.bitcoind, Change::default());
    taken.assert_outcome(&market.taker, "taken_back");
}
