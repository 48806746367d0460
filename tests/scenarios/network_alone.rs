//! A node that knows no other is told so, and what to do; and once it was told of one, it finds it again by itself.

use cambista_harness::market::{USUAL, make, p2p_addresses};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Bitcoind, Node, NodeOptions};

#[test]
fn a_taker_without_peers_is_told_what_to_do() {
    let bitcoind = Bitcoind::start(&[]);
    bitcoind.mine(1);
    let mut taker = Node::start("taker", &bitcoind, &NodeOptions::default());
    for args in [
        &["quote", "out", "50000"][..],
        &["out", "50000", "--yes"],
        &["in", "50000", "--yes"],
    ] {
        let output = taker.output(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{args:?}: {said}");
        assert!(
            said.contains("connected to no other node"),
            "{args:?}: {said}"
        );
        assert!(said.contains("nothing was begun"), "{args:?}: {said}");
        assert!(said.contains("peer connect"), "{args:?}: {said}");
    }
    let output = taker.output(&["offers"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("connected to no other node") && said.contains("peer connect"),
        "{said}"
    );

    // What it is told to do helps, and for good: the peer is called again at the next start.
    let other = Node::start("other", &bitcoind, &NodeOptions::default());
    taker.cli(&["peer", "connect", &p2p_addresses(&other)[0]]);
    let output = taker.output(&["quote", "out", "50000"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("connected to no other node"), "{said}");
    taker.stop();
    taker.restart();
    wait_for("the peer to be found again", FOUND_AGAIN, || {
        let peers = taker.status()["p2p_peers"].as_u64();
        (peers == Some(1)).then_some(()).ok_or(format!("{peers:?}"))
    });
}

/// Who is called keeps its name in the market's network; who only takes swaps is a stranger at every start.
#[test]
fn a_taker_has_a_new_peer_id_at_every_start_and_a_maker_keeps_its_own() {
    let bitcoind = Bitcoind::start(&[]);
    bitcoind.mine(1);
    let mut node = Node::start("node", &bitcoind, &NodeOptions::default());
    let peer_id = |node: &Node| node.status()["peer_id"].as_str().unwrap().to_owned();
    let path = node.dir().join("cambista.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, from) = text.split_once("[p2p]\n").unwrap();
    let mut lines = from.lines();
    assert!(lines.next().unwrap().starts_with("listen = "), "{from}");
    let rest: Vec<&str> = lines.collect();
    std::fs::write(
        &path,
        format!("{before}[p2p]\nlisten = []\n{}\n", rest.join("\n")),
    )
    .unwrap();

    let mut seen = Vec::new();
    for _ in 0..2 {
        node.stop();
        node.restart();
        seen.push(peer_id(&node));
    }
    assert_ne!(seen[0], seen[1]);
    make(&node, USUAL, 96);
    for _ in 0..2 {
        node.stop();
        node.restart();
        seen.push(peer_id(&node));
    }
    assert_eq!(seen[2], seen[3]);
}
