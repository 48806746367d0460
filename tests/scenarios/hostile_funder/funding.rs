//! The maker has paid, and the taker funds otherwise than it agreed, or says nothing any more.

use bitcoin::{OutPoint, Transaction};
use cambista_harness::transaction::{Path, Seen, spend_in_blocks, spend_in_mempool};
use cambista_harness::wait::{secs, wait_for};
use cambista_protocol::message::{RefusalCode, SwapReply};

use super::{AMOUNT, assert_over};
use crate::REVEAL_MARGIN;
use crate::adversary::chain;
use crate::adversary::funder::Sold;
use crate::adversary::payer::Victims;

/// What is so deep is final.
pub(super) const BURIED: u32 = 6;

/// A satoshi less, a satoshi more, dust, and nothing at all: the maker keeps R, and its key until it is too late to tell R. Its
/// payment is its own again as soon as the taker lets it go.
#[test]
fn nothing_but_the_agreed_value_makes_a_maker_tell_r() {
    let victims = Victims::start(1, &[]);
    let (maker, payer, chain) = (&victims.makers[0], &victims.payer, &victims.bitcoind);
    let before = victims.purse();
    let values = [Some(AMOUNT - 1), Some(AMOUNT + 1), Some(330), None];
    let swaps = values.map(|value| {
        let swap = payer.sell(maker, AMOUNT);
        let funding = value.map(|value| {
            let tx = swap.fund(chain, &[value]);
            let said = payer.tell_funding(&swap, &tx);
            assert!(
                matches!(&said, SwapReply::Refused(no) if no.code == RefusalCode::Terms),
                "{said:?}"
            );
            tx
        });
        (swap, funding)
    });
    let refund_height = |(swap, _): &(Sold, _)| swap.contract.refund_height();
    let first = swaps.iter().map(refund_height).min().unwrap();
    let last = swaps.iter().map(refund_height).max().unwrap();
    victims.mine_to_height(first - REVEAL_MARGIN);
    for (swap, _) in &swaps {
        assert_eq!(payer.knows_preimage(swap.id), None);
        assert!(payer.has_key(swap.id).is_none(), "it gave up too early");
    }
    victims.mine_to_height(last - REVEAL_MARGIN + 1);
    for (swap, funding) in &swaps {
        let key = payer.wait_payers_key(swap);
        // With both keys the taker takes back what it paid. Dust is not worth it.
        if let Some(tx) = funding
            .as_ref()
            .filter(|tx| tx.output[0].value.to_sat() > 330)
        {
            let output = chain::output(tx, 0);
            let back = chain::spend(chain, &swap.contract, output, swap.by_key(&key), 2);
            chain::send(chain, &back);
        }
        payer.own.fail(swap.hash());
    }
    victims.mine(BURIED);
    for (swap, _) in &swaps {
        swap.outcome(maker, "nothing_happened");
        assert_eq!(payer.knows_preimage(swap.id), None);
    }
    assert_over(&victims, &before, 0, 0);
}

