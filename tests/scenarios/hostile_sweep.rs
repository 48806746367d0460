//! A maker spoils what was swept together, and a receiver pins what is swept to it: nobody else waits, and no claim is late.

use std::collections::BTreeMap;

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{OutPoint, Transaction, Txid};
use cambista_harness::transaction::{
    Path, Seen, read_spend_in_mempool, spend_in_blocks, spend_in_mempool, wait_joint_spend,
    wait_spend,
};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Change, Purse};
use cambista_protocol::message::SwapRequest;

use crate::REVEAL_MARGIN;
use crate::adversary::chain::{self, Coin};
use crate::adversary::maker::{Agreed, FEE, Prey};
use crate::batched::dies_before_and_after;

pub(crate) const AMOUNT: u64 = 200_000;
/// The least a spend of one output by key path has (vB).
const ALONE: u64 = 111;

/// A swap of the taker's whose sweep is under way.
pub(crate) struct Sold {
    pub(crate) swap: Agreed,
    funding: Transaction,
    coin: Coin,
    pub(crate) outpoint: OutPoint,
}

/// Three sweeps share a transaction. A reorganisation as deep as the confirmations takes their fundings back, and on the
/// new branch the first input of one of them is spent elsewhere: that swap is lost, which nobody was promised against. The
/// two others are swept without it, whether the taker was there to see it or not, and also when it dies at that.
fn the_funding_of_one_is_spent_elsewhere_for_good(taker: Taker) {
    let mut prey = Prey::start_with(&[], taker == Taker::Dies);
    let before = Purse::of(&prey.taker, &prey.bitcoind);
    let sold = sell(&prey, 3, &[]);
    prey.mine(2);
    hand_over(&prey, &sold);
    let outpoints: Vec<OutPoint> = sold.iter().map(|one| one.outpoint).collect();
    let batch = wait_joint_spend(&prey.bitcoind, &outpoints, None);

    match taker {
        Taker::Awake => {}
        Taker::Asleep => prey.taker.kill9(),
        Taker::Dies => prey.taker.failpoints().arm(&[&format!("{LEFT} before")]),
    }
    let chain = &prey.bitcoind;
    chain.invalidate(chain.height() - 1);
    let elsewhere = chain::pay(chain, std::slice::from_ref(&sold[1].coin), &[], 20_000);
    let others = [&sold[0], &sold[2]];
    let mut block = vec![serialize_hex(&elsewhere)];
    block.extend(others.iter().map(|one| serialize_hex(&one.funding)));
    chain.mine_only(&block);
    chain.mine_only(&[]);
    chain.mine_only(&[]);
    assert!(chain::try_send(chain, &sold[1].funding).is_err());
    match taker {
        Taker::Awake => {}
        Taker::Asleep => prey.taker.restart(),
        Taker::Dies => dies_before_and_after(&mut prey.taker, LEFT),
    }
    prey.sync();

    let rest: Vec<OutPoint> = others.iter().map(|one| one.outpoint).collect();
    let without = wait_joint_spend(&prey.bitcoind, &rest, None);
    // No more than replacing the batch costs, in whatever mempool it may still be.
    assert!(without.fee_sat <= batch.fee_sat + 2 * without.vsize);
    prey.mine(1);
    let received = received(&prey, &rest);
    assert_eq!(received, 2 * AMOUNT - without.fee_sat);
    let change = Change {
        lightning: -i64::try_from(3 * (AMOUNT + FEE)).unwrap(),
        chain: i64::try_from(received).unwrap(),
    };
    before.assert_changed(&prey.taker, &prey.bitcoind, change);
    prey.mine(6);
    for one in others {
        assert_outcome(&prey, &one.swap, "done");
    }
    // The loss is not passed over in silence.
    assert_outcome(&prey, &sold[1].swap, "lost");
    before.assert_changed(&prey.taker, &prey.bitcoind, change);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Taker {
    Awake,
    /// From before the reorganisation until after it.
    Asleep,
    /// Before it stores the sweep of the others, and once more after.
    Dies,
}

const LEFT: &str = "node change batch-left";

#[test]
fn a_poisoned_input_leaves_the_others_alone() {
    the_funding_of_one_is_spent_elsewhere_for_good(Taker::Awake);
}

#[test]
fn a_taker_that_dies_when_it_leaves_a_poisoned_input_behind_sweeps_the_others() {
    the_funding_of_one_is_spent_elsewhere_for_good(Taker::Dies);
}

#[test]
fn an_input_poisoned_while_the_taker_was_away_leaves_the_others_alone() {
    the_funding_of_one_is_spent_elsewhere_for_good(Taker::Asleep);
}

/// No block takes what was swept together until T of one of them, and its maker takes that one back. What it throws out of
/// the mempool with its refund is that swap's claim; the other swaps' claims are in a block right after it.
#[test]
fn a_refund_of_one_at_t_does_not_hold_up_the_others() {
    let prey = Prey::start(&[]);
    let (maker, chain) = (&prey.maker, &prey.bitcoind);
    let before = Purse::of(&prey.taker, chain);
    let dear = ["--max-miner-fee", "60000"];
    let early = sell(&prey, 1, &dear);
    prey.mine(2);
    hand_over(&prey, &early);
    wait_joint_spend(&prey.bitcoind, &[early[0].outpoint], None);
    mine_empty(&prey, 12);
    let late = sell(&prey, 2, &dear);
    let fundings: Vec<String> = late.iter().map(|one| serialize_hex(&one.funding)).collect();
    chain.mine_only(&fundings);
    mine_empty(&prey, 1);
    hand_over(&prey, &late);
    let rest: Vec<OutPoint> = late.iter().map(|one| one.outpoint).collect();
    wait_joint_spend(&prey.bitcoind, &[early[0].outpoint, rest[0], rest[1]], None);

    let (swap, outpoint) = (&early[0].swap, early[0].outpoint);
    mine_empty(&prey, swap.refund_height - chain.height());
    let bid = wait_spend(chain, outpoint);
    let output = (outpoint, bitcoin::Amount::from_sat(AMOUNT));
    let rate = bid.fee_sat / ALONE * 2 + 20;
    let refund = chain::spend(chain, &swap.contract, output, swap.by_refund(), rate);
    chain::send(chain, &refund);
    chain::mine_alone(chain, &refund).unwrap();
    prey.sync();
    // Their own deadlines are near as well: each goes on alone.
    for outpoint in &rest {
        wait_joint_spend(&prey.bitcoind, &[*outpoint], None);
    }
    prey.mine(1);
    let received = received(&prey, &rest);
    assert_eq!(spend_in_blocks(chain, outpoint, 4).unwrap().tx, refund);
    let change = Change {
        lightning: -i64::try_from(3 * (AMOUNT + FEE)).unwrap(),
        chain: i64::try_from(received).unwrap(),
    };
    before.assert_changed(&prey.taker, chain, change);
    prey.mine(6);
    for one in &late {
        assert_outcome(&prey, &one.swap, "done");
    }
    assert_outcome(&prey, swap, "lost");
    assert!(maker.knows_preimage(swap.id).is_some());
}

/// A sweep to a foreign address travels alone and is of version 3: whoever owns the address can hang neither a large child,
/// nor two, nor a child of a child on it. One of 1000 vB is left to it, at a rate below what a block takes. The user's
/// limit does not pay for that child; from T - 42 on it binds no more, and the claim bids until it is in.
#[test]
fn a_sweep_pinned_by_its_receiver_is_claimed_long_before_t() {
    let mut prey = Prey::start(&[]);
    let before = Purse::of(&prey.taker, &prey.bitcoind);
    let address = prey.bitcoind.new_address();
    let sold = sell(&prey, 1, &[&address]);
    // Another swap's sweep could join, were it not for the foreign address.
    let own = sell(&prey, 1, &[]);
    prey.mine(2);
    hand_over(&prey, &sold);
    hand_over(&prey, &own);
    let (outpoint, t) = (sold[0].outpoint, sold[0].swap.refund_height);
    let sweep = wait_joint_spend(&prey.bitcoind, &[outpoint], None);
    let of_own = wait_joint_spend(&prey.bitcoind, &[own[0].outpoint], None);
    assert_eq!((sweep.tx.version.0, of_own.tx.version.0), (3, 2));
    prey.bitcoind.mine_only(&[of_own.txid.to_string()]);
    prey.sync();

    let chain = &prey.bitcoind;
    let swept = Coin {
        outpoint: OutPoint::new(sweep.txid, 0),
        value: sweep.tx.output[0].value,
    };
    let rich = chain::coins(chain, 1).remove(0);
    let refused = |tx: &Transaction| {
        let why = chain::try_send(chain, tx).unwrap_err();
        assert!(why.to_lowercase().contains("truc"), "{why}");
    };
    let large = [swept.clone(), rich];
    for version in [2, 3] {
        let child = chain::padded(chain, &large, version, 99_000, 99_000);
        assert!((90_000..100_000).contains(&child.vsize()));
        refused(&child);
    }
    refused(&chain::padded(chain, &large, 3, 1_100, 1_200));
    let pin = chain::padded(chain, &[swept], 3, 990, PIN);
    assert!((950..=1_000).contains(&pin.vsize()), "{}", pin.vsize());
    let child = Coin {
        outpoint: OutPoint::new(chain::send(chain, &pin), 0),
        value: pin.output[0].value,
    };
    refused(&chain::padded(chain, &[child], 3, 200, 500));

    // Blocks take four times what the child brings the two of them to.
    let needed = 160;
    prey.taker.stop();
    prey.taker.set_fee_rate(needed);
    prey.taker.restart();
    let chain = &prey.bitcoind;
    let lifted = t - REVEAL_MARGIN;
    while chain.height() < lifted {
        mine_empty(&prey, (lifted - chain.height()).min(6));
        assert_eq!(spend_in_mempool(chain, outpoint), Some(sweep.txid));
    }
    let mut blocks = 0;
    let claim = loop {
        let refused = refusals(&prey);
        mine_empty(&prey, 1);
        blocks += 1;
        assert!(blocks <= REVEAL_MARGIN / 2, "pinned until too close to T");
        let bid = wait_bid(&prey, outpoint, sweep.txid, refused);
        if let Some(claim) = bid.filter(|bid| bid.fee_sat >= ALONE * u64::from(needed)) {
            break claim;
        }
    };
    println!(
        "{blocks} blocks after the limit was lifted {} sat bid",
        claim.fee_sat
    );
    assert_eq!(claim.path(outpoint), Path::Key);
    let least = sweep.fee_sat + PIN + claim.vsize;
    // The last bid that was too low, and half as much again.
    let most = (least * 3 / 2).max(claim.vsize * u64::from(needed) * 11 / 10);
    assert!((least..=most).contains(&claim.fee_sat), "{claim:?}");
    assert_eq!(spend_in_mempool(chain, OutPoint::new(sweep.txid, 0)), None);
    prey.mine(1);
    let paid = spend_in_blocks(chain, outpoint, 2).expect("the claim in a block");
    assert_eq!(paid.txid, claim.txid);
    assert!(chain.height() < t - REVEAL_MARGIN / 2);
    let to = paid.tx.output[0].clone();
    let arrived = chain
        .rpc("gettxout", serde_json::json!([paid.txid, 0]))
        .unwrap();
    assert_eq!(arrived["scriptPubKey"]["address"], address.as_str());
    assert_eq!(to.value.to_sat() + paid.fee_sat, AMOUNT);
    let change = Change {
        lightning: -i64::try_from(2 * (AMOUNT + FEE)).unwrap(),
        chain: i64::try_from(of_own.only_output()).unwrap(),
    };
    before.assert_changed(&prey.taker, chain, change);
    prey.mine(6);
    assert_outcome(&prey, &sold[0].swap, "done");
}

/// What the receiver's child pays its miner (sat).
const PIN: u64 = 39_000;

/// So many swaps the taker takes of the maker, funded; nothing of it is in a block.
pub(crate) fn sell(prey: &Prey, n: usize, more: &[&str]) -> Vec<Sold> {
    let (maker, amount) = (&prey.maker, AMOUNT.to_string());
    let coins = chain::coins(&prey.bitcoind, n);
    let sold = coins.into_iter().map(|coin| {
        let mut args = vec!["out", amount.as_str()];
        args.extend(more);
        args.extend(["--yes", "--detach"]);
        prey.taker.cli(&args);
        let swap = maker.last();
        maker.wait_held(&swap);
        let output = (swap.contract.script_pubkey(), AMOUNT);
        let funding = chain::pay(
            &prey.bitcoind,
            std::slice::from_ref(&coin),
            &[output],
            1_000,
        );
        chain::send(&prey.bitcoind, &funding);
        maker.tell_funded(&swap, &funding);
        let (outpoint, _) = chain::output_of(&funding, &swap.contract);
        Sold {
            swap,
            funding,
            coin,
            outpoint,
        }
    });
    sold.collect()
}

/// The maker takes what it is paid and hands its keys over.
pub(crate) fn hand_over(prey: &Prey, sold: &[Sold]) {
    let maker = &prey.maker;
    for Sold { swap, .. } in sold {
        let preimage = maker.wait_preimage(swap);
        maker.own.claim(preimage);
        maker.own.claim(swap.prepay);
        let secret = swap.internal.expose().secret_bytes();
        let swap_id = swap.id;
        maker.tell(swap, &SwapRequest::Key { swap_id, secret });
    }
}

/// Mines blocks that leave the mempool where it is.
pub(crate) fn mine_empty(prey: &Prey, n: u32) {
    for _ in 0..n {
        prey.bitcoind.mine_only(&[]);
        prey.taker.wait_height(prey.bitcoind.height());
    }
    prey.sync();
}

/// Another spend of this than the known one, if the node bids successfully for this block; before it, this many bids of it were
/// refused.
fn wait_bid(prey: &Prey, outpoint: OutPoint, known: Txid, refused: usize) -> Option<Seen> {
    wait_for("a bid, taken or refused", FOUND_AGAIN, || {
        let bid = read_spend_in_mempool(&prey.bitcoind, outpoint)?;
        match bid.txid != known {
            true => Ok(Some(bid)),
            false if refusals(prey) > refused => Ok(None),
            false => Err(format!("at height {}", prey.bitcoind.height())),
        }
    })
}

/// How many bids of the taker's were refused, as its log has it.
fn refusals(prey: &Prey) -> usize {
    let log = std::fs::read_to_string(prey.taker.dir().join("node.log")).unwrap();
    log.matches("a spend was not taken by the mempool").count()
}

/// What the confirmed sweeps of these bring the taker (sat).
#[track_caller]
fn received(prey: &Prey, outpoints: &[OutPoint]) -> u64 {
    let spends: BTreeMap<Txid, Seen> = outpoints
        .iter()
        .map(|outpoint| {
            let seen = spend_in_blocks(&prey.bitcoind, *outpoint, 4).expect("a sweep in a block");
            assert_eq!(seen.path(*outpoint), Path::Key);
            (seen.txid, seen)
        })
        .collect();
    let outputs = spends.values().flat_map(|seen| &seen.tx.output);
    outputs.map(|output| output.value.to_sat()).sum()
}

/// Waits until the taker says that the swap ended so.
#[track_caller]
pub(crate) fn assert_outcome(prey: &Prey, swap: &Agreed, outcome: &str) {
    let hash = cambista_protocol::words::SwapId(swap.payer.payment_hash).to_string();
    wait_for(&format!("a swap to end as {outcome}"), FOUND_AGAIN, || {
        let list = prey.taker.api_get("/swaps");
        let mut swaps = list["swaps"].as_array().unwrap().iter();
        let found = swaps.find(|seen| seen["payment_hash"] == hash);
        let found = found.expect("the swap");
        (found["outcome"] == outcome)
            .then_some(())
            .ok_or_else(|| found.to_string())
    });
}
