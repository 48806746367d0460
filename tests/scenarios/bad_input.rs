//! Whatever is wrong with a command, a setting, a folder or bitcoind is said in one clear message with what to do, the
//! exit code is not 0, and no money moves.

mod bitcoind;
mod folder;
mod money;
mod quotes;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use cambista_harness::wait::secs;
use cambista_harness::{Bitcoind, Node, NodeOptions, Purse, hear};

/// As the command line's help has them.
const OTHER: i32 = 1;
const USAGE: i32 = 2;
const UNREACHABLE: i32 = 3;
const REFUSED: i32 = 4;

/// A node on a chain of 101 blocks, with coins of its own, which has been stopped in good order.
fn stopped(name: &str, bitcoind: &Bitcoind) -> (Node, Purse) {
    bitcoind.mine(101);
    let mut node = Node::start(name, bitcoind, &NodeOptions::default());
    let address = node.cli(&["wallet", "address"]);
    bitcoind.fund_address(address["address"].as_str().unwrap(), 1_000_000);
    bitcoind.mine(1);
    node.wait_height(102);
    let purse = Purse::of(&node, bitcoind);
    assert_eq!(purse.chain, 1_000_000);
    node.stop();
    (node, purse)
}

/// Starts the node again as it should be and checks that it owns what it owned.
fn assert_whole(node: &mut Node, bitcoind: &Bitcoind, purse: &Purse) {
    node.restart();
    assert_eq!(Purse::of(node, bitcoind), *purse);
    let balance = node.cli(&["wallet", "balance"]);
    assert_eq!(balance["onchain_confirmed_sat"], 1_000_000, "{balance}");
    node.stop();
}

/// A command on a folder that is not this node's.
fn elsewhere(node: &Node, dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(node.command(&[]).get_program());
    command.args(["--network", "regtest", "--datadir"]);
    command.arg(dir).args(args).env("NO_COLOR", "1");
    command
}

/// `cambista run`, which is expected to end by itself with this code; what it said.
#[track_caller]
fn run_fails(node: &Node, code: i32) -> String {
    fails(node.command(&["run"]), code)
}

/// A command that is expected to end by itself with this code; what it said.
#[track_caller]
fn fails(command: Command, code: i32) -> String {
    check(wait(spawn(command)), code)
}

fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// The end of a program, which must come within two minutes.
#[track_caller]
fn wait(mut child: Child) -> Output {
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > secs(120) {
            child.kill().unwrap();
            let output = child.wait_with_output().unwrap();
            panic!("it goes on: {output:?}");
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

#[track_caller]
fn check(output: Output, code: i32) -> String {
    hear(&output);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_clear(&said);
    said
}

/// No panic, nothing of Rust's inside, and something to type next.
#[track_caller]
fn assert_clear(said: &str) {
    for strange in ["panicked", "RUST_BACKTRACE", "Some(", "Err(", "Error {"] {
        assert!(!said.contains(strange), "{said}");
    }
    let next = ["Next: ", "For more information, try"];
    assert!(next.iter().any(|next| said.contains(next)), "{said}");
}

/// Checks that a message has all of these in it.
#[track_caller]
fn assert_says(said: &str, all: &[&str]) {
    for part in all {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

/// Replaces text in the node's settings.
#[track_caller]
fn set(node: &Node, from: &str, to: &str) {
    let path = node.dir().join("cambista.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "no `{from}` in {text}");
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
}
