//! Sweeps of several swaps share a transaction, and a fee to the satoshi; one whose time runs out goes on alone.

use std::collections::BTreeSet;

use bitcoin::OutPoint;
use bitcoin::consensus::encode::serialize_hex;
use cambista_harness::market::USUAL;
use cambista_harness::swap::OnChain;
use cambista_harness::transaction::{Path, Seen, spend_in_mempool, wait_joint_spend};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Change, Market, MarketOptions, Node, Taken, Way};

use crate::at_once::add;
use crate::taker_killed::purses;

at_two_fee_rates!(
    three_outs_are_claimed_in_one_transaction,
    a_batch_that_was_stored_and_not_sent_goes_out_after_a_kill,
);

fn three_outs_are_claimed_in_one_transaction(fee_rate: u32) {
    let market = Market::direct(fee_rate);
    let before = purses(&market);
    let all =
        [300_000, 200_000, 150_000].map(|amount| Taken::take(&market.taker, Way::Out, amount, &[]));
    let outpoints = all.each_ref().map(|taken| {
        let (outpoint, _) = taken.wait_funding(&market.bitcoind);
        outpoint
    });
    market.mine(confirmations(&all));
    let batch = wait_joint_spend(&market.bitcoind, &outpoints, None);
    assert_eq!(batch.tx.output.len(), 1);
    let rate = market.fee_rate();
    // Cheaper than each by itself (111 vB), dear enough to be mined, and not above what the last replacement costs.
    assert!(batch.fee_sat >= batch.vsize * rate, "{batch:?}");
    assert!(batch.fee_sat < 3 * 111 * rate, "{batch:?}");
    market.mine(1);

    let mut wanted = [Change::default(); 2];
    for (taken, outpoint) in all.iter().zip(outpoints) {
        let seen = on_chain(&market, taken, outpoint);
        assert_eq!(seen.spend.txid, batch.txid);
        assert_eq!(seen.spend.path(outpoint), Path::Key);
        add(&mut wanted[0], taken.taker_change(&seen, 0, true));
        add(&mut wanted[1], taken.maker_change(&seen, 0));
    }
    before[0].assert_changed(&market.taker, &market.bitcoind, wanted[0]);
    before[1].assert_changed(&market.makers[0], &market.bitcoind, wanted[1]);
    market.mine(5);
    let mut paid = 0;
    for (taken, outpoint) in all.iter().zip(outpoints) {
        let share = batch.share_of(outpoint);
        assert!(share <= taken.quote.max_miner_fee_sat);
        let ended = taken.assert_outcome(&market.taker, "done");
        assert_eq!(ended["cost"]["miner_fee_sat"], share, "{ended}");
        assert_eq!(ended["received_sat"], taken.quote.amount_sat - share);
        assert_eq!(ended["spend_txid"], batch.txid.to_string());
        taken.assert_outcome(&market.makers[0], "done");
        paid += share;
    }
    assert_eq!(paid, batch.fee_sat);
}

/// The second swap joins the sweep of the first. At that very moment the taker dies: the batch is stored, and nobody but
/// its own disk knows of it.
fn a_batch_that_was_stored_and_not_sent_goes_out_after_a_kill(fee_rate: u32) {
    let mut market = with_failpoints(fee_rate);
    let before = purses(&market);
    let first = Taken::take(&market.taker, Way::Out, 300_000, &[]);
    let (one, _) = first.wait_funding(&market.bitcoind);
    market.mine(first.quote.confirmations);
    let alone = wait_joint_spend(&market.bitcoind, &[one], None);
    assert_eq!((alone.vsize, alone.fee_sat), (111, 111 * market.fee_rate()));

    let second = Taken::take(&market.taker, Way::Out, 200_000, &[]);
    let (two, _) = second.wait_funding(&market.bitcoind);
    market.bitcoind.mine_only(&[two.txid.to_string()]);
    market.sync();
    market.mine_empty(second.quote.confirmations.saturating_sub(2));
    market
        .taker
        .failpoints()
        .arm(&["out payer change sweep-by-key after"]);
    if second.quote.confirmations > 1 {
        market.bitcoind.mine_only(&[]);
    }
    wait_dead(&mut market.taker);
    assert_eq!(spend_in_mempool(&market.bitcoind, one), Some(alone.txid));
    assert_eq!(spend_in_mempool(&market.bitcoind, two), None);

    market.taker.failpoints().arm(&[]);
    market.taker.restart();
    let batch = wait_joint_spend(&market.bitcoind, &[one, two], None);
    assert!(batch.fee_sat >= alone.fee_sat + batch.vsize, "{batch:?}");
    market.sync();
    market.mine(1);
    let mut wanted = [Change::default(); 2];
    for (taken, outpoint) in [(&first, one), (&second, two)] {
        let seen = on_chain(&market, taken, outpoint);
        assert_eq!(seen.spend.txid, batch.txid);
        add(&mut wanted[0], taken.taker_change(&seen, 0, true));
        add(&mut wanted[1], taken.maker_change(&seen, 0));
    }
    before[0].assert_changed(&market.taker, &market.bitcoind, wanted[0]);
    before[1].assert_changed(&market.makers[0], &market.bitcoind, wanted[1]);
    market.mine(5);
    for (taken, outpoint) in [(&first, one), (&second, two)] {
        let ended = taken.assert_outcome(&market.taker, "done");
        assert_eq!(ended["cost"]["miner_fee_sat"], batch.share_of(outpoint));
    }
}

