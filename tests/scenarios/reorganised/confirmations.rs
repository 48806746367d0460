//! A payer that waits for N confirmations loses nothing to a reorganisation of fewer blocks, and begins to count anew.

use cambista_harness::transaction::{Path, spend_in_mempool};
use cambista_harness::{Market, Taken, Way};

use super::{BURIED, FOR_TWO, market_for, reorganise_and_forget};
use crate::taker_killed::{finish, purses};

/// The funding has all confirmations but one when they are taken from it; its sender has to send it again.
#[test]
fn before_the_reveal_counting_begins_anew() {
    let mut market = Market::direct(3);
    market.mine(BURIED);
    for confirmations in [2, 3, 6] {
        let before = purses(&market);
        let taken = take(&market, confirmations);
        let (outpoint, _) = taken.wait_funding(&market.bitcoind);
        market.mine(confirmations - 1);
        reorganise_and_forget(&mut market, confirmations - 1);
        let (again, _) = taken.wait_funding(&market.bitcoind);
        assert_eq!(outpoint, again);
        market.mine(confirmations - 1);
        let early = spend_in_mempool(&market.bitcoind, outpoint);
        assert_eq!(early, None, "claimed with fewer than {confirmations}");
        market.mine(1);
        let claim = taken.wait_spend(&market.bitcoind, outpoint);
        assert_eq!(claim.path(outpoint), Path::Key);
        finish(&market, &taken, outpoint, &before);
    }
}

/// As many blocks as the payer waited for are replaced, once with the claim in the mempool and once with it confirmed:
/// the funding is unconfirmed again while the secret is out.
#[test]
fn after_the_reveal_the_swap_goes_through() {
    let market = Market::direct(3);
    market.mine(BURIED);
    for (confirmations, claimed) in [(1, 0), (1, 1), (2, 0), (3, 2), (6, 0)] {
        let before = purses(&market);
        let taken = take(&market, confirmations);
        let (outpoint, _) = taken.wait_funding(&market.bitcoind);
        market.mine(confirmations);
        taken.wait_spend(&market.bitcoind, outpoint);
        market.mine(claimed);
        market.reorganise(confirmations + claimed);
        let funding = market.bitcoind.tx(outpoint.txid);
        assert!(funding["confirmations"].is_null(), "{funding}");
        finish(&market, &taken, outpoint, &before);
    }
}

/// The same where the maker is the payer and chooses the confirmations.
#[test]
fn where_the_maker_pays_it_counts_anew_as_well() {
    let (mut market, before) = market_for(Way::In);
    let taken = Taken::take(&market.taker, Way::In, FOR_TWO, &[]);
    let wanted = taken.quote.confirmations;
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    assert_eq!(wanted, 2);
    market.mine(1);
    reorganise_and_forget(&mut market, 1);
    taken.wait_funding(&market.bitcoind);
    market.mine(wanted - 1);
    let early = spend_in_mempool(&market.bitcoind, outpoint);
    assert_eq!(early, None, "claimed with fewer than {wanted}");
    market.mine(1);
    taken.wait_spend(&market.bitcoind, outpoint);
    market.mine(1);
    market.reorganise(wanted + 1);
    let funding = market.bitcoind.tx(outpoint.txid);
    assert!(funding["confirmations"].is_null(), "{funding}");
    finish(&market, &taken, outpoint, &before);
}

fn take(market: &Market, confirmations: u32) -> Taken {
    let wanted = confirmations.to_string();
    Taken::take(&market.taker, Way::Out, 200_000, &["--confs", &wanted])
}
