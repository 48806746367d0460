//! A maker at home, behind a router nobody can call through, makes a market over a relay: its offer is seen, its quote
//! given, and a whole swap goes through.

use cambista_harness::market::{USUAL, lightning_address, make, p2p_addresses, wait_usable};
use cambista_harness::wait::{FOUND_AGAIN, secs, wait_for};
use cambista_harness::{Bitcoind, Market, Namespaces, Node, NodeOptions, Taken, Way};
use serde_json::Value;

const FEE_RATE: u32 = 3;
const CHANNEL: u64 = 3_000_000;
const AMOUNT: u64 = 250_000;

#[test]
fn a_maker_nobody_can_call_is_reached_over_a_relay() {
    let Some(machines) = Namespaces::start() else {
        return;
    };
    let bitcoind = chain();
    let relay = relay(&machines, &bitcoind, false);
    let known = p2p_addresses(&relay);
    let maker = at_home(&machines, &bitcoind, &known, false);
    // The taker can be called, but does not try to get around the relay.
    let here = (None, machines.here(), false);
    let taker = start("taker", &machines, &bitcoind, here, &known, &[]);
    make(&maker, USUAL, 96);
    reached_over_relay(&maker);

    for node in [&maker, &taker] {
        let answer = node.cli(&["wallet", "address"]);
        let address = answer["address"].as_str().unwrap();
        for sats in [CHANNEL + 1_000_000, 2_000_000] {
            bitcoind.fund_address(address, sats);
        }
    }
    let market = Market::of(taker, vec![maker], bitcoind, FEE_RATE);
    let (taker, maker) = (&market.taker, &market.makers[0]);
    market.mine(1);
    // From the inside out: whoever is behind a router can call others.
    let channel = [
        "channel",
        "open",
        &lightning_address(taker),
        &CHANNEL.to_string(),
    ];
    maker.cli(&channel);
    market.bitcoind.wait_for_mempool(1, FOUND_AGAIN);
    market.mine(6);
    wait_usable(maker, 1);
    wait_usable(taker, 1);

    let quotes = wait_for("a quote of the maker", secs(120), || {
        let answer = taker.try_cli(&["quote", "in", &AMOUNT.to_string()]);
        let answer = answer.map_err(|error| error.output)?;
        let some = answer["quotes"]
            .as_array()
            .is_some_and(|all| !all.is_empty());
        some.then_some(answer.clone()).ok_or(answer.to_string())
    });
    assert_eq!(quotes["quotes"][0]["maker"], maker.status()["node_id"]);
    assert!(way_to(taker, maker).unwrap().contains("/p2p-circuit"));

    let taken = Taken::take(taker, Way::In, AMOUNT, &[]);
    market.confirm_and_claim(&taken);
    market.mine(5);
    taken.assert_outcome(taker, "done");
    wait_for("the maker to be done", FOUND_AGAIN, || {
        let swaps = maker.cli(&["swaps"]);
        let done = swaps["swaps"][0]["outcome"] == "done";
        done.then_some(()).ok_or(swaps.to_string())
    });
    drop(relay);
}

/// Both ends call each other at the same time, and the router takes what comes for the answer to its own side's call.
/// By QUIC, which needs no more luck than that.
#[test]
fn a_connection_over_a_relay_becomes_a_direct_one() {
    let Some(machines) = Namespaces::start() else {
        return;
    };
    let bitcoind = chain();
    let relay = relay(&machines, &bitcoind, true);
    let known = p2p_addresses(&relay);
    let maker = at_home(&machines, &bitcoind, &known, true);
    let told = reached_over_relay(&maker);
    let here = (None, machines.here(), true);
    let taker = start("taker", &machines, &bitcoind, here, &[], &["nat = true"]);
    taker.cli(&["peer", "connect", &told[0]]);
    wait_for("a direct connection", FOUND_AGAIN, || {
        let way = way_to(&taker, &maker)?;
        let direct = !way.contains("/p2p-circuit");
        direct.then_some(()).ok_or(way)
    });
    drop(relay);
}

fn chain() -> Bitcoind {
    let bitcoind = Bitcoind::start(&["-rpcbind=0.0.0.0", "-rpcallowip=0.0.0.0/0"]);
    bitcoind.mine(110);
    bitcoind
}

/// A node at a place: a namespace, if not this machine's own, an address, and whether by QUIC.
fn start(
    name: &str,
    machines: &Namespaces,
    bitcoind: &Bitcoind,
    (namespace, ip, quic): (Option<String>, String, bool),
    bootstrap: &[String],
    p2p: &[&str],
) -> Node {
    let options = NodeOptions {
        fee_rate: FEE_RATE,
        bootstrap: bootstrap.to_vec(),
        namespace,
        ip,
        quic,
        bitcoind_ip: machines.here(),
        p2p: p2p.iter().map(ToString::to_string).collect(),
        ..NodeOptions::default()
    };
    Node::start(name, bitcoind, &options)
}

fn relay(machines: &Namespaces, bitcoind: &Bitcoind, quic: bool) -> Node {
    let (public, at) = machines.relay();
    let place = (Some(public), at, quic);
    start("relay", machines, bitcoind, place, &[], &["relay = \"on\""])
}

fn at_home(machines: &Namespaces, bitcoind: &Bitcoind, known: &[String], quic: bool) -> Node {
    let (home, at) = machines.home();
    let place = (Some(home), at, quic);
    start("maker", machines, bitcoind, place, known, &["nat = true"])
}

/// Waits until the node has found out that only a relay makes it reachable; what it tells others then.
fn reached_over_relay(node: &Node) -> Vec<String> {
    wait_for(
        "the maker to be reached over the relay",
        FOUND_AGAIN,
        || {
            let told = p2p_addresses(node);
            let relayed = told.iter().all(|at| at.contains("/p2p-circuit"));
            relayed.then_some(told.clone()).ok_or(format!("{told:?}"))
        },
    )
}

/// The address over which one node is connected to another.
///
/// # Errors
/// While it is not.
fn way_to(node: &Node, other: &Node) -> Result<String, String> {
    let id = other.status()["peer_id"].clone();
    let list = node.cli(&["peer", "list"]);
    let peers: &Vec<Value> = list["peers"].as_array().unwrap();
    let found = peers.iter().find(|peer| peer["id"] == id);
    let found = found.ok_or_else(|| format!("not connected: {list}"))?;
    Ok(found["address"].as_str().unwrap().to_owned())
}