/// Three swaps are swept together and no block takes them, because rates have risen beyond what their takers allow. The
/// one that was taken first comes near its deadline. The batch is bumped whole up to the limits; when the first one's
/// limit no longer binds, it goes on alone at the rate it needs, and the other two go on without it.
#[test]
fn the_swap_whose_deadline_is_near_leaves_the_others() {
    let mut market = Market::direct(3);
    let before = purses(&market);
    let first = Taken::take(&market.taker, Way::Out, 300_000, &[]);
    let (one, _) = first.wait_funding(&market.bitcoind);
    market.mine(first.quote.confirmations);
    let alone = wait_joint_spend(&market.bitcoind, &[one], None);
    // The others' time runs out later.
    market.mine_empty(20);
    assert_eq!(spend_in_mempool(&market.bitcoind, one), Some(alone.txid));
    let others = [200_000, 150_000].map(|sat| Taken::take(&market.taker, Way::Out, sat, &[]));
    let [two, three] = others.each_ref().map(|taken| {
        let (outpoint, _) = taken.wait_funding(&market.bitcoind);
        outpoint
    });
    let fundings: BTreeSet<String> = [two, three].map(|o| o.txid.to_string()).into();
    let fundings: Vec<String> = fundings.into_iter().collect();
    market.bitcoind.mine_only(&fundings);
    market.sync();
    market.mine_empty(confirmations(&others) - 1);
    let together = wait_joint_spend(&market.bitcoind, &[one, two, three], None);

    market.mine_empty_to_height(first.refund_height - 59);
    let risen = 40;
    at_rate(&mut market.taker, risen);
    let limits = |taken: &[Taken]| taken.iter().map(|t| t.quote.max_miner_fee_sat).sum::<u64>();
    let (own, theirs) = (first.quote.max_miner_fee_sat, limits(&others));
    let whole = wait_joint_spend(&market.bitcoind, &[one, two, three], Some(together.txid));
    assert_eq!(whole.fee_sat, own + theirs);
    assert!(whole.fee_sat < whole.vsize * u64::from(risen));

    market.mine_empty_to_height(first.refund_height - 41);
    let urgent = wait_joint_spend(&market.bitcoind, &[one], Some(whole.txid));
    assert_eq!(urgent.vsize, 111);
    assert_eq!(urgent.fee_sat, 111 * u64::from(risen));
    assert!(urgent.fee_sat >= whole.fee_sat + urgent.vsize);
    let rest = wait_joint_spend(&market.bitcoind, &[two, three], None);
    assert_eq!(rest.fee_sat, theirs);

    market.mine(1);
    let mut wanted = [Change::default(); 2];
    let swaps = [&first, &others[0], &others[1]];
    for (taken, outpoint) in swaps.into_iter().zip([one, two, three]) {
        let seen = on_chain(&market, taken, outpoint);
        add(&mut wanted[0], taken.taker_change(&seen, 0, true));
        add(&mut wanted[1], taken.maker_change(&seen, 0));
    }
    before[0].assert_changed(&market.taker, &market.bitcoind, wanted[0]);
    before[1].assert_changed(&market.makers[0], &market.bitcoind, wanted[1]);
    market.mine(5);
    for (taken, fee) in swaps.into_iter().zip([
        urgent.fee_sat,
        others[0].quote.max_miner_fee_sat,
        others[1].quote.max_miner_fee_sat,
    ]) {
        let ended = taken.assert_outcome(&market.taker, "done");
        assert_eq!(ended["cost"]["miner_fee_sat"], fee, "{ended}");
    }
}

