//! A taker pays, and then tells, publishes or hands over what it should not, or not when it should: the maker is paid or has
//! its coins back.

use bitcoin::OutPoint;
use cambista_harness::transaction::{Path, spend_in_blocks, wait_spend};

use crate::adversary::payer::{Bought, Funded, Victims};
use crate::adversary::{blocks, chain, not_r};

const AMOUNT: u64 = 100_000;

/// R of another length hashes to H as well; the contract takes 32 bytes only. Nothing that is told instead of R, and no key
/// that is not the agreed one, makes the maker do anything but take its coins back at T and keep the prepay.
#[test]
fn what_is_not_r_and_not_the_key_takes_nothing_from_a_maker() {
    let victims = Victims::start(1, &[]);
    let (maker, payer, chain) = (&victims.makers[0], &victims.payer, &victims.bitcoind);
    let before = victims.purse();
    let mut swaps: Vec<(Bought, Funded)> = Vec::new();
    for preimage in not_r::preimages() {
        let swap = victims.agree_on(maker, AMOUNT, preimage);
        payer.pay(&swap);
        let funded = victims.wait_funded(&swap);
        swaps.push((swap, funded));
        victims.mine(1);
    }
    victims.mine(2);
    not_r::tell_all(payer, chain, &swaps);
    let last = swaps.iter().map(|(swap, _)| swap.contract.refund_height());
    victims.mine_to_height(last.max().unwrap() + 2);
    let outpoints: Vec<OutPoint> = swaps.iter().map(|(_, funded)| funded.outpoint).collect();
    blocks::with_spends(chain, &outpoints, || victims.mine(1));
    let (mut lightning, mut fees) = (0, 0);
    for (swap, funded) in &swaps {
        let refund = spend_in_blocks(chain, funded.outpoint, 30).unwrap();
        assert_eq!(refund.path(funded.outpoint), Path::Refund);
        lightning += swap.prepay();
        fees += funded.fee + i64::try_from(refund.fee_sat).unwrap();
    }
    victims.mine(6);
    for (swap, _) in &swaps {
        victims.outcome(swap, "prepay_kept");
    }
    victims.assert_changed(&before, lightning, -fees);
}

/// R counts from the moment the coins are out, and wherever it shows.
#[test]
fn r_told_early_or_shown_late_pays_the_maker_in_full() {
    let victims = Victims::start(1, &[]);
    let (payer, chain) = (&victims.payer, &victims.bitcoind);
    let before = victims.purse();

    // Told before anything is paid: of no use to the maker, and no reason to stop.
    let early = victims.agree(AMOUNT);
    payer.tell_preimage(&early, early.preimage32());
    payer.pay(&early);
    let early_funded = victims.wait_funded(&early);
    // Told again while the funding is in no block: the maker is paid at once and hands its key over.
    payer.tell_preimage(&early, early.preimage32());
    assert_eq!(
        payer.wait_key(&early).public_key(),
        early.funder.internal_key
    );
    victims.assert_changed(&before, early.paid(), 0);

    // Shown in the mempool and nowhere else.
    let (mempool, mempool_funded) = victims.funded(AMOUNT);
    let (late, late_funded) = {
        victims.mine(1);
        victims.funded(AMOUNT)
    };
    victims.mine(1);
    chain::send(chain, &victims.claim(&mempool, &mempool_funded, 2));
    assert_eq!(
        payer.wait_key(&mempool).public_key(),
        mempool.funder.internal_key
    );
    let paid = early.paid() + mempool.paid();
    let costs = |swap: &Bought, funded: &Funded| -(swap.amount() + funded.fee);
    let spent = costs(&early, &early_funded)
        + costs(&mempool, &mempool_funded)
        + costs(&late, &late_funded);
    victims.assert_changed(&before, paid, spent);

    // Kept until the maker takes its coins back at T, and shown in a block that the mempool knew nothing of.
    victims.mine_to_height(late.contract.refund_height());
    let refund = wait_spend(chain, late_funded.outpoint);
    assert_eq!(refund.path(late_funded.outpoint), Path::Refund);
    chain::mine_alone(chain, &victims.claim(&late, &late_funded, 2)).unwrap();
    victims.sync();
    assert_eq!(payer.wait_key(&late).public_key(), late.funder.internal_key);
    victims.mine(6);
    victims.outcome(&late, "done");
    victims.assert_changed(&before, paid + late.paid(), spent);
}

/// The claim races the refund after T, and replaces it with a higher fee before a block comes.
#[test]
fn a_claim_that_replaces_the_refund_after_t_pays_the_maker() {
    let victims = Victims::start(1, &[]);
    let chain = &victims.bitcoind;
    let before = victims.purse();
    let (swap, funded) = victims.funded(AMOUNT);
    victims.mine_to_height(swap.contract.refund_height());
    wait_spend(chain, funded.outpoint);
    chain::send(chain, &victims.claim(&swap, &funded, 50));
    victims.payer.wait_key(&swap);
    victims.mine(7);
    victims.outcome(&swap, "done");
    victims.assert_changed(&before, swap.paid(), -(swap.amount() + funded.fee));
}
