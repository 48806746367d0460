//! How nodes find each other.

use libp2p::multiaddr::Protocol as Part;
use tokio::net::TcpListener;

use super::*;

/// A node others can call inside this process.
async fn public(number: u64, bootstrap: &[Multiaddr]) -> Node {
    let mut config = NetworkConfig::new(bitcoin::Network::Regtest);
    config.listen = vec![Multiaddr::empty().with(Part::Memory(number))];
    config.external = config.listen.clone();
    config.bootstrap = bootstrap.to_vec();
    Node::start(config).await
}

async fn knows(node: &Node, other: &Node) {
    let deadline = Instant::now() + SOON;
    while !node.net.peers().iter().any(|p| p.peer == other.id()) {
        assert!(Instant::now() < deadline, "{:?}", node.net.peers());
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn nodes_that_know_one_in_common_find_each_other() {
    let hub = public(71_001, &[]).await;
    let known = [hub.full_address()];
    let first = public(71_002, &known).await;
    knows(&first, &hub).await;
    let second = public(71_003, &known).await;
    knows(&second, &first).await;
    knows(&first, &second).await;
}

#[tokio::test]
async fn peers_met_before_are_called_before_the_bootstrap_peers() {
    let met = Node::listening().await;
    let first = Node::start({
        let mut config = listening();
        config.bootstrap = vec![met.full_address()];
        config
    })
    .await;
    first.next_peer().await;
    let known = first.net.known_peers();
    assert_eq!(known.len(), 1);
    assert_eq!((known[0].reached, known[0].failed), (1, 0));
    first.net.shutdown().await;

    let bootstrap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = bootstrap.local_addr().unwrap().port();
    let mut config = listening();
    config.known = known;
    config.bootstrap = vec![
        format!("/ip4/127.0.0.1/tcp/{port}/p2p/{}", PeerId::random())
            .parse()
            .unwrap(),
    ];
    // The others have three seconds. A machine that stands still for as long may lose the first ones' advance, not every time.
    for _ in 0..5 {
        let second = Node::start(config.clone()).await;
        let _call = timeout(SOON, bootstrap.accept()).await.unwrap().unwrap();
        if second.net.peers().iter().any(|p| p.peer == met.id()) {
            return;
        }
        second.net.shutdown().await;
    }
    panic!("the bootstrap peers are called first");
}

#[tokio::test]
async fn with_no_peer_left_from_before_the_bootstrap_peers_are_called_at_once() {
    let hub = Node::listening().await;
    let nobody = PeerId::random();
    let mut config = listening();
    config.known = vec![KnownPeer {
        addresses: vec![
            format!("/ip4/127.0.0.1/tcp/1/p2p/{nobody}")
                .parse()
                .unwrap(),
        ],
        reached: 9,
        failed: 0,
        seen: 1,
    }];
    config.bootstrap = vec![hub.full_address()];
    // Those met before would have three seconds. A machine may stand still for as long, not every time.
    for _ in 0..5 {
        let started = Instant::now();
        let node = Node::start(config.clone()).await;
        assert_eq!(node.next_peer().await, hub.id());
        let at_once = started.elapsed() < Duration::from_secs(2);
        assert_eq!(
            node.net.known_peers().len(),
            2,
            "while nobody answered it may have been this node that was offline"
        );
        if at_once {
            return;
        }
        node.net.shutdown().await;
    }
    panic!("the bootstrap peers are called late");
}

#[tokio::test]
async fn nodes_meet_over_quic_and_over_ipv6() {
    for at in ["/ip4/127.0.0.1/udp/0/quic-v1", "/ip6/::1/tcp/0"] {
        let mut config = listening();
        config.listen = vec![at.parse().unwrap()];
        if at.contains("ip6") && std::net::TcpListener::bind("[::1]:0").is_err() {
            eprintln!("this machine has no IPv6: not shown");
            continue;
        }
        let maker = Node::start(config).await;
        let taker = Node::start(NetworkConfig::new(bitcoin::Network::Regtest)).await;
        taker.ask(&maker, Protocol::Quote, b"hello").await.unwrap();
        let traffic = taker.net.traffic();
        assert!(traffic.sent > 5 && traffic.received > 5, "{traffic:?}");
    }
}
