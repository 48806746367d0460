//! R counts from the moment the coins are out, and wherever it shows.

use cambista_harness::Purse;
use cambista_harness::transaction::{Path, spend_in_blocks};

use super::{BURIED, assert_over, funded, pay, take, wait_spend};
use crate::adversary::chain;
use crate::adversary::prey::Prey;

/// Told before its payment, shown in a claim in the mempool, in a block nobody saw coming, and in a block instead of the refund. No
/// maker of these ever hands its key over.
#[test]
fn r_told_early_or_shown_late_pays_the_taker_in_full() {
    let prey = Prey::start_in();
    let (payer, chain) = (&prey.maker.payer, &prey.bitcoind);
    let before = Purse::of(&prey.taker, chain);

    // Of no use to the taker before anything is paid, and no reason to stop.
    let early = take(&prey);
    payer.tell_preimage(&early, early.preimage32());
    pay(&prey, &early);
    let early_funded = payer.wait_funded(chain, &early);
    // Told again while the funding is in no block: the taker is paid at once.
    payer.tell_preimage(&early, early.preimage32());
    let key = payer.wait_key(&early);
    assert_eq!(key.public_key(), early.funder.internal_key);
    assert_paid(&prey, &before, early.paid());

    let (mempool, mempool_funded) = funded(&prey);
    let (block, block_funded) = funded(&prey);
    let (late, late_funded) = funded(&prey);
    prey.mine(1);
    chain::send(chain, &mempool.claim(chain, &mempool_funded, 2));
    payer.wait_key(&mempool);
    assert_paid(&prey, &before, early.paid() + mempool.paid());
    chain::mine_alone(chain, &block.claim(chain, &block_funded, 2)).unwrap();
    prey.sync();
    payer.wait_key(&block);
    prey.mine(1);
    chain::send(chain, &early.claim(chain, &early_funded, 2));

    prey.mine_to_height(late.contract.refund_height());
    let refund = wait_spend(&prey, &late_funded);
    assert_eq!(refund.path(late_funded.outpoint), Path::Refund);
    chain::mine_alone(chain, &late.claim(chain, &late_funded, 2)).unwrap();
    prey.sync();
    payer.wait_key(&late);
    prey.mine(BURIED);
    let all = [
        (&early, &early_funded),
        (&mempool, &mempool_funded),
        (&block, &block_funded),
        (&late, &late_funded),
    ];
    let (mut paid, mut spent) = (0, 0);
    for (swap, funding) in all {
        let claim = spend_in_blocks(chain, funding.outpoint, 200).expect("the claim");
        assert_eq!(claim.path(funding.outpoint), Path::Claim);
        swap.outcome(&prey.taker, "done");
        paid += swap.paid();
        spent += swap.amount() + funding.fee;
    }
    assert_over(&prey, &before, paid, -spent);
}

/// The taker has so much more over Lightning, whatever of the chain is in a block already.
#[track_caller]
fn assert_paid(prey: &super::InPrey, before: &Purse, lightning: i64) {
    let chain = before.change_to(&Purse::of(&prey.taker, &prey.bitcoind));
    let chain = chain.expect("the same channel").chain;
    let change = cambista_harness::Change { lightning, chain };
    before.assert_changed(&prey.taker, &prey.bitcoind, change);
}
