//! A swap is called off: before the funding, after it, and when it is too late.

use cambista_harness::market::{DEAR, USUAL};
use cambista_harness::swap::signed;
use cambista_harness::transaction::Path;
use cambista_harness::{Change, Market, MarketOptions, Node, Purse, Taken, Way};

use crate::taker_killed::{finish, make_room, purses};

at_two_fee_rates!(
    an_out_that_is_not_funded,
    an_out_that_is_funded,
    an_in_that_is_funded,
);

/// Price, limits or the moment stand against it, as the command line's help has it.
const REFUSED: i32 = 4;

/// The node between is asleep, so the payment does not reach the maker before it is called off.
fn an_out_that_is_not_funded(fee_rate: u32) {
    let mut market = Market::start(&MarketOptions::new(fee_rate, &[DEAR, USUAL]));
    let maker = market.makers[1].status()["node_id"].clone();
    let before: Vec<Purse> = everybody(&market);
    market.makers[0].freeze();
    let chosen = ["--maker", maker.as_str().unwrap()];
    let taken = Taken::take(&market.taker, Way::Out, 400_000, &chosen);
    market.taker.cli(&["cancel", &taken.id, "--yes"]);
    market.makers[0].thaw();

    for node in [&market.taker, &market.makers[1]] {
        taken.assert_outcome(node, "nothing_happened");
    }
    market.mine(2);
    let nodes = std::iter::once(&market.taker).chain(&market.makers);
    for (node, purse) in nodes.zip(&before) {
        purse.assert_changed(node, &market.bitcoind, Change::default());
    }
    assert!(market.bitcoind.mempool().is_empty());
    // The second time there is nothing to call off.
    assert_eq!(refusal(&market.taker, &taken), REFUSED);
}

/// The maker gets the taker's key and takes its coins back at once. The prepay pays it for funding and taking back.
fn an_out_that_is_funded(fee_rate: u32) {
    let market = Market::direct(fee_rate);
    let before = purses(&market);
    let taken = Taken::take(&market.taker, Way::Out, 400_000, &[]);
    let (outpoint, funding) = taken.wait_funding(&market.bitcoind);
    market.mine(1);
    let answer = market.taker.cli(&["cancel", &taken.id, "--yes"]);
    let said = answer["text"].as_str().unwrap();
    assert!(said.contains("may keep the prepay"), "{answer}");
    let back = taken.wait_spend(&market.bitcoind, outpoint);
    assert_eq!(back.path(outpoint), Path::Key);

    market.mine(6);
    let prepay = signed(taken.quote.prepay_sat);
    let ended = taken.assert_outcome(&market.taker, "prepay_kept");
    assert_eq!(ended["cost"]["total_sat"], prepay, "{ended}");
    assert!(prepay <= signed(taken.quote.worst_if_failed_sat));
    taken.assert_outcome(&market.makers[0], "prepay_kept");
    let chain = &market.bitcoind;
    let lost = Change {
        lightning: -prepay,
        chain: 0,
    };
    before[0].assert_changed(&market.taker, chain, lost);
    let kept = Change {
        lightning: prepay,
        chain: -signed(funding.fee_sat + back.fee_sat),
    };
    before[1].assert_changed(&market.makers[0], chain, kept);
}

/// The taker's coins do not wait for the refund height, because the maker gives up when it is asked to. Once the other
/// side has claimed it is too late.
fn an_in_that_is_funded(fee_rate: u32) {
    let market = Market::direct(fee_rate);
    make_room(&market);
    let before = purses(&market);
    let taken = Taken::take(&market.taker, Way::In, 200_000, &[]);
    let (outpoint, funding) = taken.wait_funding(&market.bitcoind);
    market.taker.cli(&["cancel", &taken.id, "--yes"]);
    let back = taken.wait_spend(&market.bitcoind, outpoint);
    assert_eq!(back.path(outpoint), Path::Key);
    market.mine(7);
    let ended = taken.assert_outcome(&market.taker, "taken_back");
    let costs = funding.fee_sat + back.fee_sat;
    assert!(costs <= taken.quote.worst_if_failed_sat);
    assert_eq!(ended["cost"]["total_sat"], costs, "{ended}");
    taken.assert_outcome(&market.makers[0], "taken_back");
    let fees = Change {
        lightning: 0,
        chain: -signed(costs),
    };
    before[0].assert_changed(&market.taker, &market.bitcoind, fees);
    before[1].assert_changed(&market.makers[0], &market.bitcoind, Change::default());

    let before = purses(&market);
    let taken = Taken::take(&market.taker, Way::In, 150_000, &[]);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    market.mine(taken.quote.confirmations);
    taken.wait_spend(&market.bitcoind, outpoint);
    assert_eq!(refusal(&market.taker, &taken), REFUSED);
    finish(&market, &taken, outpoint, &before);

    let before = purses(&market);
    let taken = Taken::take(&market.taker, Way::Out, 150_000, &[]);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    market.mine(taken.quote.confirmations);
    taken.wait_spend(&market.bitcoind, outpoint);
    assert_eq!(refusal(&market.taker, &taken), REFUSED);
    finish(&market, &taken, outpoint, &before);
}

fn everybody(market: &Market) -> Vec<Purse> {
    let purse = |node| Purse::of(node, &market.bitcoind);
    market.running().map(purse).collect()
}

/// The exit code of calling it off when that is refused.
fn refusal(taker: &Node, taken: &Taken) -> i32 {
    let error = taker.try_cli(&["cancel", &taken.id, "--yes"]).unwrap_err();
    error
        .code
        .unwrap_or_else(|| panic!("ended by a signal: {}", error.output))
}
