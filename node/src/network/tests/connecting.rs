//! Connections: how they are made, lost and bounded.

use super::*;

#[tokio::test]
async fn a_maker_restarted_on_the_same_port_is_reached_again() {
    let mut config = listening();
    config.identity = Some([7; 32]);
    let maker = Node::start(config.clone()).await;
    let taker = Node::with_bootstrap(&maker).await;
    assert_eq!(taker.next_peer().await, maker.id());
    let (id, address) = (maker.id(), maker.address());
    maker.net.shutdown().await;

    config.listen = vec![address.clone()];
    let again = Node::start(config).await;
    assert_eq!(again.id(), id, "the identity follows from the seed");
    assert_eq!(again.address(), address);
    let answer = taker.ask(&again, Protocol::Quote, b"hello").await.unwrap();
    assert_eq!(answer, b"/cambista/quote/1 hello");
    assert_eq!(
        taker.next_peer().await,
        id,
        "the handler hears of its return"
    );
}

#[tokio::test]
async fn a_lost_bootstrap_peer_is_called_until_it_is_back() {
    let mut config = listening();
    config.identity = Some([8; 32]);
    let hub = Node::start(config.clone()).await;
    let node = Node::with_bootstrap(&hub).await;
    assert_eq!(node.next_peer().await, hub.id());
    assert!(node.net.peers()[0].bootstrap);
    config.listen = vec![hub.address()];
    hub.net.shutdown().await;
    node.has_peers(0).await;
    let hub = Node::start(config).await;
    assert_eq!(node.next_peer().await, hub.id());
}

#[tokio::test]
async fn nodes_of_different_networks_part_at_once() {
    let a = Node::listening().await;
    let b = Node::start(NetworkConfig::new(bitcoin::Network::Signet)).await;
    b.net.dial(a.full_address()).await.unwrap();
    let deadline = Instant::now() + SOON;
    while !(a.net.peers().is_empty() && b.net.peers().is_empty()) {
        assert!(Instant::now() < deadline);
        sleep(Duration::from_millis(50)).await;
    }
    assert!(a.peers.lock().await.try_recv().is_err());
}

#[tokio::test]
async fn dialling_tells_who_answered_and_fails_for_somebody_else() {
    let (a, b) = (Node::listening().await, Node::listening().await);
    assert_eq!(b.net.dial(a.address()).await.unwrap(), a.id());
    assert_eq!(b.net.dial(a.full_address()).await.unwrap(), a.id());
    let somebody = libp2p::multiaddr::Protocol::P2p(PeerId::random());
    let error = b.net.dial(a.address().with(somebody)).await;
    assert!(matches!(error, Err(DialError::Failed { .. })));
}

#[tokio::test]
async fn a_port_in_use_stops_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut config = listening();
    config.listen = vec![format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()];
    let (offers, _offers) = mpsc::channel(1);
    let (peers, _peers) = mpsc::channel(1);
    let recorder = Recorder {
        offers,
        peers,
        gate: Arc::new(Semaphore::new(0)),
        waiting: Arc::new(Semaphore::new(0)),
    };
    let result = Network::start(config, Arc::new(recorder)).await;
    assert!(matches!(result, Err(NetworkError::Listen { .. })));
}

#[tokio::test]
async fn swarms_in_one_process_can_do_without_sockets() {
    let mut config = listening();
    config.listen = vec!["/memory/0".parse().unwrap()];
    let a = Node::start(config.clone()).await;
    let b = Node::start(config).await;
    b.ask(&a, Protocol::Quote, b"hello").await.unwrap();
}

#[tokio::test]
async fn connections_beyond_the_limit_are_refused_and_places_come_free_again() {
    let mut config = listening();
    config.limits.inbound = 2;
    config.limits.inbound_known = 0;
    let hub = Node::start(config).await;
    let (first, second) = (Node::with_bootstrap(&hub).await, Node::listening().await);
    hub.next_peer().await;
    second.net.dial(hub.full_address()).await.unwrap();
    hub.next_peer().await;

    let third = Node::listening().await;
    let answer = third.ask(&hub, Protocol::Quote, b"hello").await;
    assert!(answer.is_err());
    assert_eq!(hub.net.peers().len(), 2);

    first.net.shutdown().await;
    hub.has_peers(1).await;
    third.ask(&hub, Protocol::Quote, b"hello").await.unwrap();
    second.ask(&hub, Protocol::Quote, b"hello").await.unwrap();
}

/// The owner's router must not be called because an offer says that a maker is there.
#[tokio::test]
async fn an_address_inside_the_home_is_called_only_when_the_owner_names_it() {
    let mut config = listening();
    config.network = bitcoin::Network::Signet;
    let a = Node::start(config.clone()).await;
    let b = Node::start(config).await;
    assert!(a.net.contact_addrs().is_empty());
    assert_eq!(a.net.shown_addrs(), a.net.listen_addrs());
    let error = b.ask(&a, Protocol::Quote, b"hello").await;
    assert_eq!(error.unwrap_err(), RequestError::Unreachable);
    assert!(a.net.peers().is_empty());

    b.net.dial(a.address()).await.unwrap();
    b.ask(&a, Protocol::Quote, b"hello").await.unwrap();
}

#[tokio::test]
async fn who_holds_a_handle_learns_that_the_swarm_has_ended() {
    let node = Node::listening().await;
    let other = node.net.clone();
    assert!(other.ended().now_or_never().is_none());
    node.net.shutdown().await;
    timeout(SOON, other.ended()).await.unwrap();
}
