//! Thousands of messages a second, and hundreds of connections: swaps complete meanwhile, and what a node uses stays bounded.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use cambista_harness::market::p2p_addresses;
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Bitcoind, Change, Market, Namespaces, Node, NodeOptions, Taken, Way};
use futures::StreamExt as _;
use tokio::runtime::Runtime;

use crate::adversary::flood::Flood;
use crate::adversary::payer::contact;
use crate::adversary::wire::Wire;
use crate::at_once::add;
use crate::taker_killed::{make_room, purses};

/// Flooders at each of the two nodes.
const EACH: u64 = 4;
/// What a flood may cost a node at most (KiB): for what waits to be looked at; and for each of the messages, whose names the
/// library of gossip remembers for two minutes, twice. How many there can be within these is
/// [`a_flood_from_one_address_ends_whatever_names_it_takes`].
const MEMORY: u64 = 48 * 1024;
const MEMORY_A_MESSAGE: u64 = 1;
/// Files a node has open at most, connections included.
const FILES: usize = 600;
/// Messages one peer sends at once before it is shown out.
const AT_ONCE: u64 = 3_000;

#[test]
fn swaps_complete_under_a_flood_of_messages() {
    let market = Market::direct(3);
    make_room(&market);
    let nodes = [&market.taker, &market.makers[0]];
    let [taker, maker] = nodes;
    let before = purses(&market);
    let used = nodes.map(most_memory);
    let targets = nodes.map(|node| p2p_addresses(node)[0].clone());
    let flood = Flood::start(&targets, EACH.try_into().unwrap());
    wait_for("the flood", FOUND_AGAIN, || {
        let sent = flood.sent();
        (sent > AT_ONCE)
            .then_some(())
            .ok_or_else(|| sent.to_string())
    });
    let (began, earlier) = (Instant::now(), flood.sent());

    let both = [(Way::Out, 300_000), (Way::In, 200_000)]
        .map(|(way, amount)| Taken::take(taker, way, amount, &[]));
    let outpoints = both
        .each_ref()
        .map(|taken| taken.wait_funding(&market.bitcoind).0);
    let mut wanted = [Change::default(); 2];
    for (taken, outpoint) in both.iter().zip(outpoints) {
        let seen = market.mine_until_claimed(taken, outpoint);
        add(&mut wanted[0], taken.taker_change(&seen, 0, true));
        add(&mut wanted[1], taken.maker_change(&seen, 0));
    }
    market.mine(5);
    for taken in &both {
        taken.assert_outcome(taker, "done");
        taken.assert_outcome(maker, "done");
    }
    before[0].assert_changed(taker, &market.bitcoind, wanted[0]);
    before[1].assert_changed(maker, &market.bitcoind, wanted[1]);

    // Whoever says more at once than an honest peer ever has to is disconnected, and comes back as somebody else.
    wait_for("every flooder to be shown out", FOUND_AGAIN, || {
        let times = flood.done.shown_out.load(Ordering::Relaxed);
        (times >= 2 * EACH)
            .then_some(())
            .ok_or_else(|| times.to_string())
    });
    let (took, sent) = (began.elapsed(), flood.sent() - earlier);
    let rate = u128::from(sent) * 1_000 / took.as_millis();
    let shown_out = flood.done.shown_out.load(Ordering::Relaxed);
    println!(
        "{sent} messages in {took:?}, {rate} a second; {shown_out} times a flooder was shown out"
    );
    assert!(flood.is_alive(), "the flood went on all the time");
    // However they are shared out between the two.
    let bound = MEMORY + MEMORY_A_MESSAGE * flood.sent();
    for (node, used) in nodes.into_iter().zip(used) {
        let (more, files) = (most_memory(node) - used, open_files(node));
        println!("{}: {more} KiB more at most, {files} files", node.name());
        assert!(more < bound, "{} used {more} KiB more", node.name());
        assert!(files < FILES, "{} has {files} files open", node.name());
    }
    drop(flood);
    wait_for("only the other to be left", FOUND_AGAIN, || {
        let peers = nodes.map(|node| node.status()["p2p_peers"].clone());
        let alone = peers.iter().all(|peers| *peers == 1);
        alone.then_some(()).ok_or_else(|| format!("{peers:?}"))
    });
}

