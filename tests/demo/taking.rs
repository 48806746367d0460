//! The merchant takes a swap by the command line, as a person would, while the demo mines.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use bitcoin::OutPoint;
use cambista_harness::swap::{OnChain, signed};
use cambista_harness::transaction::{Seen, paid_in_mempool, spend_in_blocks};
use cambista_harness::{Change, Market, Node, Purse, Taken, Way, ledger};
use serde_json::{Value, json};

use crate::say::{change, channels, grouped, heading, line};

/// Time to read what the command prints between two blocks.
const BLOCK_TIME: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(60);

/// A merchant begins with everything on its own side.
pub(crate) fn check_no_inbound(market: &Market) {
    let own = ledger::channels(&market.taker);
    let inbound: u64 = own.values().map(|sides| sides.inbound).sum();
    assert_eq!(inbound, 0, "the shop can be paid already");
    line("shop can receive 0 sat over Lightning: it sells, but nobody can pay it");
}

/// Lists the offers, takes the cheapest, mines until the swap is over and checks what everyone has afterwards.
pub(crate) fn swap(
    market: &Market,
    way: Way,
    amount: u64,
    address: Option<&str>,
    expected_maker: &str,
) {
    let word = way.word();
    heading(&format!("{word} {}", grouped(amount)));
    let amount_text = amount.to_string();
    show(&market.taker, &["offers", word, "--amount", &amount_text]);
    channels(market, "before");
    let before: Vec<Purse> = nodes(market)
        .map(|node| Purse::of(node, &market.bitcoind))
        .collect();
    let known = swap_ids(&market.taker);

    let answer = market.taker.cli(&["quote", word, &amount_text]);
    let quote = &answer["quotes"][0];
    let mut args = vec![word, amount_text.as_str()];
    args.extend(address);
    args.push("--yes");
    let following = Following::start(&market.taker, &args);
    let swap = new_swap(&market.taker, &known);
    let taken = Taken::from_json(&json!({ "quote": quote, "swap": swap }));
    let seen = mine_while(market, &taken, following);

    channels(market, "after");
    let maker = market.maker_of(&taken.quote.maker);
    assert_eq!(maker.name(), expected_maker, "not the cheapest was taken");
    check(market, &taken, &seen, &before, address);
}

fn nodes(market: &Market) -> impl Iterator<Item = &Node> {
    market.running()
}

/// Runs a command and prints what it prints.
pub(crate) fn show(node: &Node, args: &[&str]) {
    line(&format!("{}$ cambista {}", node.name(), args.join(" ")));
    let output = node.output(args);
    for text in String::from_utf8_lossy(&output.stdout).lines() {
        line(&format!("  {text}"));
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

/// A command that goes on while its output is printed.
struct Following {
    child: Child,
    printer: JoinHandle<()>,
}

impl Following {
    fn start(node: &Node, args: &[&str]) -> Self {
        line(&format!("{}$ cambista {}", node.name(), args.join(" ")));
        let mut child = node
            .command(args)
            .stdout(Stdio::piped())
            .spawn()
            .expect("run cambista");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let printer = spawn(move || {
            for text in output.lines().map_while(Result::ok) {
                line(&format!("  {text}"));
            }
        });
        Self { child, printer }
    }

    fn ended(&mut self) -> bool {
        let status = self.child.try_wait().expect("ask for its end");
        if let Some(status) = status {
            assert!(status.success(), "the command ended with {status}");
        }
        status.is_some()
    }
}

fn swap_ids(taker: &Node) -> Vec<Value> {
    let list = taker.api_get("/swaps");
    let swaps = list["swaps"].as_array().cloned().unwrap_or_default();
    swaps.iter().map(|swap| swap["id"].clone()).collect()
}

/// The swap that was not known before, once it is there.
fn new_swap(taker: &Node, known: &[Value]) -> Value {
    cambista_harness::wait::wait_for("the swap to begin", PATIENCE, || {
        let list = taker.api_get("/swaps");
        let swaps = list["swaps"].as_array().cloned().unwrap_or_default();
        let mut swaps = swaps.into_iter();
        swaps
            .find(|swap| !known.contains(&swap["id"]))
            .ok_or_else(|| list.to_string())
    })
}

/// Waits for the funding, then mines a block now and then until the command says that the swap is over.
fn mine_while(market: &Market, taken: &Taken, mut following: Following) -> OnChain {
    let (outpoint, _) = cambista_harness::wait::wait_for("the funding", PATIENCE, || {
        paid_in_mempool(&market.bitcoind, &taken.script, taken.quote.amount_sat)
    });
    let started = Instant::now();
    let mut spend = None;
    while !following.ended() {
        assert!(started.elapsed() < PATIENCE, "the swap does not end");
        market.mine(1);
        spend = spend.or_else(|| spend_in_blocks(&market.bitcoind, outpoint, 2));
        sleep(BLOCK_TIME);
    }
    following.printer.join().expect("the end of its output");
    on_chain(market, outpoint, spend)
}

fn on_chain(market: &Market, outpoint: OutPoint, spend: Option<Seen>) -> OnChain {
    OnChain {
        outpoint,
        funding: Seen::read(&market.bitcoind, outpoint.txid),
        spend: spend.expect("a spend of the contract in a block"),
    }
}

/// Prints what the swap cost and checks everybody's money against the quote and the chain.
fn check(market: &Market, taken: &Taken, seen: &OnChain, before: &[Purse], address: Option<&str>) {
    let quote = &taken.quote;
    let maker = market.maker_of(&quote.maker);
    let hops = market.makers.iter().position(|m| m.name() == maker.name());
    let hops = signed(u64::try_from(hops.expect("its place")).unwrap());
    // A node in between takes 1 sat a payment unless told otherwise.
    let routing = hops * taken.payments();
    let own = address.is_none();
    let (by_taker, by_maker, own_miner_fee) = match quote.direction {
        Way::Out => (routing, 0, seen.spend.fee_sat),
        Way::In => (0, routing, seen.funding.fee_sat),
    };
    let total = quote.maker_fee_sat + by_taker + signed(own_miner_fee);
    line("what it cost the shop:");
    line(&format!(
        "  maker fee  {:>12}",
        change(-quote.maker_fee_sat)
    ));
    line(&format!("  routing    {:>12}", change(-by_taker)));
    line(&format!(
        "  miners     {:>12}",
        change(-signed(own_miner_fee))
    ));
    line(&format!("  total      {:>12}", change(-total)));
    let reported = taken.assert_outcome(&market.taker, "done");
    assert_eq!(
        reported["cost"]["total_sat"], total,
        "the node reports another cost"
    );
    assert!(total <= quote.worst_total_sat, "more than the worst case");

    line("checked, before and after:");
    for (node, before) in nodes(market).zip(before) {
        let expected = if node.name() == market.taker.name() {
            taken.taker_change(seen, by_taker, own)
        } else if node.name() == maker.name() {
            taken.maker_change(seen, by_maker)
        } else {
            Change {
                lightning: if hops > 0 { routing } else { 0 },
                chain: 0,
            }
        };
        before.assert_changed(node, &market.bitcoind, expected);
        line(&format!(
            "  {:8} Lightning {:>14}   on chain {:>14}   as it must be",
            node.name(),
            change(expected.lightning),
            change(expected.chain)
        ));
    }
    if let Some(address) = address {
        let received = seen.spend.only_output();
        line(&format!("  {address} received {} sat", grouped(received)));
        assert_eq!(received + seen.spend.fee_sat, quote.amount_sat);
    }
}
