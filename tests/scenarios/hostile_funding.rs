//! A maker funds otherwise than it agreed, or not at all: the taker never tells R for what is not the agreed output, and gets
//! exactly SAT for what is.

use bitcoin::Transaction;
use cambista_harness::transaction::{Path, Seen, spend_in_blocks};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Change, Purse};
use cambista_protocol::message::{SwapReply, SwapRequest};

use crate::REVEAL_MARGIN;
use crate::adversary::chain;
use crate::adversary::maker::{Agreed, DELTA, FEE, PREPAY, Prey};
use crate::adversary::random;

const AMOUNT: u64 = 200_000;

/// A satoshi less, a satoshi more, dust, and nothing at all. The maker that funded nothing does not give the payment back
/// either: it comes back when its own deadline makes it.
#[test]
fn nothing_but_the_agreed_value_makes_a_taker_tell_r() {
    let prey = Prey::start(&[]);
    let (maker, chain) = (&prey.maker, &prey.bitcoind);
    let before = Purse::of(&prey.taker, chain);
    let mut outputs = Vec::new();
    let mut swaps = Vec::new();
    for value in [Some(AMOUNT - 1), Some(AMOUNT + 1), Some(330), None] {
        let swap = take(&prey);
        maker.wait_held(&swap);
        if let Some(value) = value {
            let tx = fund(&prey, &swap, &[value]);
            let said = maker.tell_funded(&swap, &tx);
            assert!(matches!(said, SwapReply::Refused(_)), "{said:?}");
            outputs.push((swap.clone(), chain::output(&tx, 0)));
        }
        swaps.push(swap);
    }
    let last = swaps.iter().map(|swap| swap.refund_height).min().unwrap() - REVEAL_MARGIN;
    prey.mine_to_height(last);
    for swap in &swaps {
        assert_eq!(maker.knows_preimage(swap.id), None);
        assert!(maker.has_key(swap.id).is_none(), "it gave up too early");
    }
    prey.mine(8);
    for swap in &swaps {
        maker.wait_key(swap);
    }
    // With both keys the maker takes back what it paid.
    for (swap, (outpoint, value)) in &outputs[..2] {
        let key = maker.wait_key(swap);
        let back = chain::spend(
            chain,
            &swap.contract,
            (*outpoint, *value),
            swap.by_key(&key),
            2,
        );
        chain::send(chain, &back);
    }
    for swap in &swaps[..3] {
        maker.settle(swap, true);
    }
    let kept = i64::try_from(3 * PREPAY).unwrap();
    let silent = &swaps[3];
    maker.own.claim(silent.prepay);
    prey.mine_to_height(maker.own.deadline() + 1);
    assert_eq!(maker.knows_preimage(silent.id), None);
    let change = Change {
        lightning: -kept - i64::try_from(PREPAY).unwrap(),
        chain: 0,
    };
    before.assert_changed(&prey.taker, chain, change);
    wait_for("every swap to be over", FOUND_AGAIN, || {
        let open = prey.taker.status()["open_swaps"].clone();
        if open == 0 {
            Ok(())
        } else {
            Err(open.to_string())
        }
    });
}