/// On loopback every stranger is let in again under a new name. Anywhere else it is known by its address: all names there have
/// one allowance, and then nobody from there is let in for a while. Who was there and said little stays.
#[test]
fn a_flood_from_one_address_ends_whatever_names_it_takes() {
    const FLOODERS: usize = 16;
    // Two whole allowances for the address, the sixteenth part of one for every flooder, and what was on the way: as much as
    // windows hold while the node does not come to read. A fraction of what so many would have by their names.
    const MOST: u64 = 2 * AT_ONCE + FLOODERS as u64 * (AT_ONCE / 16 + 4_000);
    let Some(machines) = Namespaces::start() else {
        return;
    };
    let bitcoind = Bitcoind::start(&[]);
    bitcoind.mine(1);
    let options = NodeOptions {
        ip: machines.here(),
        ..NodeOptions::default()
    };
    let node = Node::start("node", &bitcoind, &options);
    let target = p2p_addresses(&node)[0].clone();
    let (peer, at) = contact(&target);
    let runtime = Runtime::new().unwrap();
    let quiet = runtime.block_on(async {
        let quiet = Wire::mute().await;
        assert!(quiet.try_offers(peer, &at).await.is_some());
        quiet
    });
    let used = most_memory(&node);
    let flood = Flood::start(&[target], FLOODERS);
    wait_for("every flooder to be shut out", FOUND_AGAIN, || {
        let times = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (out, refused) = (times(&flood.done.shown_out), times(&flood.done.refused));
        (out >= FLOODERS as u64 && refused >= 5 * FLOODERS as u64)
            .then_some(())
            .ok_or_else(|| format!("{out} shown out, {refused} times one was refused"))
    });
    let (sent, more) = (flood.sent(), most_memory(&node) - used);
    println!("{sent} messages, {more} KiB more at most");
    assert!(sent >= 2 * AT_ONCE, "{sent} are no flood");
    assert!(sent < MOST, "{sent} messages were taken");
    assert!(more < MEMORY, "{more} KiB more");
    // Whoever is being refused may be counted for a moment.
    wait_for("the quiet one alone to be there", FOUND_AGAIN, || {
        let peers = node.status()["p2p_peers"].clone();
        (peers == 1).then_some(()).ok_or_else(|| peers.to_string())
    });
    let heard = runtime.block_on(quiet.try_offers(peer, &[]));
    assert!(heard.is_some(), "and is answered");
    drop(flood);
    runtime.shutdown_background();
}

/// More connections than a node takes from others: the rest are refused, and who was connected before swaps on.
#[test]
fn connections_are_bounded_and_those_there_are_carry_swaps() {
    const STRANGERS: usize = 300;
    const INBOUND: u64 = 256;
    let market = Market::direct(3);
    let (taker, maker, chain) = (&market.taker, &market.makers[0], &market.bitcoind);
    let before = purses(&market);
    let runtime = Runtime::new().unwrap();
    let target = p2p_addresses(maker)[0].clone();
    let (peer, at) = contact(&target);
    let strangers: Vec<Option<Wire>> = runtime.block_on(
        futures::stream::iter(0..STRANGERS)
            .map(|_| {
                let at = at.clone();
                async move {
                    let wire = Wire::mute().await;
                    wire.try_offers(peer, &at).await.map(|_| wire)
                }
            })
            .buffer_unordered(16)
            .collect(),
    );
    let let_in = strangers.iter().flatten().count();
    let peers = maker.status()["p2p_peers"].as_u64().unwrap();
    println!(
        "{let_in} of {STRANGERS} let in, {peers} peers, {} files",
        open_files(maker)
    );
    assert!(let_in >= 200, "only {let_in} were let in");
    assert!(
        let_in < STRANGERS && peers <= INBOUND,
        "{let_in} were let in, {peers} peers"
    );
    assert!(open_files(maker) < FILES);

    let taken = Taken::take(taker, Way::Out, 300_000, &[]);
    let seen = market.confirm_and_claim(&taken);
    before[0].assert_changed(taker, chain, taken.taker_change(&seen, 0, true));
    before[1].assert_changed(maker, chain, taken.maker_change(&seen, 0));
    drop(strangers);
    runtime.shutdown_background();
}

/// The most memory the process ever had (KiB).
fn most_memory(node: &Node) -> u64 {
    let path = format!("/proc/{}/status", node.pid().unwrap());
    let status = fs::read_to_string(path).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let figure = line.unwrap().split_whitespace().nth(1);
    figure.unwrap().parse().unwrap()
}

/// How many files and sockets it has open.
fn open_files(node: &Node) -> usize {
    let path = format!("/proc/{}/fd", node.pid().unwrap());
    fs::read_dir(path).unwrap().count()
}
