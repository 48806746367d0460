//! The same with the channel closed under the payment: the chain is all there is.

use cambista_harness::Purse;
use cambista_harness::swap::signed;
use cambista_harness::wait::{FOUND_AGAIN, wait_for};

use super::closing::{SWEEP, outside};
use super::deadline::{deadline, refund};
use super::fees::Paid;
use crate::adversary::payer::{PUSHED, Victims};
use crate::adversary::{blocks, chain};

const AMOUNT: u64 = 100_000;

/// A payer closes the channel as soon as its swap is funded, is silent, and shows R in the last block in which the maker's
/// Lightning still takes it. The maker takes payment and prepay from the payer's own closing transaction.
#[test]
fn r_in_the_last_block_pays_the_maker_from_a_closed_channel() {
    let victims = Victims::start(1, &[]);
    let (maker, chain) = (&victims.makers[0], &victims.bitcoind);
    let before = Purse::of(maker, chain).chain;
    let since = chain.height();
    let (swap, funding) = victims.funded(AMOUNT);
    let last = deadline(&victims, &swap) - 1;
    victims.payer.own.close_by_force();
    chain.wait_for_mempool(2, FOUND_AGAIN);
    victims.mine(2);
    let t = swap.contract.refund_height();
    victims.mine_to_height(t - 1);
    blocks::empty_to_height(chain, last - 1, || victims.sync());
    refund(&victims, &funding);
    let claim = victims.claim(&swap, &funding, 2);
    chain::mine_alone(chain, &claim).unwrap();
    victims.sync();
    assert_eq!(chain.height(), last);
    victims.payer.wait_key(&swap);

    wait_for("all of it in the maker's wallet", 4 * SWEEP, || {
        let left = outside(maker);
        let open = maker.status()["open_swaps"].clone();
        if left.is_empty() && open == 0 {
            return Ok(());
        }
        if left.iter().any(|part| part["wait"] != "sweep") || !chain.mempool().is_empty() {
            victims.mine(1);
        }
        Err(format!("{open} swaps open, outside: {left:?}"))
    });
    victims.outcome(&swap, "done");
    let expected = signed(before) + signed(PUSHED) + swap.paid()
        - swap.amount()
        - Paid::by(maker, chain, since).cost();
    assert_eq!(signed(Purse::of(maker, chain).chain), expected);
}
