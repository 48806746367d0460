//! How nodes are reached that cannot simply be called.

use libp2p::multiaddr::Protocol as Part;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use super::*;

async fn contact(node: &Node, wanted: impl Fn(&[Multiaddr]) -> bool) -> Vec<Multiaddr> {
    let mut contact = node.net.contact();
    match timeout(SOON, contact.wait_for(|told| wanted(told))).await {
        Ok(told) => told.unwrap().clone(),
        Err(_) => panic!(
            "tells {:?}, connected to {:?}",
            node.net.contact_addrs(),
            node.net.peers()
        ),
    }
}

/// A node that carries others' connections.
async fn lender() -> Node {
    let mut config = listening();
    config.relay = Relay::On;
    Node::start(config).await
}

#[tokio::test]
async fn a_node_that_can_be_called_finds_out_and_then_lends_a_hand() {
    let hub = lender().await;
    let mut config = listening();
    config.nat = true;
    config.relay = Relay::Auto;
    // Asked for a relay only if the hub called in vain.
    config.nat_patience = SOON * 4;
    config.bootstrap = vec![hub.full_address()];
    let node = Node::start(config).await;
    node.next_peer().await;
    // It lends once it knows: the hub's own wish for a relay would be met.
    let mut seeker = listening();
    seeker.listen = vec![Multiaddr::empty().with(Part::Memory(72_001))];
    seeker.nat = true;
    seeker.nat_patience = Duration::ZERO;
    seeker.bootstrap = vec![node.full_address()];
    let seeker = Node::start(seeker).await;
    let told = contact(&seeker, |told| told.iter().any(address::is_relayed)).await;
    assert!(told[0].to_string().contains(&node.id().to_string()));
}

#[tokio::test]
async fn a_node_nobody_can_call_is_reached_over_a_relay() {
    let relay = lender().await;
    // The taker has no way to an address inside the maker's process but over the relay: it is never told.
    let mut config = listening();
    config.listen = vec![Multiaddr::empty().with(Part::Memory(72_002))];
    config.nat = true;
    config.nat_patience = Duration::from_millis(500);
    config.bootstrap = vec![relay.full_address()];
    let maker = Node::start(config).await;
    let told = contact(&maker, |told| told.iter().any(address::is_relayed)).await;
    assert!(told.iter().all(|at| address::peer_of(at).is_none()));
    let relayed: Vec<_> = told.into_iter().filter(address::is_relayed).collect();

    let taker = Node::start(NetworkConfig::new(bitcoin::Network::Regtest)).await;
    let answer = taker
        .net
        .request(maker.id(), relayed, Protocol::Quote, b"hello".to_vec())
        .await;
    assert_eq!(answer.unwrap(), b"/cambista/quote/1 hello");
    let way = |node: &Node, to: &Node| {
        let peers = node.net.peers();
        peers.into_iter().find(|p| p.peer == to.id()).unwrap()
    };
    assert!(address::is_relayed(&way(&taker, &maker).address));
    // Offers come the same way.
    maker.net.publish_offer(b"a1".to_vec()).await.unwrap();
    assert_eq!(taker.next_offer().await.1, b"a1");

    // The relay goes: the maker says so, and asks another.
    let other = lender().await;
    maker.net.dial(other.full_address()).await.unwrap();
    relay.net.shutdown().await;
    let other_id = other.id().to_string();
    contact(&maker, |told| {
        told.iter().any(|at| at.to_string().contains(&other_id))
    })
    .await;
}

#[tokio::test]
async fn a_node_lends_nothing_when_told_not_to() {
    let mut config = listening();
    config.external = vec!["/ip4/127.0.0.1/tcp/1".parse().unwrap()];
    config.relay = Relay::Off;
    let stingy = Node::start(config).await;
    let mut config = listening();
    config.nat = true;
    config.nat_patience = Duration::ZERO;
    config.bootstrap = vec![stingy.full_address()];
    let seeker = Node::start(config).await;
    seeker.next_peer().await;
    sleep(A_WHILE).await;
    assert!(!seeker.net.contact_addrs().iter().any(address::is_relayed));
}

/// A SOCKS5 proxy that leads everybody to `maker` and says whom it was asked for.
async fn proxy(maker: u16) -> (Proxy, mpsc::Receiver<(u8, Vec<u8>, u16)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("socks5://{}", listener.local_addr().unwrap());
    let (asked, seen) = mpsc::channel(10);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let asked = asked.clone();
            tokio::spawn(async move {
                let mut hello = [0; 3];
                near.read_exact(&mut hello).await.unwrap();
                near.write_all(&[5, 0]).await.unwrap();
                let mut head = [0; 4];
                near.read_exact(&mut head).await.unwrap();
                let length = match head[3] {
                    1 => 4,
                    3 => near.read_u8().await.unwrap().into(),
                    _ => 16,
                };
                let mut host = vec![0; length];
                near.read_exact(&mut host).await.unwrap();
                let port = near.read_u16().await.unwrap();
                asked.send((head[3], host, port)).await.unwrap();
                let mut far = TcpStream::connect(("127.0.0.1", maker)).await.unwrap();
                near.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
                    .await
                    .unwrap();
                let _ = copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    (proxy.parse().unwrap(), seen)
}

#[tokio::test]
async fn behind_a_proxy_every_call_goes_through_it_names_and_all_and_nothing_is_told() {
    let maker = Node::listening().await;
    let Some(Part::Tcp(port)) = maker.address().iter().nth(1) else {
        panic!("no port");
    };
    let (proxy, mut asked) = proxy(port).await;
    let mut config = listening();
    config.proxy = Some(proxy);
    config.nat = true;
    config.relay = Relay::On;
    config.upnp = true;
    config.mdns = true;
    let onion = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd";
    for (at, kind, host) in [
        (
            "/dns4/maker.example/tcp/9740".to_owned(),
            3,
            "maker.example".to_owned(),
        ),
        (format!("/onion3/{onion}:9740"), 3, format!("{onion}.onion")),
        (
            "/ip4/192.0.2.1/tcp/9740".to_owned(),
            1,
            "\u{c0}\0\u{2}\u{1}".to_owned(),
        ),
    ] {
        let hidden = Node::start(config.clone()).await;
        let at = vec![at.parse().unwrap()];
        let answer = hidden
            .net
            .request(maker.id(), at, Protocol::Quote, b"hello".to_vec())
            .await;
        answer.unwrap();
        let host: Vec<u8> = host.chars().map(|c| u8::try_from(c).unwrap()).collect();
        assert_eq!(asked.recv().await.unwrap(), (kind, host, 9740));
        assert!(hidden.net.contact_addrs().is_empty());
    }

    // What the proxy cannot carry is not called around it.
    let mut quic = listening();
    quic.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()];
    let quic = Node::start(quic).await;
    let hidden = Node::start(config).await;
    let error = hidden.ask(&quic, Protocol::Quote, b"hello").await;
    assert_eq!(error.unwrap_err(), RequestError::Unreachable);
    assert!(quic.net.peers().is_empty());
}