/// Dust first, two outputs of SAT in one transaction, two transactions from other inputs, a funding whose parent waits for its
/// block too, and one that nobody tells of: R is told when each has its confirmations and not before, every claim brings SAT once,
/// less its fee, and what was too much goes home when the maker hands its key over. Whoever lets go of the payment for which R was
/// told has given its coins away.
#[test]
fn a_maker_claims_sat_once_however_the_taker_pays_it() {
    let victims = Victims::start(1, &[]);
    let (maker, payer, chain) = (&victims.makers[0], &victims.payer, &victims.bitcoind);
    let before = victims.purse();

    let dusty = payer.sell(maker, AMOUNT);
    dusty.fund(chain, &[330]);
    victims.mine(1);
    let dusty_tx = dusty.fund(chain, &[AMOUNT]);

    let twice = payer.sell(maker, AMOUNT);
    let twice_tx = twice.fund(chain, &[AMOUNT, AMOUNT]);
    told(&victims, &twice, &twice_tx);

    let again = payer.sell(maker, AMOUNT);
    let [first, second] = [(); 2].map(|()| {
        let tx = again.fund(chain, &[AMOUNT]);
        told(&victims, &again, &tx);
        chain::output(&tx, 0)
    });

    let child = payer.sell(maker, AMOUNT);
    let parent = chain::pay(chain, &chain::coins(chain, 1), &[], 300);
    chain::send(chain, &parent);
    let child_tx = chain::fund_from(
        chain,
        &child.contract,
        &[chain::first_coin(&parent)],
        &[AMOUNT],
    );
    told(&victims, &child, &child_tx);

    let silent = payer.sell(maker, AMOUNT);
    let silent_tx = silent.fund(chain, &[AMOUNT]);

    let swaps = [
        (&dusty, vec![chain::output(&dusty_tx, 0)]),
        (
            &twice,
            vec![chain::output(&twice_tx, 0), chain::output(&twice_tx, 1)],
        ),
        (&again, vec![first, second]),
        (&child, vec![chain::output(&child_tx, 0)]),
        (&silent, vec![chain::output(&silent_tx, 0)]),
    ];
    // A block that confirms none of them, and then all but the last confirmation.
    chain.mine_only(&[]);
    victims.sync();
    let confirmations = swaps.iter().map(|(swap, _)| swap.quote.confirmations);
    let confirmations = confirmations.max().unwrap();
    victims.mine(confirmations - 1);
    for (swap, outputs) in &swaps {
        assert_eq!(payer.knows_preimage(swap.id), None);
        for (outpoint, _) in outputs {
            assert_eq!(spend_in_mempool(chain, *outpoint), None);
        }
    }
    victims.mine(1);
    let mut paid = 0;
    for (swap, _) in &swaps {
        let preimage = payer.wait_preimage(swap);
        if swap.id != silent.id {
            payer.own.claim(preimage);
            paid += swap.paid();
        }
    }
    // The taker hands no key over, so every claim goes by the leaf, alone.
    let (mut received, mut spare) = (0, Vec::new());
    for (swap, outputs) in &swaps {
        let (outpoint, claim) = claimed_one_of(&victims, outputs.iter().map(|(at, _)| *at));
        received += claim.only_output();
        let rest = outputs.iter().filter(|(other, _)| *other != outpoint);
        spare.extend(rest.map(|output| ((*swap).clone(), *output)));
    }
    victims.mine(BURIED);
    for (swap, output) in spare {
        let key = payer.wait_payers_key(&swap);
        let back = chain::spend(chain, &swap.contract, output, swap.by_key(&key), 2);
        chain::send(chain, &back);
        victims.mine(1);
        let seen = spend_in_blocks(chain, output.0, 3).expect("the stray goes home");
        assert_eq!(seen.tx, back);
    }
    payer.own.fail(silent.hash());
    for (swap, _) in &swaps {
        swap.outcome(maker, "done");
    }
    let received = i64::try_from(received).unwrap();
    assert_over(&victims, &before, -paid, received);
}

/// The funding is told and seen, and its first input is spent elsewhere before a block comes.
#[test]
fn a_taker_that_double_spends_its_funding_gets_the_key_and_never_r() {
    let victims = Victims::start(1, &[]);
    let (maker, payer, chain) = (&victims.makers[0], &victims.payer, &victims.bitcoind);
    let before = victims.purse();
    let swap = payer.sell(maker, AMOUNT);
    let coins = chain::coins(chain, 1);
    let funding = chain::fund_from(chain, &swap.contract, &coins, &[AMOUNT]);
    told(&victims, &swap, &funding);
    swap.wait_seen(maker);
    let elsewhere = chain::pay(chain, &coins, &[], 10_000);
    chain::send(chain, &elsewhere);
    victims.mine(BURIED - 1);
    assert!(payer.has_key(swap.id).is_none(), "it gave up too early");
    victims.mine(1);
    payer.wait_payers_key(&swap);
    payer.own.fail(swap.hash());
    swap.outcome(maker, "taken_back");
    assert_eq!(payer.knows_preimage(swap.id), None);
    assert!(swap.contract.refund_height() - REVEAL_MARGIN > chain.height());
    assert_over(&victims, &before, 0, 0);
}

/// Tells the maker of what is its funding.
#[track_caller]
fn told(victims: &Victims, swap: &Sold, funding: &Transaction) {
    let said = victims.payer.tell_funding(swap, funding);
    assert_eq!(said, SwapReply::Ack);
}

/// Mines until a claim of this output is in a block.
#[track_caller]
pub(super) fn claimed(victims: &Victims, outpoint: OutPoint) -> Seen {
    claimed_one_of(victims, std::iter::once(outpoint)).1
}

/// Mines until a claim of one of these outputs is in a block. It goes by the leaf and brings the maker SAT less its fee.
#[track_caller]
fn claimed_one_of(
    victims: &Victims,
    outputs: impl Iterator<Item = OutPoint> + Clone,
) -> (OutPoint, Seen) {
    let chain = &victims.bitcoind;
    let (outpoint, claim) = wait_for("the claim in a block", secs(60), || {
        let found = outputs
            .clone()
            .find_map(|outpoint| spend_in_blocks(chain, outpoint, 20).map(|seen| (outpoint, seen)));
        if found.is_none() {
            victims.mine(1);
        }
        found.ok_or_else(|| format!("at height {}", chain.height()))
    });
    assert_eq!(claim.path(outpoint), Path::Claim);
    assert_eq!(claim.only_output(), AMOUNT - claim.fee_sat);
    (outpoint, claim)
}