/// Two outputs of SAT in one transaction, two transactions from other inputs, dust of a stranger's first, and a funding whose
/// parent waits for its block too: each swap brings SAT once, less the claim's fee, and what was too much goes home when the
/// taker hands its key over.
#[test]
fn a_taker_claims_sat_once_however_the_maker_pays_it() {
    let prey = Prey::start(&[]);
    let (maker, chain) = (&prey.maker, &prey.bitcoind);
    let before = Purse::of(&prey.taker, chain);

    let twice = take(&prey);
    maker.wait_held(&twice);
    let tx = fund(&prey, &twice, &[AMOUNT, AMOUNT]);
    maker.tell_funded(&twice, &tx);
    let twice_outputs = vec![chain::output(&tx, 0), chain::output(&tx, 1)];

    let again = take(&prey);
    maker.wait_held(&again);
    let [first, second] = [(); 2].map(|()| {
        let tx = fund(&prey, &again, &[AMOUNT]);
        maker.tell_funded(&again, &tx);
        chain::output(&tx, 0)
    });

    let dusty = take(&prey);
    maker.wait_held(&dusty);
    fund(&prey, &dusty, &[330]);
    prey.mine(1);
    let dusty_tx = fund(&prey, &dusty, &[AMOUNT]);

    let child = take(&prey);
    maker.wait_held(&child);
    let coins = chain::coins(chain, 1);
    let parent = chain::pay(chain, &coins, &[], 300);
    chain::send(chain, &parent);
    let child_tx = chain::fund_from(
        chain,
        &child.contract,
        &[chain::first_coin(&parent)],
        &[AMOUNT],
    );
    maker.tell_funded(&child, &child_tx);

    let swaps = [
        (&twice, twice_outputs),
        (&again, vec![first, second]),
        (&dusty, vec![chain::output(&dusty_tx, 0)]),
        (&child, vec![chain::output(&child_tx, 0)]),
    ];
    // Two confirmations, as for every first swap with a maker. Nothing is told before.
    prey.mine(1);
    assert_eq!(maker.knows_preimage(child.id), None);
    prey.mine(1);
    for (swap, _) in &swaps {
        let preimage = maker.wait_preimage(swap);
        maker.own.claim(preimage);
        maker.own.claim(swap.prepay);
    }
    // It hands no key over, so every claim goes by the leaf, alone.
    let (mut received, mut spare) = (0, Vec::new());
    for (swap, outputs) in &swaps {
        let spend = wait_for("the claim in a block", FOUND_AGAIN, || {
            prey.mine(1);
            let found = outputs.iter().find_map(|(outpoint, _)| {
                spend_in_blocks(chain, *outpoint, 20).map(|seen| (*outpoint, seen))
            });
            found.ok_or_else(|| format!("at height {}", chain.height()))
        });
        received += spend.1.only_output();
        assert_eq!(spend.1.only_output(), AMOUNT - spend.1.fee_sat);
        let rest = outputs.iter().filter(|(outpoint, _)| *outpoint != spend.0);
        spare.extend(rest.map(|output| ((*swap).clone(), *output)));
    }
    prey.mine(6);
    for (swap, (outpoint, value)) in spare {
        let key = maker.wait_key(&swap);
        let back = chain::spend(
            chain,
            &swap.contract,
            (outpoint, value),
            swap.by_key(&key),
            2,
        );
        chain::send(chain, &back);
        prey.mine(1);
        let seen: Seen = spend_in_blocks(chain, outpoint, 3).expect("the stray goes home");
        assert_eq!(seen.tx, back);
    }
    let paid = i64::try_from(4 * (AMOUNT + FEE)).unwrap();
    let change = Change {
        lightning: -paid,
        chain: i64::try_from(received).unwrap(),
    };
    before.assert_changed(&prey.taker, chain, change);
}

/// The funding is told and seen, and its first input is spent elsewhere before a block comes.
#[test]
fn a_funding_that_is_double_spent_ends_the_swap_and_r_is_never_told() {
    let prey = Prey::start(&[]);
    let (maker, chain) = (&prey.maker, &prey.bitcoind);
    let before = Purse::of(&prey.taker, chain);
    let swap = take(&prey);
    maker.wait_held(&swap);
    let coins = chain::coins(chain, 1);
    let funding = chain::fund_from(chain, &swap.contract, &coins, &[AMOUNT]);
    assert_eq!(maker.tell_funded(&swap, &funding), SwapReply::Ack);
    let elsewhere = chain::pay(chain, &coins, &[], 10_000);
    chain::send(chain, &elsewhere);
    prey.mine(6);
    let key = maker.wait_key(&swap);
    assert_eq!(maker.knows_preimage(swap.id), None);
    assert_eq!(key.public_key(), swap.payer.internal_key);
    maker.settle(&swap, false);
    before.assert_changed(&prey.taker, chain, Change::default());
    assert!(swap.refund_height > chain.height() + DELTA / 2);
}

