//! What a user did not agree to does not begin: nothing is paid, locked or sent, and the exit code says why.

use cambista_harness::{Change, Market, Node, Purse};

at_two_fee_rates!(nothing_begins_against_the_users_will);

/// Wrong use, as the command line's help has it.
const USAGE: i32 = 2;
/// Price, limits or the maker stand against it.
const REFUSED: i32 = 4;

fn nothing_begins_against_the_users_will(fee_rate: u32) {
    let market = Market::direct(fee_rate);
    let (taker, maker, chain) = (&market.taker, &market.makers[0], &market.bitcoind);
    let before = [taker, maker].map(|node| Purse::of(node, chain));

    // Nobody was asked.
    assert_eq!(code(taker, &["out", "200000"]), USAGE);
    // Costs more than the user is ready to pay.
    let dear = ["out", "200000", "--max-fee", "100", "--yes"];
    assert_eq!(code(taker, &dear), REFUSED);
    // More than the maker offers, more than the channel has.
    assert_eq!(code(taker, &["out", "4000001", "--yes"]), REFUSED);
    // A channel that is all on the taker's side cannot carry a payment to it.
    assert_eq!(code(taker, &["in", "200000", "--yes"]), REFUSED);
    // An address of another network.
    let foreign = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
    assert_eq!(code(taker, &["out", "200000", foreign, "--yes"]), USAGE);

    for (node, purse) in [taker, maker].into_iter().zip(&before) {
        assert_eq!(node.status()["open_swaps"], 0);
        purse.assert_changed(node, chain, Change::default());
    }
    assert!(chain.mempool().is_empty());
}

fn code(node: &Node, args: &[&str]) -> i32 {
    let error = node.try_cli(args).unwrap_err();
    error
        .code
        .unwrap_or_else(|| panic!("ended by a signal: {}", error.output))
}