/// One maker with a direct channel; both nodes die where they are told to.
fn with_failpoints(fee_rate: u32) -> Market {
    Market::start(&MarketOptions {
        failpoints: true,
        ..MarketOptions::new(fee_rate, &[USUAL])
    })
}

/// Waits until a node that was told to dies before it stores this change, and has it die once more when it has stored it.
/// Then it lives on.
#[track_caller]
pub(crate) fn dies_before_and_after(node: &mut Node, change: &str) {
    wait_dead(node);
    let stored = format!("{change} after");
    node.failpoints().arm(&[stored.as_str()]);
    // It may be dead again before it answers.
    node.launch();
    wait_dead(node);
    node.failpoints().arm(&[]);
    node.restart();
}

#[track_caller]
fn wait_dead(node: &mut Node) {
    let what = format!("{} to die", node.name());
    wait_for(&what, FOUND_AGAIN, || {
        let fell = node.fell();
        fell.then_some(()).ok_or_else(|| "it lives".to_owned())
    });
}

fn confirmations(all: &[Taken]) -> u32 {
    let most = all.iter().map(|taken| taken.quote.confirmations).max();
    most.unwrap()
}

/// Restarts the node at another fee rate.
fn at_rate(node: &mut Node, sat_per_vb: u32) {
    node.stop();
    node.set_fee_rate(sat_per_vb);
    node.restart();
}

/// The swap's transactions, when its sweep is in a block.
#[track_caller]
fn on_chain(market: &Market, taken: &Taken, outpoint: OutPoint) -> OnChain {
    OnChain {
        outpoint,
        funding: Seen::read(&market.bitcoind, outpoint.txid),
        spend: taken.confirmed_spend(&market.bitcoind, outpoint),
    }
}

/// A reorganisation puts another version of one swap's funding on the chain: what was swept with it is not there any more.
/// The other swap does not wait for it.
#[test]
fn an_output_that_is_gone_holds_up_nobody() {
    let mut market = Market::direct(3);
    let before = purses(&market);
    let sound = Taken::take(&market.taker, Way::Out, 300_000, &[]);
    let (one, _) = sound.wait_funding(&market.bitcoind);
    market.mine(sound.quote.confirmations);
    wait_joint_spend(&market.bitcoind, &[one], None);

    let moved = Taken::take(&market.taker, Way::Out, 200_000, &[]);
    let (first, cheap) = moved.wait_funding(&market.bitcoind);
    at_rate(&mut market.makers[0], 6);
    market.mine_empty(1);
    let (second, dear) = moved.wait_other_funding(&market.bitcoind, first);
    mine_this(&market, &cheap);
    market.mine_empty(moved.quote.confirmations - 1);
    let batch = wait_joint_spend(&market.bitcoind, &[one, first], None);

    let depth = moved.quote.confirmations;
    let fork = market.bitcoind.height() + 1 - depth;
    market.bitcoind.invalidate(fork);
    for _ in 0..depth {
        market.bitcoind.mine_only(&[]);
    }
    mine_this(&market, &dear);
    let alone = wait_joint_spend(&market.bitcoind, &[one], Some(batch.txid));
    assert_eq!(alone.vsize, 111);
    market.mine(depth - 1);
    let mut wanted = [Change::default(); 2];
    for (taken, outpoint) in [(&sound, one), (&moved, second)] {
        let seen = market.mine_until_claimed(taken, outpoint);
        assert_eq!(seen.spend.path(outpoint), Path::Key);
        assert!(seen.spend.fee_sat <= taken.quote.max_miner_fee_sat);
        add(&mut wanted[0], taken.taker_change(&seen, 0, true));
        add(&mut wanted[1], taken.maker_change(&seen, 0));
    }
    before[0].assert_changed(&market.taker, &market.bitcoind, wanted[0]);
    before[1].assert_changed(&market.makers[0], &market.bitcoind, wanted[1]);
    market.mine(5);
    for taken in [&sound, &moved] {
        taken.assert_outcome(&market.taker, "done");
        taken.assert_outcome(&market.makers[0], "done");
    }
}

/// A block of this transaction alone, whatever the mempool holds.
fn mine_this(market: &Market, seen: &Seen) {
    market.bitcoind.mine_only(&[serialize_hex(&seen.tx)]);
    market.sync();
}
