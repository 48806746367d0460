//! What can become of a swap. Whatever can die dies at every step of it for the first time it gets there.

use bitcoin::{OutPoint, Txid};
use cambista_harness::swap::{OnChain, signed};
use cambista_harness::transaction::{Path, Seen, spend_in_mempool};
use cambista_harness::{Change, Way};

use crate::REVEAL_MARGIN;
use crate::at_once::add;

use super::world::{Case, FEE_RATE, FUND_WINDOW, REORG_DEPTH, Role, World, seen};

/// Longer after the refund height no payment is held.
const LONGEST_LOCK: u32 = 1_000;

/// A story and its name.
pub(super) type Story = (&'static str, fn(&mut World));

/// Those of a few blocks, and of the length of a swap.
pub(super) const USUAL: &[Story] = &[
    ("goes through", goes_through),
    ("the funding is bumped", bumped),
    (
        "the funding is reorganised away after the reveal",
        reorganised,
    ),
    ("two swaps share a sweep that is bumped", shared),
    ("the funder is gone when R comes", claimed_alone),
    ("the payer calls it off", called_off_by_the_payer),
    ("the funder calls it off", called_off_by_the_funder),
    ("the funder sleeps on a built funding", slept),
    ("the funding cannot be paid for", impossible),
    ("the funding stays out too long", late),
    ("the payer is gone", refunded),
];

/// Of an `in` whose coins come from a wallet outside.
pub(super) const FROM_OUTSIDE: &[Story] = &[
    ("goes through", goes_through),
    (
        "the deposit is reorganised away after the reveal",
        reorganised,
    ),
    ("the funder is gone when R comes", claimed_alone),
];

/// Those that wait until Lightning's own time locks end.
pub(super) const RARE: &[Story] = &[("the payment expires", dropped)];

const fn amount(way: Way) -> u64 {
    match way {
        Way::Out => 150_000,
        Way::In => 60_000,
    }
}

/// From a funding in the mempool to the end.
fn finish(world: &mut World, case: &Case) {
    let (outpoint, _) = world.wait_funding(&case.taken);
    world.mine(case.taken.quote.confirmations);
    let chain = world.mine_until_spent(outpoint);
    assert_done(world, case, &chain);
}

/// Buries the claim, and checks what both sides have.
fn assert_done(world: &mut World, case: &Case, chain: &OnChain) {
    world.mine(REORG_DEPTH);
    world.wait_ended(&case.taken, "done");
    // The payer's key goes over last of all.
    world.wait_fired(Role::Payer, "effect say-key after");
    world.wait_fired(Role::Funder, "event peer-key after");
    let taker = if world.from_outside {
        Change {
            lightning: signed(case.taken.quote.amount_sat) - case.taken.quote.maker_fee_sat,
            chain: 0,
        }
    } else {
        case.taken.taker_change(chain, 0, true)
    };
    let maker = case.taken.maker_change(chain, 0);
    let (payer, funder) = match world.way {
        Way::Out => (taker, maker),
        Way::In => (maker, taker),
    };
    world.assert_changes(case, payer, funder);
}

/// The funder has its coins back. The prepay of an `out` is its own if the payer let the swap go.
fn assert_taken_back(world: &mut World, case: &Case, fees: u64, payers_fault: bool) {
    let costs = Change {
        lightning: 0,
        chain: -signed(fees),
    };
    if payers_fault && world.way == Way::Out {
        world.wait_ended(&case.taken, "prepay_kept");
        let prepay = signed(case.taken.quote.prepay_sat);
        let paid = Change {
            lightning: -prepay,
            chain: 0,
        };
        let kept = Change {
            lightning: prepay,
            ..costs
        };
        world.assert_changes(case, paid, kept);
    } else {
        world.wait_ended(&case.taken, "taken_back");
        world.assert_changes(case, Change::default(), costs);
    }
}

/// Nobody locked anything for good.
fn assert_nothing(world: &mut World, case: &Case) {
    world.wait_ended(&case.taken, "nothing_happened");
    world.assert_changes(case, Change::default(), Change::default());
    assert!(world.market.bitcoind.mempool().is_empty());
}

fn goes_through(world: &mut World) {
    let case = begin(world);
    finish(world, &case);
}

fn bumped(world: &mut World) {
    let case = begin(world);
    let (first, _) = world.wait_funding(&case.taken);
    wait_both(world, "event output-seen after");
    world.take_away(Role::Funder);
    world.set_fee_rate(Role::Funder, FEE_RATE + 2);
    world.bring_back(Role::Funder);
    world.mine_empty(1);
    world.wait("another funding", |world| {
        let chain = &world.market.bitcoind;
        let waiting = chain.mempool();
        let replaced = !waiting.contains(&first.txid) && !waiting.is_empty();
        replaced.then_some(()).ok_or_else(|| format!("{waiting:?}"))
    });
    world.wait_fired(Role::Funder, "event funding-bumped after");
    finish(world, &case);
    reset_fee_rate(world);
}

/// Unconfirmed transactions are seen by whoever looks before they are in a block: no block is mined until both have.
fn wait_both(world: &mut World, rest: &str) {
    for role in [Role::Payer, Role::Funder] {
        world.wait_fired(role, rest);
    }
}

fn reset_fee_rate(world: &mut World) {
    world.settle();
    world.set_fee_rate(Role::Funder, FEE_RATE);
}

fn reorganised(world: &mut World) {
    let case = begin(world);
    let (outpoint, _) = world.wait_funding(&case.taken);
    world.mine(case.taken.quote.confirmations);
    world.wait_spend(outpoint, None);
    wait_both(world, "event output-spent after");
    let depth = case.taken.quote.confirmations;
    let fork = world.market.bitcoind.height() + 1 - depth;
    world.market.bitcoind.invalidate(fork);
    for _ in 0..=depth {
        world.market.bitcoind.mine_only(&[]);
    }
    world.sync();
    world.wait_fired(Role::Payer, "event reorg after");
    world.wait_fired(Role::Funder, "event reorg after");
    finish(world, &case);
}

/// The second swap is confirmed while the first one's sweep waits.
fn shared(world: &mut World) {
    let case = begin(world);
    let (one, _) = world.wait_funding(&case.taken);
    world.mine(case.taken.quote.confirmations);
    world.wait_spend(one, None);
    let amount = amount(world.way);
    let second = world.take(amount);
    let (two, funding) = world.wait_funding(&second);
    let block = [funding.txid.to_string()];
    world.market.bitcoind.mine_only(&block);
    world.sync();
    world.mine_empty(second.quote.confirmations - 1);
    let batch = wait_together(world, one, two, None);
    world.take_away(Role::Payer);
    world.set_fee_rate(Role::Payer, FEE_RATE + 2);
    world.bring_back(Role::Payer);
    world.mine_empty(1);
    wait_together(world, one, two, Some(batch));
    world.wait_passed(Role::Payer, "node change batch-bumped after");

    let spend = world.mine_until_spent_in(one);
    world.mine(REORG_DEPTH);
    let mut changes = [Change::default(); 2];
    for (taken, outpoint) in [(&case.taken, one), (&second, two)] {
        world.wait_ended(taken, "done");
        let chain = OnChain {
            outpoint,
            funding: Seen::read(&world.market.bitcoind, outpoint.txid),
            spend: spend.clone(),
        };
        add(&mut changes[0], taken.taker_change(&chain, 0, true));
        add(&mut changes[1], taken.maker_change(&chain, 0));
    }
    if world.way == Way::In {
        changes.reverse();
    }
    world.settle();
    world.set_fee_rate(Role::Payer, FEE_RATE);
    world.assert_changes(&case, changes[0], changes[1]);
}

/// Waits until one transaction in the mempool spends both, other than `than`.
fn wait_together(world: &mut World, one: OutPoint, two: OutPoint, than: Option<Txid>) -> Txid {
    world.wait("one spend of both", |world| {
        let spends = [one, two].map(|at| spend_in_mempool(&world.market.bitcoind, at));
        let both = spends[0].filter(|_| spends[0] == spends[1]);
        let other = both.filter(|txid| Some(*txid) != than);
        other.ok_or_else(|| format!("{spends:?}"))
    })
}

fn claimed_alone(world: &mut World) {
    let case = begin_aimed(world, "event peer-preimage before");
    let (outpoint, _) = world.wait_funding(&case.taken);
    world.mine(case.taken.quote.confirmations);
    world.wait_gone(Role::Funder);
    world.arm_all();
    world.mine(1);
    let claim = world.wait_spend(outpoint, None);
    assert_eq!(claim.path(outpoint), Path::Claim);
    let chain = world.mine_until_spent(outpoint);
    world.bring_back(Role::Funder);
    assert_done(world, &case, &chain);
}

fn called_off_by_the_payer(world: &mut World) {
    called_off_by(world, Role::Payer);
}

fn called_off_by_the_funder(world: &mut World) {
    called_off_by(world, Role::Funder);
}

/// The coins come back by the payer's key.
fn called_off_by(world: &mut World, role: Role) {
    let case = begin(world);
    let (outpoint, _) = world.wait_funding(&case.taken);
    world.cancel(role, &case.taken);
    let chain = world.mine_until_spent(outpoint);
    assert_eq!(chain.spend.path(outpoint), Path::Key);
    world.mine(REORG_DEPTH);
    let fees = chain.funding.fee_sat + chain.spend.fee_sat;
    assert_taken_back(world, &case, fees, role == Role::Payer);
}

fn slept(world: &mut World) {
    let case = begin_aimed(world, "event funding-built after");
    world.wait_gone(Role::Funder);
    world.arm_all();
    world.mine(FUND_WINDOW + 1);
    world.bring_back(Role::Funder);
    world.wait_fired(Role::Funder, "effect release-funding after");
    world.wait_fired(Role::Funder, "effect say-withdraw after");
    assert_nothing(world, &case);
}

fn impossible(world: &mut World) {
    let case = begin_aimed(world, "event held after");
    world.wait_gone(Role::Funder);
    world.set_fee_rate(Role::Funder, 10 * FEE_RATE);
    world.arm_all();
    world.bring_back(Role::Funder);
    world.wait_fired(Role::Funder, "event funding-impossible after");
    reset_fee_rate(world);
    assert_nothing(world, &case);
}

fn late(world: &mut World) {
    let case = begin(world);
    let (outpoint, funding) = world.wait_funding(&case.taken);
    let blocks_for = REVEAL_MARGIN + case.taken.quote.confirmations + REORG_DEPTH;
    world.mine_empty_to(case.taken.refund_height - blocks_for);
    let input = funding.tx.input[0].previous_output;
    world.wait_spend(input, Some(outpoint.txid));
    let replacement = world.mine_until_spent_in(input);
    assert_ne!(replacement.txid, outpoint.txid);
    world.mine(REORG_DEPTH);
    assert_taken_back(world, &case, replacement.fee_sat, false);
}

fn refunded(world: &mut World) {
    let case = begin(world);
    let (outpoint, _) = world.wait_funding(&case.taken);
    world.take_away(Role::Payer);
    world.mine_to(case.taken.refund_height);
    let chain = world.mine_until_spent(outpoint);
    assert_eq!(chain.spend.path(outpoint), Path::Refund);
    world.mine(REORG_DEPTH);
    world.bring_back(Role::Payer);
    let fees = chain.funding.fee_sat + chain.spend.fee_sat;
    assert_taken_back(world, &case, fees, true);
}

/// No block takes the funding or its replacement until Lightning lets the payment go by itself.
fn dropped(world: &mut World) {
    let case = begin(world);
    let (outpoint, funding) = world.wait_funding(&case.taken);
    let locked = |world: &World| {
        let swap = seen(world.node(Role::Payer), &case.taken)?;
        Ok(!swap["locked_until"].is_null())
    };
    while world.wait("the payer's swap", locked) {
        // Blocks must not outrun two nodes that look for each other after a death: the payer would close the channel.
        world.wait("the channel", |world| {
            let list = world.node(Role::Payer).api().get("/channels")?;
            let usable = list["channels"][0]["usable"] == true;
            usable.then_some(()).ok_or_else(|| list.to_string())
        });
        assert!(world.market.bitcoind.height() < case.taken.refund_height + LONGEST_LOCK);
        world.mine_empty(1);
    }
    world.wait_fired(Role::Funder, "event dropped after");
    // The funder has its key and its replacement; a miner takes what pays more.
    let first = world.mine_until_spent_in(funding.tx.input[0].previous_output);
    let fees = if first.txid == outpoint.txid {
        first.fee_sat + world.mine_until_spent_in(outpoint).fee_sat
    } else {
        first.fee_sat
    };
    world.mine(REORG_DEPTH);
    assert_taken_back(world, &case, fees, false);
}

fn begin(world: &mut World) -> Case {
    begin_with(world, None)
}

/// The funder dies at this point alone and stays away.
fn begin_aimed(world: &mut World, point: &str) -> Case {
    begin_with(world, Some((Role::Funder, point)))
}

fn begin_with(world: &mut World, aimed: Option<(Role, &str)>) -> Case {
    let amount = amount(world.way);
    let case = world.begin(amount, aimed);
    if world.from_outside {
        let address = world.wait("the deposit's address", |world| {
            let deposit = seen(world.node(Role::Funder), &case.taken)?["deposit"].clone();
            let address = deposit["address"].as_str();
            address
                .map(str::to_owned)
                .ok_or_else(|| deposit.to_string())
        });
        world.market.bitcoind.fund_address(address, amount);
    }
    case
}
