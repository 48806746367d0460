//! A maker pays, is funded, and does nothing from there on, or nothing that would bring it its coins.

use bitcoin::Transaction;
use cambista_harness::Purse;
use cambista_harness::transaction::{Path, spend_in_blocks, spend_in_mempool};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_protocol::contract::Method;

use super::{BURIED, assert_over, funded, wait_spend};
use crate::adversary::chain;
use crate::adversary::prey::Prey;

/// The payment is the maker's again when the refund is buried, and not a block before. R comes too late then.
#[test]
fn a_silent_makers_payment_goes_back_when_the_refund_is_buried() {
    let prey = Prey::start_in();
    let (payer, chain) = (&prey.maker.payer, &prey.bitcoind);
    let before = Purse::of(&prey.taker, chain);
    let (swap, funding) = funded(&prey);
    let locked = || payer.own.lock_height(swap.terms.payment_hash).is_some();

    prey.mine_to_height(swap.contract.refund_height() - 1);
    let early = spend_in_mempool(chain, funding.outpoint);
    assert_eq!(early, None, "taken back before its time");
    prey.mine(1);
    let refund = wait_spend(&prey, &funding);
    assert_eq!(refund.path(funding.outpoint), Path::Refund);
    for depth in 1..BURIED {
        prey.mine(1);
        assert!(locked(), "given back {depth} deep");
    }
    let found = spend_in_blocks(chain, funding.outpoint, BURIED - 1);
    let cost = funding.fee + i64::try_from(found.expect("the refund").fee_sat).unwrap();
    prey.mine(1);
    wait_for("the payment to go back", FOUND_AGAIN, || {
        (!locked()).then_some(()).ok_or_else(|| "locked".to_owned())
    });
    payer.tell_preimage(&swap, swap.preimage32());
    swap.outcome(&prey.taker, "taken_back");
    assert_over(&prey, &before, 0, -cost);
}

/// With R the payment is the taker's, and the coins are not: they wait for the maker, T or not, and the swap does not wait for it
/// for ever.
#[test]
fn a_maker_that_told_r_finds_its_coins_where_they_were_long_after_t() {
    /// Blocks after T in which a refund would have been buried.
    const LATE: u32 = 24;
    let prey = Prey::start_in();
    let (payer, chain) = (&prey.maker.payer, &prey.bitcoind);
    let before = Purse::of(&prey.taker, chain);
    let (swap, funding) = funded(&prey);
    prey.mine(1);
    payer.tell_preimage(&swap, swap.preimage32());
    let key = payer.wait_key(&swap);
    assert_eq!(key.public_key(), swap.funder.internal_key);
    let (paid, spent) = (swap.paid(), -(swap.amount() + funding.fee));

    prey.mine_to_height(swap.contract.refund_height() + LATE + 1);
    swap.outcome(&prey.taker, "done");
    assert_over(&prey, &before, paid, spent);
    let secret = swap.contract.key_path_secret(&swap.internal, &key).unwrap();
    let output = (funding.outpoint, funding.value);
    let sweep: Transaction =
        chain::spend(chain, &swap.contract, output, Method::KeyPath(secret), 2);
    chain::send(chain, &sweep);
    prey.mine(1);
    assert_over(&prey, &before, paid, spent);
}
