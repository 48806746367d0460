//! A maker's claim races what the taker sends to have its coins back, and replaces it: R pays the taker.

use cambista_harness::Purse;
use cambista_harness::transaction::Path;

use super::{BURIED, assert_over, funded, wait_spend};
use crate::adversary::chain;
use crate::adversary::prey::Prey;

/// After T the claim is worth as much as before, and can bid more than the refund.
#[test]
fn a_claim_that_replaces_the_refund_after_t_pays_the_taker() {
    raced(false);
}

/// The maker gives up and hands its key over. The taker takes its coins back at once, which the maker was waiting for.
#[test]
fn a_claim_that_replaces_the_take_back_after_the_makers_key_pays_the_taker() {
    raced(true);
}

fn raced(gives_up: bool) {
    let prey = Prey::start_in();
    let (payer, chain) = (&prey.maker.payer, &prey.bitcoind);
    let before = Purse::of(&prey.taker, chain);
    let (swap, funding) = funded(&prey);
    prey.mine(1);
    let path = match gives_up {
        true => {
            payer.tell_key(&swap, *swap.internal.expose().as_ref());
            Path::Key
        }
        false => {
            prey.mine_to_height(swap.contract.refund_height());
            Path::Refund
        }
    };
    assert_eq!(wait_spend(&prey, &funding).path(funding.outpoint), path);
    chain::send(chain, &swap.claim(chain, &funding, 50));
    payer.wait_key(&swap);
    prey.mine(BURIED);
    swap.outcome(&prey.taker, "done");
    assert_over(&prey, &before, swap.paid(), -(swap.amount() + funding.fee));
}