/// The maker takes its coins back by the refund leaf at T although R is out, as soon as the claim is not in a block yet.
#[test]
fn a_claim_that_is_out_wins_against_a_refund_at_t() {
    let prey = Prey::start(&[]);
    let (maker, chain) = (&prey.maker, &prey.bitcoind);
    let before = Purse::of(&prey.taker, chain);
    let swap = take(&prey);
    maker.wait_held(&swap);
    let tx = fund(&prey, &swap, &[AMOUNT]);
    let (outpoint, value) = chain::output(&tx, 0);
    prey.mine(2);
    let preimage = maker.wait_preimage(&swap);
    // Paid, and no key handed over but one that is none: the leaf is all the taker has. Blocks leave the mempool where it is.
    maker.own.claim(preimage);
    maker.own.claim(swap.prepay);
    for secret in [random(), [0; 32], swap.refund.expose().secret_bytes()] {
        let swap_id = swap.id;
        maker.tell(&swap, &SwapRequest::Key { swap_id, secret });
    }
    while chain.height() < swap.refund_height {
        chain.mine_only(&[]);
        prey.sync();
    }
    let refund = chain::spend(
        chain,
        &swap.contract,
        (outpoint, value),
        swap.by_refund(),
        3,
    );
    let taken = chain::try_send(chain, &refund);
    assert!(taken.is_err(), "the claim bids less than {taken:?}");
    prey.mine(1);
    let claim = spend_in_blocks(chain, outpoint, 2).expect("the claim in a block");
    assert_eq!(claim.path(outpoint), Path::Claim);
    prey.mine(6);
    let change = Change {
        lightning: -i64::try_from(AMOUNT + FEE).unwrap(),
        chain: i64::try_from(claim.only_output()).unwrap(),
    };
    before.assert_changed(&prey.taker, chain, change);
}

/// It says that it will not fund, and funds all the same, in the hope that R is told for coins it has the key to by then. The
/// prepay it keeps is all it gets.
#[test]
fn a_maker_that_withdraws_and_funds_gets_the_key_and_never_r() {
    let prey = Prey::start(&[]);
    let (maker, chain) = (&prey.maker, &prey.bitcoind);
    let before = Purse::of(&prey.taker, chain);
    let swap = take(&prey);
    maker.wait_held(&swap);
    let swap_id = swap.id;
    let said = maker.tell(&swap, &SwapRequest::Withdraw { swap_id });
    assert_eq!(said, SwapReply::Ack);
    let key = maker.wait_key(&swap);
    let tx = fund(&prey, &swap, &[AMOUNT]);
    maker.tell_funded(&swap, &tx);
    prey.mine(8);
    assert_eq!(maker.knows_preimage(swap.id), None);
    let back = chain::spend(
        chain,
        &swap.contract,
        chain::output(&tx, 0),
        swap.by_key(&key),
        2,
    );
    chain::send(chain, &back);
    prey.mine(6);
    assert_eq!(maker.knows_preimage(swap.id), None);
    maker.settle(&swap, true);
    let lost = Change {
        lightning: -i64::try_from(PREPAY).unwrap(),
        chain: 0,
    };
    before.assert_changed(&prey.taker, chain, lost);
}

/// A swap the taker takes of the maker.
fn take(prey: &Prey) -> Agreed {
    let amount = AMOUNT.to_string();
    prey.taker.cli(&["out", &amount, "--yes", "--detach"]);
    prey.maker.last()
}

/// Pays the contract these values from a coin nothing else spends.
fn fund(prey: &Prey, swap: &Agreed, values: &[u64]) -> Transaction {
    chain::fund(&prey.bitcoind, &swap.contract, values)
}
