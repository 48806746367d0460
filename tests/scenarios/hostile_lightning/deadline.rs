//! No miner takes the maker's refund until Lightning gives the held payment back by itself.

use cambista_harness::swap::signed;
use cambista_harness::transaction::{Path, Seen, spend_in_blocks, wait_spend};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};

use crate::adversary::payer::{Bought, Funded, Victims};
use crate::adversary::{blocks, chain};

const AMOUNT: u64 = 100_000;
/// Lightning gives a held payment back so many blocks before its time lock ends.
pub(super) const FAIL_BACK: u32 = 39;
/// So deep a transaction is final.
pub(super) const BURIED: u32 = 6;

/// Two payers are silent until the maker's refunds are out, and no block takes these. The claim of one shows R in the very
/// last block before Lightning would give its payment back: the maker is paid. The other one stays silent: its payment goes
/// back by itself, its coins come back whenever a block takes the refund, and the prepay is the maker's.
#[test]
fn r_in_the_last_block_before_lightning_gives_up_pays_the_maker() {
    let victims = Victims::start(1, &[]);
    let (maker, chain) = (&victims.makers[0], &victims.bitcoind);
    let before = victims.purse();
    let mut swaps = [victims.funded(AMOUNT), victims.funded(AMOUNT)];
    victims.mine(2);
    let mine_empty_to =
        |height| blocks::empty_to_height(&victims.bitcoind, height, || victims.sync());
    // Each payment has a time lock of its own: Lightning draws a part of it.
    swaps.sort_by_key(|(swap, _)| deadline(&victims, swap));
    let [(shown, shown_funding), (silent, silent_funding)] = &swaps;
    let t = shown.contract.refund_height();
    victims.mine_to_height(t - 1);
    mine_empty_to(t);
    for funded in [shown_funding, silent_funding] {
        refund(&victims, funded);
    }

    let last = deadline(&victims, shown) - 1;
    assert!(last >= t + 18 + BURIED + 12 - 1, "the margins of a maker");
    mine_empty_to(last - 1);
    let claim = victims.claim(shown, shown_funding, 2);
    chain::mine_alone(chain, &claim).unwrap();
    victims.sync();
    assert_eq!(chain.height(), last);
    let key = victims.payer.wait_key(shown);
    assert_eq!(key.public_key(), shown.funder.internal_key);

    mine_empty_to(deadline(&victims, silent));
    wait_for("the silent payment back", FOUND_AGAIN, || {
        match victims.payer.own.lock_height(silent.terms.payment_hash) {
            None => Ok(()),
            Some(height) => Err(format!("locked until {height}")),
        }
    });
    refund(&victims, silent_funding);
    victims.mine(BURIED);
    let refunded = spend_in_blocks(chain, silent_funding.outpoint, BURIED).expect("the refund");
    victims.outcome(shown, "done");
    victims.outcome(silent, "prepay_kept");
    let fees = signed(refunded.fee_sat) + silent_funding.fee + shown_funding.fee;
    victims.assert_changed(
        &before,
        shown.paid() + silent.prepay(),
        -(shown.amount() + fees),
    );
    assert_eq!(maker.status()["open_swaps"], 0);
}

/// The height at which the maker's Lightning gives this payment back.
pub(super) fn deadline(victims: &Victims, swap: &Bought) -> u32 {
    let locked = victims.payer.own.lock_height(swap.terms.payment_hash);
    locked.expect("a payment under way") - FAIL_BACK
}

/// The maker's refund, in the mempool.
pub(super) fn refund(victims: &Victims, funded: &Funded) -> Seen {
    let seen = wait_spend(&victims.bitcoind, funded.outpoint);
    assert_eq!(seen.path(funded.outpoint), Path::Refund);
    seen
}
