//! A bitcoind that is not there, not the right one, not ready, or does not keep what is needed.

use std::fs;
use std::process::Command;
use std::time::Instant;

use cambista_harness::wait::{FOUND_AGAIN, secs, wait_for};
use cambista_harness::{Bitcoind, Node, NodeOptions};
use serde_json::json;

use super::{OTHER, assert_clear, assert_says, assert_whole, fails, run_fails, set, stopped};

#[test]
fn a_bitcoind_of_another_network_or_with_another_password_is_refused_at_once() {
    let bitcoind = Bitcoind::start(&[]);
    let (mut node, purse) = stopped("refused", &bitcoind);
    let begun = Instant::now();
    set(&node, "network = \"regtest\"", "network = \"signet\"");
    let said = run_fails(&node, OTHER);
    assert_says(
        &said,
        &["is on regtest, this node on signet", "Nothing was done"],
    );
    set(&node, "network = \"signet\"", "network = \"regtest\"");

    let cookie = format!("cookie = \"{}\"", bitcoind.cookie_path().display());
    let password = "user = \"alice\"\npassword = \"wrong-password-of-alice\"";
    set(&node, &cookie, password);
    let said = run_fails(&node, OTHER);
    assert!(!said.contains("wrong-password-of-alice"), "{said}");
    assert_says(
        &said,
        &["refuses the login (user alice)", "RPC user and password"],
    );
    assert!(!said.contains("waiting for it"), "{said}");
    set(&node, password, &cookie);
    assert!(begun.elapsed() < secs(60), "{:?}", begun.elapsed());
    assert_whole(&mut node, &bitcoind, &purse);
}

#[test]
fn a_bitcoind_that_is_down_is_waited_for_and_the_log_says_so() {
    let bitcoind = Bitcoind::start(&[]);
    let (mut node, purse) = stopped("down", &bitcoind);
    let port = format!("port = {}", bitcoind.rpc_port());
    set(&node, &port, "port = 1");
    let said = waits(&node);
    assert_says(
        &said,
        &[
            "127.0.0.1:1 does not answer",
            "check that bitcoind runs",
            "Nothing is lost",
        ],
    );
    set(&node, "port = 1", &port);

    let cookie = bitcoind.cookie_path().display().to_string();
    set(&node, &cookie, "/nowhere/.cookie");
    let said = waits(&node);
    assert_says(
        &said,
        &[
            "cookie /nowhere/.cookie cannot be read",
            "Check the cookie file's path",
        ],
    );
    set(&node, "/nowhere/.cookie", &cookie);
    assert_whole(&mut node, &bitcoind, &purse);
}

/// Runs the node until it says that it waits, then ends it.
fn waits(node: &Node) -> String {
    let said = tempfile::NamedTempFile::new().unwrap();
    let log = || said.as_file().try_clone().unwrap();
    let mut command = node.command(&["run"]);
    command.env("RUST_LOG", "warn").stdout(log()).stderr(log());
    let child = command.spawn().unwrap();
    let text = || fs::read_to_string(said.path()).unwrap();
    wait_for("the node to say that it waits", FOUND_AGAIN, || {
        let text = text();
        text.contains("waiting for it for two minutes")
            .then_some(())
            .ok_or(text)
    });
    let told = Command::new("kill").arg(child.id().to_string()).status();
    assert!(told.unwrap().success());
    super::wait(child);
    assert!(!text().contains("panicked"), "{}", text());
    text()
}

#[test]
fn nothing_begins_while_bitcoind_is_still_syncing() {
    // Without a block of the last day.
    let bitcoind = Bitcoind::start(&[]);
    let mut node = Node::start("syncing", &bitcoind, &NodeOptions::default());
    for args in [
        ["quote", "out", "50000"].as_slice(),
        &["in", "50000", "--yes"],
    ] {
        let said = fails(node.command(args), OTHER);
        assert_says(
            &said,
            &["bitcoind is still catching up", "open swaps go on"],
        );
    }
    assert_eq!(node.status()["open_swaps"], 0);
    node.stop();
}

#[test]
fn a_block_that_was_pruned_is_named_with_what_to_do() {
    let bitcoind = Bitcoind::start(&["-txindex=0", "-prune=1", "-fastprune"]);
    let (node, _) = stopped("pruned", &bitcoind);
    // Not to its own wallet, which writes every block down.
    bitcoind.mine_to("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", 460);
    bitcoind.rpc("pruneblockchain", json!([260])).unwrap();
    let said = run_fails(&node, OTHER);
    assert_says(
        &said,
        &["has pruned a block", "Nothing is lost", "-reindex"],
    );
    assert_clear(&said);
}
